package http

import (
	"context"
	"errors"
	"sync"
	"time"

	"ravi-mcp/session"
)

// UntilAuthenticator is an Authenticator some of whose tokens end by themselves. A stream that was opened with one ends
// with it, because nobody shows a token again on a stream; calls are short, and end when they are done.
type UntilAuthenticator interface {
	Authenticator
	// AuthenticateUntil is Authenticate, and says when the token ends; the zero time for one that does not.
	AuthenticateUntil(ctx context.Context, token string) (caller *session.Caller, until time.Time, err error)
}

var errTokenEnded = errors.New("server: the token has expired")

// whose asks who a token belongs to, and until when.
func (s *site) whose(ctx context.Context, token string) (*session.Caller, time.Time, error) {
	if a, ok := s.Callers.(UntilAuthenticator); ok {
		return a.AuthenticateUntil(ctx, token)
	}
	caller, err := s.Callers.Authenticate(ctx, token)
	return caller, time.Time{}, err
}

// tokenLife ends a stream with the token that it was opened with.
type tokenLife struct {
	end context.CancelCauseFunc

	mu    sync.Mutex
	until time.Time   // zero: for ever
	timer *time.Timer // nil: for ever, or over
}

// lasting begins it; a zero until means that it lasts for ever. Call stop at the end of the stream.
func lasting(until time.Time, end context.CancelCauseFunc) *tokenLife {
	l := &tokenLife{end: end, until: until}
	if !until.IsZero() {
		l.timer = time.AfterFunc(time.Until(until), func() { end(errTokenEnded) })
	}
	return l
}

// prolong notes that the caller has shown another token. It is never shortened, and what is over stays over.
func (l *tokenLife) prolong(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer == nil || !until.IsZero() && !until.After(l.until) {
		return
	}
	if !l.timer.Stop() {
		return
	}
	if l.until = until; until.IsZero() {
		l.timer = nil
		return
	}
	l.timer.Reset(time.Until(until))
}

func (l *tokenLife) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}
