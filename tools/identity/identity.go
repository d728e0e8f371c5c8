package identity

import (
	"context"
	"errors"
	"fmt"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// GetIdentityParams are the arguments of get_identity.
type GetIdentityParams struct{ tool.IdentityArgument }

// GetIdentityResult is the result of get_identity.
type GetIdentityResult struct {
	tool.ActedFor
	tool.IdentityDetails
}

// Summary implements Result.
func (r GetIdentityResult) Summary() string {
	return fmt.Sprintf("Identity %s (%s), reached at %s.", r.Identity.Name, r.Identity.UUID, r.Reach())
}

func (h *handlers) getIdentity(ctx context.Context, call tool.Call, p GetIdentityParams) (GetIdentityResult, error) {
	resolved, err := h.Resolver.Resolve(ctx, call.Call, session.Query{Argument: p.Identity})
	if err != nil {
		return GetIdentityResult{}, err
	}
	return GetIdentityResult{ActedFor: tool.Acted(resolved), IdentityDetails: tool.Details(resolved.Identity)}, nil
}

// UseIdentityParams are the arguments of use_identity.
type UseIdentityParams struct {
	Identity string `json:"identity" jsonschema:"minLength=1,maxLength=254" jsonschema_description:"The identity to use from now on: uuid, name or email address."`
}

// UseIdentityResult is the result of use_identity.
type UseIdentityResult struct {
	tool.ActedFor
	tool.IdentityDetails
	Bound  bool   `json:"bound" jsonschema_description:"Whether later calls of this session use it by themselves. If false, pass its uuid as identity."`
	Cursor string `json:"cursor" jsonschema_description:"Armed now: pass it to wait_for_otp after triggering the message."`
}

// Summary implements Result.
func (r UseIdentityResult) Summary() string {
	return fmt.Sprintf("Identity %s (%s), reached at %s. %s", r.Identity.Name, r.Identity.UUID, r.Reach(), bindingAdvice(r.Bound))
}

func (h *handlers) useIdentity(ctx context.Context, call tool.Call, p UseIdentityParams) (UseIdentityResult, error) {
	identity, err := h.Resolver.Lookup(ctx, call.Call, p.Identity)
	if err != nil {
		return UseIdentityResult{}, err
	}
	h.Leases.Used(call.Caller.Name, identity.UUID)
	cursor, err := h.Arm(ctx, call, identity)
	if err != nil {
		return UseIdentityResult{}, err
	}
	if call.HasSession() {
		if err := h.Store.Bind(ctx, call.Key(), identity.UUID); err != nil {
			return UseIdentityResult{}, err
		}
	}
	return UseIdentityResult{
		ActedFor:        tool.ActedFor{Identity: tool.Ref(identity), ResolvedBy: session.ByArgument},
		IdentityDetails: tool.Details(identity), Bound: call.HasSession(), Cursor: cursor,
	}, nil
}

// DeleteIdentityParams are the arguments of delete_identity.
type DeleteIdentityParams struct {
	Identity string `json:"identity" jsonschema:"minLength=1,maxLength=254" jsonschema_description:"The identity to delete for ever: uuid, name or email address. There is no default."`
}

// DeleteIdentityResult is the result of delete_identity.
type DeleteIdentityResult struct {
	tool.ActedFor
	Deleted bool `json:"deleted"`
}

// Summary implements Result.
func (r DeleteIdentityResult) Summary() string {
	return fmt.Sprintf("Deleted identity %s (%s) with its address, phone number and vaults.", r.Identity.Name, r.Identity.UUID)
}

// decideDelete asks for a decision about every identity that this caller did not
// create.
func (h *handlers) decideDelete(ctx context.Context, call tool.Call, p DeleteIdentityParams) (*tool.Decision, error) {
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

func (h *handlers) deleteIdentity(ctx context.Context, call tool.Call, p DeleteIdentityParams) (DeleteIdentityResult, error) {
	var none DeleteIdentityResult
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
	return DeleteIdentityResult{ActedFor: tool.ActedFor{Identity: tool.Ref(identity), ResolvedBy: session.ByArgument}, Deleted: true}, nil
}
