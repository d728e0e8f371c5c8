package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/session/lease"
	"ravi-mcp/tools/tool"
)

// ephemeralParams are the arguments of create_identity that make the new identity one for a task.
type ephemeralParams struct {
	Ephemeral  bool `json:"ephemeral,omitempty" jsonschema_description:"Delete it, with all it holds, after ttl_minutes without use; on a local server also when this client ends."`
	TTLMinutes int  `json:"ttl_minutes,omitempty" jsonschema:"minimum=1,maximum=10080" jsonschema_description:"For ephemeral (default 60)."`
}

// lifetime says in a result how long an identity lives.
type lifetime struct {
	Ephemeral bool      `json:"ephemeral,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero" jsonschema_description:"Deleted then; every use puts it off."`
}

const defaultTTL = time.Hour

// ttl is never shorter than the longest wait, so that none outlives its identity.
func (h *handlers) ttl(p ephemeralParams) time.Duration {
	if p.TTLMinutes == 0 {
		return defaultTTL
	}
	return max(time.Duration(p.TTLMinutes)*time.Minute, h.WaitLimit()+10*time.Second)
}

func (h *handlers) checkEphemeral(p ephemeralParams) error {
	if p.TTLMinutes != 0 && !p.Ephemeral {
		return fault.New(fault.InvalidArgument, "`ttl_minutes` needs `ephemeral`.", "Set ephemeral to true for an identity that is deleted by itself, or leave ttl_minutes out.")
	}
	if p.Ephemeral && h.Leases == nil {
		return fault.New(fault.Unsupported, "This server makes no ephemeral identities.", "Leave `ephemeral` out, and delete the identity when the task is done.")
	}
	return nil
}

func ephemeralConflict(existing ravi.Identity) error {
	return fault.New(fault.Conflict, fmt.Sprintf("An identity of that name exists: %s. Only a new one can be ephemeral.", existing.UUID),
		"Choose another name, or leave `ephemeral` out and pass its uuid as `identity`.")
}

// claim makes sure that an identity which is about to get that name cannot be taken for what became
// of a creation whose answer was lost. What its caller is recorded to own is never taken for that,
// so with Own nothing is asked, and no caller learns which names others are using.
func (h *handlers) claim(call tool.Call, client *ravi.Client, name string) error {
	if call.Caller.Rights.Own {
		return nil
	}
	err := h.Leases.Claim(client, name)
	switch {
	case errors.Is(err, lease.ErrNameInFlight):
		return fault.New(fault.Conflict, "Another server is creating an identity of that name, or was not answered when it did.",
			"Choose another name, or call again in two minutes.")
	case fault.Has(err, fault.Unavailable):
		return err
	case err != nil:
		return fault.New(fault.Unavailable, "This server could not read its notes on ephemeral identities.",
			"Call again; if it happens again, a person has to look at the server's state folder.").WithCause(err)
	}
	return nil
}

// create creates an identity. The note that an ephemeral one needs, and one that its caller is to
// own, is on the disk before the creation is sent.
func (h *handlers) create(ctx context.Context, call tool.Call, client *ravi.Client, p createIdentityParams) (*ravi.Identity, lifetime, error) {
	if err := h.claim(call, client, p.Name); err != nil {
		return nil, lifetime{}, err
	}
	all, err := h.AccountOf(call.Call).Identities(ctx)
	if err != nil {
		return nil, lifetime{}, err
	}
	n := ravi.NewIdentity{Name: p.Name, ProvisionPhone: p.ProvisionPhone, Known: []string{}}
	for _, i := range all {
		if i.Name == p.Name {
			n.Known = append(n.Known, i.UUID)
		}
	}
	if !p.Ephemeral && !call.Caller.Rights.Own {
		created, err := client.CreateIdentity(ctx, n)
		return created, lifetime{}, unanswered(call, err)
	}
	if call.Caller.Rights.Own {
		h.forgetGone(ctx, client, all)
	}
	intent, err := h.begin(call, client, p, n.Known)
	if err != nil {
		return nil, lifetime{}, err
	}
	created, err := h.send(ctx, call, client, intent, n)
	if err != nil {
		intent.Failed(err)
		return nil, lifetime{}, unanswered(call, err)
	}
	if slices.ContainsFunc(all, func(i ravi.Identity) bool { return strings.EqualFold(i.UUID, created.UUID) }) {
		intent.Kept(*created) // it is neither deleted nor owned
		return nil, lifetime{}, fault.New(fault.Conflict, "Ravi answered with an identity that existed before, not with a new one.", "Choose another name.")
	}
	if err := h.own(ctx, call, client, created.UUID); err != nil {
		intent.Unrecorded(*created)
		return nil, lifetime{}, err
	}
	if !p.Ephemeral {
		intent.Kept(*created)
		return created, lifetime{}, nil
	}
	return created, lifetime{Ephemeral: true, ExpiresAt: intent.Created(*created)}, nil
}

// begin notes that a creation is about to be sent.
func (h *handlers) begin(call tool.Call, client *ravi.Client, p createIdentityParams, known []string) (intent *lease.Intent, err error) {
	what, otherwise := "that the identity is ephemeral", "Create it without `ephemeral` and delete it afterwards. "
	switch {
	case p.Ephemeral:
		intent, err = h.Leases.Begin(client, call.Caller.Name, p.Name, h.ttl(p.ephemeralParams), known)
	case h.Leases == nil:
		what, otherwise, err = "whose the identity is", "", errors.New("there is no state folder")
	default:
		what, otherwise = "whose the identity is", ""
		intent, err = h.Leases.BeginOwned(client, call.Caller.Name, p.Name, known)
	}
	if err != nil && !fault.Has(err, fault.Unavailable) {
		err = fault.New(fault.Unavailable, "This server could not note down "+what+", so it was not created.",
			otherwise+"A person may have to look at the server's state folder.").WithCause(err)
	}
	return intent, err
}

// send sends a creation that asks for the address of its intent.
func (h *handlers) send(ctx context.Context, call tool.Call, client *ravi.Client, intent *lease.Intent, n ravi.NewIdentity) (*ravi.Identity, error) {
	if call.Caller.Rights.Own {
		n.Known = nil // a name does not tell whose it is: an unanswered creation is never guessed
	}
	n.Email = intent.Address()
	created, err := client.CreateIdentity(ctx, n)
	if refused := (*ravi.Error)(nil); errors.As(err, &refused) && !refused.Unanswered() && slices.Contains(refused.Fields, "email") {
		n.Email = "" // a Ravi that takes no address
		created, err = client.CreateIdentity(ctx, n)
	}
	return created, err
}

// unanswered says what to look at after a creation whose outcome is unknown.
func unanswered(call tool.Call, err error) error {
	var lost *ravi.Error
	if !errors.As(err, &lost) || !lost.Unanswered() {
		return err
	}
	if call.Caller.Rights.Own {
		return fault.New(fault.Unavailable, "Ravi's answer was lost, so it is not certain whether the identity was created. If it was, it does not exist for this client.",
			"Call again for another one.").WithCause(err)
	}
	return fault.New(fault.Unavailable, "Ravi's answer was lost, so it is not certain whether the identity was created.",
		"Wait two minutes and look which identities there are. If an identity of that name was created just now, and by nobody else, pass its uuid as `identity`; if there is none, call again.").WithCause(err)
}
