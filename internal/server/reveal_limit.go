package server

import (
	"context"

	"ravi-mcp/internal/fault"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// DefaultReveals is how many stored values one caller is shown in an hour unless an operator says
// otherwise: plenty for a task, and a bound for an agent that was talked into reading a whole vault
// (SECURITY.md S4).
const DefaultReveals = 120

// NewReveals returns a budget of so many values an hour, a quarter of them at once; a negative
// number sets no limit.
func NewReveals(perHour int) *session.Budget {
	return &session.Budget{Limit: perHour, Burst: (perHour + 3) / 4}
}

// limitReveals holds the calls that show a stored value to the caller's budget. A call counts once
// nothing but Ravi is left to stop it; one that fails has shown nothing and does not count.
func limitReveals(budget *session.Budget, deps *tool.Deps) middleware {
	return func(next handler) handler {
		return func(ctx context.Context, r *request) (tool.Result, error) {
			if r.Hides || r.Shows == nil || !r.Shows(r.Arguments) {
				return next(ctx, r)
			}
			giveBack, err := takeReveal(budget, deps, r)
			if err != nil {
				r.Verdict = verdictDenied
				return nil, err
			}
			result, err := next(ctx, r)
			if err != nil {
				giveBack()
			}
			return result, err
		}
	}
}

// takeReveal counts one value as shown to the caller of a request, or refuses it.
func takeReveal(budget *session.Budget, deps *tool.Deps, r *request) (giveBack func(), err error) {
	giveBack, wait := budget.Take(r.Caller.Name, deps.Time())
	if wait > 0 {
		e := fault.New(fault.RateLimited, "This caller was shown as many stored values as it may be for now.",
			"Wait and call again, and ask only for the value that you are about to use. Where the tool takes `reveal`, false shows everything but the value and is not limited.")
		e.RetryAfter = wait
		return nil, e
	}
	return giveBack, nil
}
