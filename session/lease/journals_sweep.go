package lease

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// idle is how long run sleeps when nothing is due.
const idle = time.Hour

func (b *journals) run(ctx context.Context) { b.m.repeat(ctx, b.sweep, b.wake) }

// wakeUp makes run look at what is due.
func (b *journals) wakeUp() {
	select {
	case b.wake <- struct{}{}:
	default: // it is about to
	}
}

func (b *journals) end(ctx context.Context) {
	if !b.m.Persistent {
		b.settle(ctx, b.due(true))
		b.settle(ctx, b.due(true)) // those of which it was found out only now which they are
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.renewLeft()
	left := 0
	for _, e := range b.all {
		if !e.Persistent {
			left++
		}
	}
	if left > 0 {
		b.m.Log.Warn().Int("count", left).Bool("kept", b.m.Dir != "").Msg("ephemeral identities could not be deleted at the end")
	}
	b.close()
}

// sweep does what is due now and returns when to come again.
func (b *journals) sweep(ctx context.Context) time.Time {
	b.scan(false)
	b.settle(ctx, b.due(false))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.giveBack()
	next := b.m.now().Add(idle)
	for _, e := range b.all {
		if at := b.dueAt(e); !e.busy && at.Before(next) {
			next = at
		}
	}
	if b.m.Dir != "" && b.scanAt.Before(next) {
		next = b.scanAt
	}
	return next
}

// dueAt is when something is to be done about a lease. The caller holds mu.
func (b *journals) dueAt(e *lease) time.Time {
	at := e.Expires
	switch {
	case e.UUID == "":
		at = e.Intended.Add(createWindow)
	case e.orphan && !e.Persistent:
		at = time.Time{}
	case e.orphan && e.noted.IsZero():
		at = at.Add(renewEvery) // its last use may not have been noted
	}
	if e.retry.After(at) {
		return e.retry
	}
	return at
}

// due returns the leases that something is to be done about, marked as busy. At the end that is
// every one of this process.
func (b *journals) due(end bool) []*lease {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.m.now()
	var due []*lease
	for _, e := range b.list() {
		if e.busy || b.dueAt(e).After(now) && !(end && !e.Persistent) {
			continue
		}
		e.busy = true
		due = append(due, e)
	}
	return due
}

// settle deals with leases that due has returned.
func (b *journals) settle(ctx context.Context, due []*lease) {
	inParallel(ctx, due, func(ctx context.Context, e *lease) {
		over := !b.m.now().Before(e.Intended.Add(createWindow))
		found, gone, err := b.m.settle(ctx, e.record, over) // nothing else changes what is busy
		b.mu.Lock()
		defer b.mu.Unlock()
		e.busy = false
		switch {
		case err != nil:
			b.postpone(e, err)
		case gone:
			b.drop(e)
		case found != "":
			e.UUID, e.Expires = found, e.Intended.Add(e.TTL) // its own time decides when it goes
			b.note(e, true)
		}
	})
}

// postpone says when to try again. The caller holds mu.
func (b *journals) postpone(e *lease, err error) {
	if e.pauses == nil {
		e.pauses = &backoff.ExponentialBackOff{InitialInterval: firstRetry, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: maxRetry}
		b.m.Log.Warn().Err(err).Str("name", e.Name).Str("identity", e.UUID).Msg("an ephemeral identity could not be deleted; it is tried again")
	}
	e.retry = b.m.now().Add(e.pauses.NextBackOff())
}
