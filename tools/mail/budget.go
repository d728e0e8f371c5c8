package mail

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"ravi-mcp/internal/fault"
)

// The send budget of one caller, mail and SMS together. It is what Ravi lets
// one account send (API.md section 7.4).
const (
	sendsHourly = 60
	sendsDaily  = 500
)

// sendBudget counts what callers have sent, in memory. The zero value is ready
// for use.
type sendBudget struct {
	mu   sync.Mutex
	sent map[string][]time.Time // oldest first, of the last day
}

// take counts a message of a caller, or says how long to wait for the next one.
// giveBack takes the count back, for a message that did not go out.
func (b *sendBudget) take(caller string, now time.Time) (giveBack func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sent == nil {
		b.sent = make(map[string][]time.Time)
	}
	past := slices.DeleteFunc(b.sent[caller], func(t time.Time) bool { return !t.After(now.Add(-24 * time.Hour)) })
	b.sent[caller] = past
	for _, limit := range []struct {
		most int
		span time.Duration
		word string
	}{{sendsHourly, time.Hour, "an hour"}, {sendsDaily, 24 * time.Hour, "a day"}} {
		if len(past) < limit.most {
			continue
		}
		// The message that has to leave the span before another one fits.
		if first := past[len(past)-limit.most]; first.After(now.Add(-limit.span)) {
			e := fault.New(fault.RateLimited, fmt.Sprintf("This caller has sent %d messages within %s, and no more are sent.", limit.most, limit.word),
				"Nothing was sent. Wait and call again.")
			e.RetryAfter = first.Add(limit.span).Sub(now)
			return nil, e
		}
	}
	b.sent[caller] = append(past, now)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if i := slices.Index(b.sent[caller], now); i >= 0 {
			b.sent[caller] = slices.Delete(b.sent[caller], i, i+1)
		}
	}, nil
}
