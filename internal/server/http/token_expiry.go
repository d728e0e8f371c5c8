package http

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errTokenEnded = errors.New("server: the token has expired")

// tokenExpiry ends a stream with the token that it was opened with.
type tokenExpiry struct {
	end context.CancelCauseFunc

	mu    sync.Mutex
	until time.Time   // zero: for ever
	timer *time.Timer // nil: for ever, or over
}

// expireAt ends a stream at a time; zero is never. Call stop at the end of the stream.
func expireAt(until time.Time, end context.CancelCauseFunc) *tokenExpiry {
	e := &tokenExpiry{end: end, until: until}
	if !until.IsZero() {
		e.timer = time.AfterFunc(time.Until(until), func() { end(errTokenEnded) })
	}
	return e
}

// extend notes that the caller has shown another token. It is never shortened, and what is over
// stays over.
func (e *tokenExpiry) extend(until time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timer == nil || !until.IsZero() && !until.After(e.until) {
		return
	}
	if !e.timer.Stop() {
		return
	}
	if e.until = until; until.IsZero() {
		e.timer = nil
		return
	}
	e.timer.Reset(time.Until(until))
}

func (e *tokenExpiry) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
}
