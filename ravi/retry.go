package ravi

import (
	"context"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	maxAttempts  = 4
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// retry decides for one call whether and when to send it again.
type retry struct {
	budget   time.Duration // what is left for waiting; negative: no retries
	attempts int           // that failed in a way that backs off
	lost     bool          // some attempt may have reached Ravi
	backoff  *backoff.ExponentialBackOff
}

// wait waits until it is time for the next attempt and reports whether there is to be one. It does
// not begin a wait that the context's deadline or the budget would cut short.
func (r *retry) wait(ctx context.Context, repeat bool, failed *Error) bool {
	r.lost = r.lost || failed.lost
	var delay time.Duration
	switch {
	case failed.Status == http.StatusTooManyRequests:
		if delay = failed.RetryAfter; delay == 0 {
			delay = r.next()
		}
	case failed.unsent, failed.lost && repeat:
		delay = r.next()
	default:
		return false
	}
	if r.attempts++; r.attempts >= maxAttempts || delay > r.budget {
		return false
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= delay {
		return false
	}
	r.budget -= delay
	return sleep(ctx, delay)
}

func (r *retry) next() time.Duration {
	if r.backoff == nil {
		r.backoff = newBackoff(firstBackoff, maxBackoff)
	}
	return r.backoff.NextBackOff()
}

func newBackoff(first, most time.Duration) *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     first,
		RandomizationFactor: backoff.DefaultRandomizationFactor,
		Multiplier:          2,
		MaxInterval:         most,
	}
}
