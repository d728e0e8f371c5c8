package identity

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

type getIdentityResult struct {
	tool.ActedFor
	tool.IdentityDetails
}

func (h *handlers) getIdentity(ctx context.Context, call tool.Call, p tool.IdentityArgument) (getIdentityResult, error) {
	resolved, err := h.Resolver.Resolve(ctx, call.Call, session.Query{Argument: p.Identity})
	if err != nil {
		return getIdentityResult{}, err
	}
	return getIdentityResult{ActedFor: tool.Acted(resolved), IdentityDetails: tool.Details(resolved.Identity)}, nil
}

type useIdentityParams struct {
	Identity string `json:"identity" jsonschema:"minLength=1,maxLength=254" jsonschema_description:"Uuid, name or address."`
}

type useIdentityResult struct {
	tool.ActedFor
	tool.IdentityDetails
	binding
	Cursor string `json:"cursor" jsonschema_description:"Armed: for wait_for_otp."`
}

func (h *handlers) useIdentity(ctx context.Context, call tool.Call, p useIdentityParams) (useIdentityResult, error) {
	identity, err := h.Resolver.Lookup(ctx, call.Call, p.Identity)
	if err != nil {
		return useIdentityResult{}, err
	}
	h.Leases.Used(call.Caller.Name, identity.UUID)
	target, err := h.Target(call, identity)
	if err != nil {
		return useIdentityResult{}, err
	}
	cursor, err := h.Inbox.Arm(ctx, target)
	if err != nil {
		return useIdentityResult{}, tool.WaitFault(err)
	}
	bound, err := h.takeUp(ctx, call, target, cursor, "")
	if err != nil {
		return useIdentityResult{}, err
	}
	return useIdentityResult{
		ActedFor:        tool.ActedFor{Identity: tool.Ref(identity), ResolvedBy: session.ByArgument},
		IdentityDetails: tool.Details(identity), binding: bound, Cursor: cursor,
	}, nil
}

type deleteIdentityParams struct {
	Identity string `json:"identity" jsonschema:"minLength=1,maxLength=254" jsonschema_description:"Uuid, name or address; no default."`
}

type deleteIdentityResult struct {
	tool.ActedFor
	Deleted bool `json:"deleted"`
}

// decideDelete asks for a decision about every identity that this caller did not create.
func (h *handlers) decideDelete(ctx context.Context, call tool.Call, p deleteIdentityParams) (*tool.Decision, error) {
	identity, err := h.Resolver.Lookup(ctx, call.Call, p.Identity)
	if err != nil {
		return nil, err
	}
	mine, err := h.Store.CreatedBy(ctx, call.Caller.Name, identity.UUID)
	if err != nil || mine {
		return nil, err
	}
	return &tool.Decision{Identity: tool.Ref(identity), Consequence: "Deletes the identity, which this client did not create, for ever: " +
		"its address, phone number, messages, passwords and secrets. It cannot be undone."}, nil
}

func (h *handlers) deleteIdentity(ctx context.Context, call tool.Call, p deleteIdentityParams) (none deleteIdentityResult, err error) {
	identity, err := h.Resolver.Lookup(ctx, call.Call, p.Identity)
	if err != nil {
		return none, err
	}
	if err := call.DecidedOn(identity.UUID); err != nil {
		return none, err
	}
	client, err := h.AccountOf(call.Call).Client()
	if err != nil {
		return none, err
	}
	err = h.remove(ctx, call, client, identity.UUID)
	switch {
	case errors.Is(err, ravi.ErrUnsupported):
		return none, fault.New(fault.Unsupported, "This Ravi cannot delete identities; the identity still exists, with its address and vaults.",
			"Do not retry. The owner of the account can delete it in Ravi's dashboard.").WithCause(err)
	case err != nil:
		return none, err
	}
	return deleteIdentityResult{ActedFor: tool.ActedFor{Identity: tool.Ref(identity), ResolvedBy: session.ByArgument}, Deleted: true}, nil
}

type listIdentitiesParams struct {
	NamePrefix string `json:"name_prefix,omitempty" jsonschema:"maxLength=64" jsonschema_description:"Beginning of the name."`
	Limit      int    `json:"limit,omitempty" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"At most so many (default 20)."`
}

type listedIdentity struct {
	tool.IdentityRef
	tool.IdentityDetails
}

type listIdentitiesResult struct {
	Identities []listedIdentity `json:"identities"`
	Total      int              `json:"total" jsonschema_description:"Those beyond the limit too."`
	Hint       string           `json:"hint,omitempty"`
}

func (h *handlers) listIdentities(ctx context.Context, call tool.Call, p listIdentitiesParams) (listIdentitiesResult, error) {
	mine, err := h.Identities(ctx, call)
	if err != nil {
		return listIdentitiesResult{}, err
	}
	r := listIdentitiesResult{Identities: []listedIdentity{}}
	for _, i := range mine {
		if !strings.HasPrefix(i.Name, p.NamePrefix) {
			continue
		}
		r.Total++
		if len(r.Identities) < cmp.Or(p.Limit, 20) {
			r.Identities = append(r.Identities, listedIdentity{IdentityRef: tool.Ref(i), IdentityDetails: tool.Details(i)})
		}
	}
	if r.Total == 0 {
		r.Hint = "There is none yet; create_identity makes one."
	}
	return r, nil
}
