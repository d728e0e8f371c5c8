package messages

import (
	"context"
	"slices"
	"time"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/tools/tool"
)

// foundMessage names a message that a wait of the session has found.
type foundMessage struct {
	ID      string    `json:"message_id"`
	FoundAt time.Time `json:"found_at"`
}

// remember keeps which messages a wait has found, and for a wait without an answer gets those that
// the session's earlier ones have found: a client that gives a call up without a word never sees
// its answer, and the session's cursor is past the message.
func (h *handlers) remember(ctx context.Context, call tool.Call, w *waited) error {
	if !call.HasSession() {
		return nil
	}
	key, identity := call.Key(), w.resolved.Identity.UUID
	if w.result.Status == inbox.Pending {
		if w.armed == armedCursor { // a client that passes the cursor of an answer has read that
			return nil
		}
		w.found, _ = h.Store.RecentlyFound(ctx, key, identity) // pending is an answer without it too
		return nil
	}
	answers := w.result.Candidates
	if w.result.Status == inbox.Found {
		answers = []inbox.Answer{w.result.Answer}
	}
	ids := tool.Convert(answers, func(a inbox.Answer) string { return messageID(a.Message.Channel, a.Message.ID) })
	slices.Sort(ids)
	return h.Store.RecordFound(ctx, key, identity, slices.Compact(ids)...)
}
