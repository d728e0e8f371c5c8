package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

// cleanup is one run of cleanup_identities that deletes, with what became of each identity so far.
type cleanup struct {
	*handlers
	call     tool.Call
	client   *ravi.Client
	plan     cleanupPlan
	outcomes []cleanupOutcome
	left     []string // uuids that are to be tried again
	deleted  int
}

func (c *cleanup) note(i tool.IdentityRef, status cleanupStatus, code fault.Code) {
	c.outcomes = append(c.outcomes, cleanupOutcome{IdentityRef: i, Status: status, Code: code})
	if status == cleanupFailed || status == cleanupNotYet {
		c.left = append(c.left, i.UUID)
	}
}

// delete deletes one identity, if it still is what the dry run listed. It fails only where going on
// makes no sense and nothing was deleted yet.
func (c *cleanup) delete(ctx context.Context, i ravi.Identity) error {
	if !c.plan.means(i) {
		c.note(tool.Ref(i), cleanupKept, "")
		return nil
	}
	if end, has := ctx.Deadline(); ctx.Err() != nil || has && time.Until(end) < lastDeletion {
		c.note(tool.Ref(i), cleanupNotYet, "")
		return nil
	}
	err := c.remove(ctx, c.call, c.client, i.UUID)
	switch {
	case err == nil:
		c.deleted++
		c.note(tool.Ref(i), cleanupDeleted, "")
	case errors.Is(err, ravi.ErrUnsupported) && c.deleted == 0:
		return fault.New(fault.Unsupported, fmt.Sprintf("This Ravi cannot delete identities; all %d still exist, with their addresses and vaults.", len(c.plan.Identities)),
			"Do not retry. The owner of the account can delete them in Ravi's dashboard.").WithCause(err)
	default:
		c.note(tool.Ref(i), cleanupFailed, fault.From(err).Code)
	}
	return nil
}
