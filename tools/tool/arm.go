package tool

import (
	"context"
	"errors"
	"iter"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/inbox"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
)

// liveSource reads an identity's inbox with whatever client the account has at that moment, so that
// a watcher outlives a new login.
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
	return read(s, func(now inbox.Source) (*ravi.EmailMessage, error) { return now.EmailMessage(ctx, id) })
}

// SMSMessage implements inbox.Source.
func (s liveSource) SMSMessage(ctx context.Context, id int64) (*ravi.SMSMessage, error) {
	return read(s, func(now inbox.Source) (*ravi.SMSMessage, error) { return now.SMSMessage(ctx, id) })
}

// Events implements inbox.Source.
func (s liveSource) Events(ctx context.Context) (inbox.Stream, error) {
	return read(s, func(now inbox.Source) (inbox.Stream, error) { return now.Events(ctx) })
}

func read[T any](s liveSource, from func(inbox.Source) (T, error)) (result T, err error) {
	now, err := s.source()
	if err != nil {
		return result, err
	}
	return from(now)
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

// Target is an identity's inbox as package inbox sees it.
func (d *Deps) Target(call Call, identity ravi.Identity) (inbox.Target, error) {
	account := d.AccountOf(call.Call)
	client, err := account.Client()
	if err != nil {
		return inbox.Target{}, err
	}
	return inbox.Target{
		Caller: call.Caller.Name,
		// The folder too: a watcher reads with the account that it was made for, which must not be
		// one whose folder another caller changes.
		Credential: client.CredentialID() + " " + call.Caller.RaviConfigDir,
		Identity:   identity.UUID,
		Address:    identity.Inbox,
		Phone:      identity.Phone,
		Source:     liveSource{account: account, identity: identity.UUID},
	}, nil
}

// Arm returns a cursor at what Ravi lists now, and keeps it as the session's own.
func (d *Deps) Arm(ctx context.Context, call Call, identity ravi.Identity) (string, error) {
	target, err := d.Target(call, identity)
	if err != nil {
		return "", err
	}
	cursor, err := d.Inbox.Arm(ctx, target)
	if err != nil {
		return "", WaitFault(err)
	}
	return cursor, d.KeepCursor(ctx, call, target, cursor)
}

// KeepCursor moves the session's own cursor past what the given one has seen. It never moves back,
// whichever of several waits and armings ends last. Without a session it does nothing.
func (d *Deps) KeepCursor(ctx context.Context, call Call, target inbox.Target, cursor string) error {
	if !call.HasSession() {
		return nil
	}
	for {
		own, err := d.Store.Cursor(ctx, call.Key(), target.Identity)
		if err != nil {
			return err
		}
		next := cursor
		if own != "" {
			// An own cursor that has expired has nothing to add.
			if merged, err := d.Inbox.Merge(target, own, cursor); err == nil {
				next = merged
			}
		}
		swapped, err := d.Store.SwapCursor(ctx, call.Key(), target.Identity, own, next)
		if swapped || err != nil {
			return err
		}
	}
}

// WaitFault says in this server's words what a wait failed of.
func WaitFault(err error) error {
	switch {
	case errors.Is(err, inbox.ErrCursor):
		return fault.New(fault.CursorInvalid, "The cursor is not valid: it is unknown, has expired, or belongs to somebody else.",
			"Arm again with watch_inbox, trigger the message once more, and wait with the new cursor.").WithCause(err)
	case errors.Is(err, inbox.ErrTooManyWaits):
		return fault.New(fault.RateLimited, "Too many waits are open at the same time.", "Let some of them end, then call again.").WithCause(err)
	case errors.Is(err, inbox.ErrShuttingDown):
		return fault.New(fault.Unavailable, "The server is shutting down.", "Connect again and call again with the same cursor.").WithReason(inbox.ReasonShutdown).WithCause(err)
	}
	return err
}
