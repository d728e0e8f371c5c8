package mail

import (
	"context"
	"fmt"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
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

// maxRefusals is how many messages of one caller may hold a value within an hour. Then none is
// sent: it is a caller that was talked into sending values, or that tries which one is right.
const maxRefusals = 3

// checkContent refuses a message by scan, and every message of a caller that was refused too often.
// A refusal tells that a value is stored, so it counts as one that was shown, and there has to be
// room for it before the scan.
func (h *handlers) checkContent(ctx context.Context, call tool.Call, scope *ravi.Scope, m message) error {
	name := call.Caller.Name
	if wait := h.refusals.Wait(name, h.Time()); wait > 0 {
		return locked(wait)
	}
	giveBack, err := reveal(call)
	if err != nil {
		return err
	}
	giveBack()
	switch err := h.scan(ctx, call, scope, m); {
	case err == nil: // calls beside this one may have been refused meanwhile
		if wait := h.refusals.Wait(name, h.Time()); wait > 0 {
			return locked(wait)
		}
		return nil
	case !holdsValue(err):
		return err
	default:
		if _, wait := h.refusals.Take(name, h.Time()); wait > 0 {
			return locked(wait)
		}
		if _, shown := reveal(call); shown != nil {
			return shown
		}
		return err
	}
}

// reveal counts a value as shown to the caller.
func reveal(call tool.Call) (giveBack func(), err error) {
	if call.TakeReveal == nil {
		return func() {}, nil
	}
	return call.TakeReveal()
}

func locked(wait time.Duration) error {
	e := fault.New(fault.RateLimited, fmt.Sprintf("%d messages of this caller held stored values or fresh codes within an hour, and no more are sent.", maxRefusals),
		"Nothing was sent. Do not try other texts; tell the person you work for.").WithReason("sending_locked")
	e.RetryAfter = wait
	return e
}
