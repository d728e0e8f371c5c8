package mail

import (
	"fmt"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// sendLimit is what one caller may send within a span, mail and SMS together.
type sendLimit struct {
	*session.Budget
	span string
}

// sendLimits are what Ravi lets one account send (docs/ravi-api.md#limits).
func sendLimits() []sendLimit {
	return []sendLimit{
		{&session.Budget{Limit: 60, Per: time.Hour}, "an hour"},
		{&session.Budget{Limit: 500, Per: 24 * time.Hour}, "a day"},
	}
}

// spendSend counts a message of the caller's before it is sent, or refuses it. giveBack takes the
// count back, for a message that did not go out.
func (h *handlers) spendSend(call tool.Call) (giveBack func(), err error) {
	var taken []func()
	giveBack = func() {
		for _, back := range taken {
			back()
		}
	}
	now := h.Time()
	for _, limit := range h.sends {
		back, wait := limit.Take(call.Caller.Name, now)
		if wait > 0 {
			giveBack()
			e := fault.New(fault.RateLimited, fmt.Sprintf("This caller has sent %d messages within %s, and no more are sent.", limit.Limit, limit.span),
				"Nothing was sent. Wait and call again.")
			e.RetryAfter = wait
			return nil, e
		}
		taken = append(taken, back)
	}
	return giveBack, nil
}
