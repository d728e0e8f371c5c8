package identity

import (
	"context"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/tools/tool"
)

// binding says whether a session uses an identity by itself from now on.
type binding struct {
	Bound bool   `json:"bound" jsonschema_description:"If false, pass the uuid as identity in every call."`
	Hint  string `json:"hint,omitempty"`
}

// The reasons for not being bound.
const (
	passIdentity = "Pass its uuid as `identity` in every call from now on"
	noSession    = "This client has no session to remember it. " + passIdentity + ", and its cursor to waits."
	noSessionBut = "This client has no session to remember it, and calls without `identity` go to another one, which the operator has set. " + passIdentity + ", and its cursor to waits."
	sharedHint   = "Several clients share this server, so it remembers no identity for any of them. " + passIdentity + ", and its cursor to waits."
	severalHint  = "This session has known more than one identity, so none is assumed. " + passIdentity + ", also for the other ones."
)

// configured returns the identity that the session's calls went to so far, or would go to, because
// the operator has set it; "" if there is none.
func (h *handlers) configured(ctx context.Context, call tool.Call) (string, error) {
	if call.Session == "" {
		return "", nil
	}
	return h.Resolver.Configured(ctx, call.Call)
}

// takeUp has the session know the identity, and keeps the cursor as the session's own. configured
// is the operator's that counts beside it even if no call of the session went there, "" for none.
func (h *handlers) takeUp(ctx context.Context, call tool.Call, target inbox.Target, cursor, configured string) (binding, error) {
	if call.Session == "" {
		// Only the hint depends on it, and the identity may have been created by now.
		if operators, err := h.Resolver.Configured(ctx, call.Call); err == nil && operators != "" && operators != target.Identity {
			return binding{Hint: noSessionBut}, nil
		}
		return binding{Hint: noSession}, nil
	}
	known, err := h.Store.Learn(ctx, call.Key(), target.Identity, configured)
	if err != nil {
		return binding{}, err
	}
	switch {
	case call.Shared:
		return binding{Hint: sharedHint}, nil
	case known.Several:
		return binding{Hint: severalHint}, h.KeepCursor(ctx, call, target, cursor)
	}
	return binding{Bound: true}, h.KeepCursor(ctx, call, target, cursor)
}
