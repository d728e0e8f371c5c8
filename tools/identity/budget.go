package identity

import (
	"ravi-mcp/internal/fault"
	"ravi-mcp/tools/tool"
)

// DefaultCreates is how many identities and phone numbers one caller gets in an hour unless an
// operator says otherwise. They cost money and stay.
const DefaultCreates = 60

// spendCreate counts a creation of the caller's before it is sent, or refuses it. giveBack takes
// the count back if the error of the creation says that nothing came of it.
func (h *handlers) spendCreate(call tool.Call) (giveBack func(error), err error) {
	back, wait := h.creates.Take(call.Caller.Name, h.Time())
	if wait > 0 {
		e := fault.New(fault.RateLimited, "This caller has got as many identities and phone numbers as it may for now. Nothing was created.",
			"Use one that exists, or wait and call again.")
		e.RetryAfter = wait
		return nil, e
	}
	return func(err error) {
		if !tool.PerhapsSent(err) {
			back()
		}
	}, nil
}
