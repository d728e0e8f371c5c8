package identity

import (
	"context"
	"errors"

	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

// remove deletes an identity and everything that this server knows of it. One that is gone already
// is what was asked for.
func (h *handlers) remove(ctx context.Context, call tool.Call, client *ravi.Client, uuid string) error {
	if err := client.DeleteIdentity(ctx, uuid); err != nil && !errors.Is(err, ravi.ErrNotFound) {
		return err
	}
	h.Leases.Forget(uuid)
	h.AccountOf(call.Call).Forget()
	if call.Session != "" {
		if err := h.Store.Unlearn(ctx, call.Key(), uuid); err != nil {
			return err
		}
	}
	return h.Store.ForgetIdentity(ctx, uuid)
}
