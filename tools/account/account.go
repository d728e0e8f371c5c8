package account

import (
	"context"
	"errors"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// Problem is something that does not work, as an error would say it.
type Problem struct {
	Part      string     `json:"part" jsonschema:"enum=credential,enum=owner,enum=plan,enum=encryption,enum=identities,enum=identity,enum=delivery"`
	Code      fault.Code `json:"code"`
	Message   string     `json:"message"`
	Hint      string     `json:"hint"`
	Retryable bool       `json:"retryable"`
}

// GetAccountResult is the result of get_account.
type GetAccountResult struct {
	OK         bool              `json:"ok" jsonschema_description:"Whether nothing is wrong."`
	Version    string            `json:"server_version,omitempty"`
	Scheme     string            `json:"scheme" jsonschema:"enum=token,enum=key,enum=none" jsonschema_description:"How this server authenticates with Ravi."`
	From       string            `json:"account_from,omitempty" jsonschema_description:"The variable or file that says which account it is."`
	BaseURL    string            `json:"base_url,omitempty"`
	Owner      string            `json:"owner,omitempty" jsonschema_description:"The address of the person whose account it is. Not to be used for filling forms."`
	Encryption string            `json:"encryption" jsonschema:"enum=none,enum=open,enum=locked,enum=unknown" jsonschema_description:"none: nothing is end-to-end encrypted. open: this server has the keys. locked: it has not, and cannot read encrypted values."`
	Delivery   string            `json:"delivery" jsonschema:"enum=stream,enum=polling,enum=unknown" jsonschema_description:"How new messages are noticed."`
	Identities int               `json:"identities" jsonschema_description:"How many identities you may use."`
	Identity   *tool.IdentityRef `json:"identity,omitempty" jsonschema_description:"The identity that a call without the argument means now."`
	ResolvedBy session.By        `json:"resolved_by,omitempty" jsonschema_description:"What determined it."`
	IdentityBy string            `json:"identity_from,omitempty" jsonschema_description:"The variable, file or other setting it came from."`
	Problems   []Problem         `json:"problems"`
}

// problem notes why a part could not be found out.
func (r *GetAccountResult) problem(part string, err error) {
	e := fault.From(err)
	r.Problems = append(r.Problems, Problem{Part: part, Code: e.Code, Message: e.Message, Hint: e.Hint, Retryable: e.Code.Retryable()})
}

// partTime bounds each part of the check, so that one that hangs leaves time for the others.
const partTime = 8 * time.Second

func (h *handlers) getAccount(ctx context.Context, call tool.Call, p tool.IdentityArgument) (GetAccountResult, error) {
	r := GetAccountResult{Version: h.Version, Scheme: "none", Encryption: "unknown", Delivery: "unknown", Problems: []Problem{}}
	client, err := h.AccountOf(call.Call).Client()
	if err != nil {
		r.problem("credential", err)
		return r, nil
	}
	r.Scheme, r.From, r.BaseURL = string(client.Scheme()), client.Source(), client.Origin()
	try := func(part string, find func(context.Context) error) {
		limited, cancel := context.WithTimeout(ctx, partTime)
		defer cancel()
		if err := find(limited); err != nil {
			h.AccountOf(call.Call).Observe(err)
			r.problem(part, err)
		}
	}
	try("owner", func(ctx context.Context) error {
		user, err := client.User(ctx)
		if err == nil {
			r.Owner = tool.Clean(user.Email, tool.MaxFrom)
		}
		return err
	})
	try("encryption", func(ctx context.Context) (err error) {
		r.Encryption, err = encryptionOf(ctx, client)
		return err
	})
	try("identities", func(ctx context.Context) error {
		mine, err := h.Identities(ctx, call)
		r.Identities = len(mine)
		return err
	})
	try("identity", func(ctx context.Context) error {
		resolved, err := h.Resolver.Resolve(ctx, call.Call, session.Query{Argument: p.Identity})
		if err == nil {
			identity := tool.Ref(resolved.Identity)
			r.Identity, r.ResolvedBy, r.IdentityBy = &identity, resolved.By, h.settingOf(resolved.By, client)
		}
		return err
	})
	if r.Identity != nil {
		try("delivery", func(ctx context.Context) (err error) {
			r.Delivery, err = deliveryOf(ctx, client.Scope(r.Identity.UUID))
			return err
		})
	}
	if refused := h.AccountOf(call.Call).PlanRefused(); !refused.IsZero() {
		r.problem("plan", &ravi.Error{Op: "use the plan", Kind: ravi.ErrSubscriptionRequired})
	}
	r.OK = len(r.Problems) == 0
	return r, nil
}

// settingOf says which setting named the identity of a call, "" where the call or its session did.
func (h *handlers) settingOf(by session.By, client *ravi.Client) string {
	switch by {
	case session.ByHeader:
		return "X-Ravi-Identity"
	case session.ByServer:
		return h.Resolver.IdentitySource
	case session.ByCallerDefault:
		return "default_identity"
	case session.ByConfigFile:
		ref, _ := h.Resolver.ConfigFile()
		return ref.Source
	case session.ByCredential:
		return client.Source()
	}
	return ""
}

func encryptionOf(ctx context.Context, client *ravi.Client) (string, error) {
	if client.CanOpen() {
		return "open", nil
	}
	metadata, err := client.EncryptionMetadata(ctx)
	switch {
	case errors.Is(err, ravi.ErrUnsupported), err == nil && (metadata == nil || metadata.PublicKey == ""):
		return "none", nil
	case err != nil:
		return "unknown", err
	}
	return "locked", &ravi.Error{Op: "open the vault", Kind: ravi.ErrLocked}
}

// deliveryOf opens the event stream once, to see whether there is one.
func deliveryOf(ctx context.Context, scope *ravi.Scope) (string, error) {
	stream, err := scope.Events(ctx, ravi.EventsConfig{})
	if errors.Is(err, ravi.ErrUnsupported) {
		return "polling", nil
	}
	if err != nil {
		return "unknown", err
	}
	return "stream", stream.Close()
}

type mailDomain struct {
	Domain   string `json:"domain"`
	Platform bool   `json:"platform" jsonschema_description:"Whether it is Ravi's own."`
	Verified bool   `json:"verified" jsonschema_description:"Whether it can be used."`
}

type listDomainsResult struct {
	Domains []mailDomain `json:"domains"`
}

func (h *handlers) listDomains(ctx context.Context, call tool.Call, _ struct{}) (listDomainsResult, error) {
	client, err := h.AccountOf(call.Call).Client()
	if err != nil {
		return listDomainsResult{}, err
	}
	found, err := client.Domains(ctx)
	if err != nil {
		return listDomainsResult{}, err
	}
	return listDomainsResult{tool.Convert(found, func(m ravi.Domain) mailDomain {
		return mailDomain{Domain: tool.Clean(m.Domain, 253), Platform: m.IsPlatform, Verified: m.IsVerified}
	})}, nil
}
