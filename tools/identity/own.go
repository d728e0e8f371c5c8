package identity

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

const (
	// ownTime bounds the record of a creation, which is made even if the client is gone.
	ownTime = 10 * time.Second
	// maxChecked is how many records of owners a creation looks at.
	maxChecked = 8
)

// own records the creator of an identity, where only that record makes it exist for the caller.
func (h *handlers) own(ctx context.Context, call tool.Call, client *ravi.Client, uuid string) error {
	if !call.Caller.Rights.Own {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ownTime)
	defer cancel()
	err := h.Store.RecordOwner(ctx, session.Ownership{Caller: call.Caller.Name, Identity: uuid, Credential: client.CredentialID()})
	if err != nil {
		return fault.New(fault.Unavailable, "This server could not record that the new identity is yours, so it is deleted again.",
			"Call again in a moment. If it happens again, a person has to look at the server's state folder or store.").WithCause(err)
	}
	return nil
}

// forgetGone drops records of identities that were deleted elsewhere. It looks at a few for each
// creation, so that they do not pile up. What is not among all, which Ravi has listed just now, is
// asked for once more.
func (h *handlers) forgetGone(ctx context.Context, client *ravi.Client, all []ravi.Identity) {
	owned, _ := h.Store.OwnedWith(ctx, client.CredentialID(), maxChecked) // the next creation tries again
	for _, uuid := range owned {
		if slices.ContainsFunc(all, func(i ravi.Identity) bool { return strings.EqualFold(i.UUID, uuid) }) {
			continue
		}
		if _, err := client.Identity(ctx, uuid); errors.Is(err, ravi.ErrNotFound) {
			_ = h.Store.ForgetIdentity(ctx, uuid)
		}
	}
}
