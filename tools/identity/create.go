package identity

import (
	"context"
	"fmt"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

type createIdentityParams struct {
	Name           string `json:"name" jsonschema:"minLength=1,maxLength=64,pattern=^[^@\\x00-\\x1F\\x7F]+$" jsonschema_description:"To find it again by, such as worker-42. At most 64 characters, no @, no uuid."`
	IfExists       string `json:"if_exists,omitempty" jsonschema:"enum=error,enum=reuse" jsonschema_description:"If the name is taken: error (default) or reuse."`
	ProvisionPhone bool   `json:"provision_phone,omitempty" jsonschema_description:"Also get a phone number where the plan gives none by itself; may cost."`
	ephemeralParams
}

type createIdentityResult struct {
	tool.ActedFor
	tool.IdentityDetails
	Created bool `json:"created" jsonschema_description:"False when reused."`
	binding
	Cursor string `json:"cursor" jsonschema_description:"Armed: for wait_for_otp."`
	lifetime
	phoneTerms
}

func (h *handlers) createIdentity(ctx context.Context, call tool.Call, p createIdentityParams) (none createIdentityResult, err error) {
	if err := checkNewName(call, p.Name); err != nil {
		return none, err
	}
	if err := h.checkEphemeral(p.ephemeralParams); err != nil {
		return none, err
	}
	client, err := h.AccountOf(call.Call).Client()
	if err != nil {
		return none, err
	}
	configured, err := h.configured(ctx, call)
	if err != nil {
		return none, err
	}
	existing, release, err := h.holdName(ctx, call, client, p.Name)
	if err != nil {
		return none, err
	}
	defer release()
	switch {
	case existing != nil && p.Ephemeral:
		return none, ephemeralConflict(*existing)
	case existing != nil && p.IfExists == "reuse":
		return h.adopt(ctx, call, *existing, configured)
	case existing != nil:
		return none, fault.New(fault.Conflict, fmt.Sprintf("An identity of that name exists: %s.", existing.UUID),
			"Pass its uuid as `identity`, or call again with if_exists set to reuse, or choose another name.")
	}

	giveBack, err := h.spendCreate(call)
	if err != nil {
		return none, err
	}
	created, lease, err := h.create(ctx, call, client, p)
	if err != nil {
		giveBack(err)
		return none, err
	}
	h.AccountOf(call.Call).Forget()
	r, err := h.introduce(ctx, call, *created, configured)
	r.lifetime, r.phoneTerms = lease, termsOf(*created, p.ProvisionPhone)
	return r, err
}

// checkNewName refuses what would be mistaken for a uuid or an address later, and what this caller
// could not use afterwards.
func checkNewName(call tool.Call, name string) error {
	if strings.TrimSpace(name) != name {
		return fault.New(fault.InvalidArgument, "`name` must not begin or end with a space.", "Send the name without the spaces.")
	}
	if session.LooksLikeUUID(name) {
		return fault.New(fault.InvalidArgument, "`name` must not look like a uuid.", "Choose a speaking name such as worker-42.")
	}
	if !call.Caller.Rights.AllowsNew(name) {
		return nameForbidden(call)
	}
	return nil
}

func nameForbidden(call tool.Call) error {
	hint := "Leave its name as it is: the operator gave it to this client by that name."
	if patterns := call.Caller.Rights.Identities; len(patterns) > 0 {
		hint = fmt.Sprintf("Choose a name that fits one of: %s.", strings.Join(patterns, ", "))
	}
	return fault.New(fault.Forbidden, "This caller may not use an identity of that name.", hint)
}

// introduce records a new identity, has the session know it, and arms.
func (h *handlers) introduce(ctx context.Context, call tool.Call, identity ravi.Identity, configured string) (createIdentityResult, error) {
	lost := func(err error) error {
		return fault.New(fault.Unavailable, fmt.Sprintf("The identity %s was created, but this server could not record that.", identity.UUID),
			"Pass its uuid as `identity`. A person may have to delete it later.").WithCause(err)
	}
	target, err := h.Target(call, identity)
	if err != nil {
		return createIdentityResult{}, lost(err)
	}
	if err := h.Store.RecordCreated(ctx, call.Caller.Name, identity.UUID); err != nil {
		return createIdentityResult{}, lost(err)
	}
	cursor, err := h.Inbox.ArmEmpty(target)
	if err != nil {
		return createIdentityResult{}, lost(err)
	}
	bound, err := h.takeUp(ctx, call, target, cursor, configured)
	if err != nil {
		return createIdentityResult{}, lost(err)
	}
	return createIdentityResult{
		ActedFor:        tool.ActedFor{Identity: tool.Ref(identity), ResolvedBy: session.ByCreated},
		IdentityDetails: tool.Details(identity), Created: true, binding: bound, Cursor: cursor,
	}, nil
}

func (h *handlers) adopt(ctx context.Context, call tool.Call, identity ravi.Identity, configured string) (createIdentityResult, error) {
	h.Leases.Used(call.Caller.Name, identity.UUID)
	target, err := h.Target(call, identity)
	if err != nil {
		return createIdentityResult{}, err
	}
	cursor, err := h.Inbox.Arm(ctx, target)
	if err != nil {
		return createIdentityResult{}, tool.WaitFault(err)
	}
	bound, err := h.takeUp(ctx, call, target, cursor, configured)
	if err != nil {
		return createIdentityResult{}, err
	}
	return createIdentityResult{
		ActedFor:        tool.ActedFor{Identity: tool.Ref(identity), ResolvedBy: session.ByArgument},
		IdentityDetails: tool.Details(identity), binding: bound, Cursor: cursor,
	}, nil
}
