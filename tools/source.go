package tools

import (
	"context"
	"iter"
	"time"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
)

// liveSource reads an identity's inbox with whatever client the account has at
// that moment, so that a watcher outlives a new login.
type liveSource struct {
	account  *session.Account
	identity string
}

var (
	_ inbox.Source      = liveSource{}
	_ inbox.ServerClock = liveSource{}
)

func (s liveSource) source() (inbox.Source, error) {
	client, err := s.account.Client()
	if err != nil {
		return nil, err
	}
	return inbox.FromScope(client.Scope(s.identity)), nil
}

// EmailMessages implements inbox.Source.
func (s liveSource) EmailMessages(ctx context.Context, f ravi.MessageFilter) iter.Seq2[ravi.EmailMessage, error] {
	return list(s, func(now inbox.Source) iter.Seq2[ravi.EmailMessage, error] { return now.EmailMessages(ctx, f) })
}

// SMSMessages implements inbox.Source.
func (s liveSource) SMSMessages(ctx context.Context, f ravi.MessageFilter) iter.Seq2[ravi.SMSMessage, error] {
	return list(s, func(now inbox.Source) iter.Seq2[ravi.SMSMessage, error] { return now.SMSMessages(ctx, f) })
}

func list[T any](s liveSource, of func(inbox.Source) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		now, err := s.source()
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		for v, err := range of(now) {
			s.account.Observe(err)
			if !yield(v, err) {
				return
			}
		}
	}
}

// EmailMessage implements inbox.Source.
func (s liveSource) EmailMessage(ctx context.Context, id int64) (*ravi.EmailMessage, error) {
	now, err := s.source()
	if err != nil {
		return nil, err
	}
	return now.EmailMessage(ctx, id)
}

// SMSMessage implements inbox.Source.
func (s liveSource) SMSMessage(ctx context.Context, id int64) (*ravi.SMSMessage, error) {
	now, err := s.source()
	if err != nil {
		return nil, err
	}
	return now.SMSMessage(ctx, id)
}

// Events implements inbox.Source.
func (s liveSource) Events(ctx context.Context) (inbox.Stream, error) {
	now, err := s.source()
	if err != nil {
		return nil, err
	}
	return now.Events(ctx)
}

// ServerTime implements inbox.ServerClock.
func (s liveSource) ServerTime() (time.Time, bool) {
	if now, err := s.source(); err == nil {
		if clock, ok := now.(inbox.ServerClock); ok {
			return clock.ServerTime()
		}
	}
	return time.Time{}, false
}
