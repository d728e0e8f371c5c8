package lease

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// stableFor is how long the Registry must have answered before anything is deleted, so that
	// every replica has reported what was used while it did not.
	stableFor = 2 * reportEvery
	// holdTime is how long a replica has what it took to itself.
	holdTime = settleTime + 15*time.Second
	// takeAtOnce is how many leases a replica takes at a time.
	takeAtOnce = 32
)

// run also reports what is pending while a sweep waits for Ravi.
func (b *shared) run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { b.m.repeat(ctx, b.report, nil) })
	b.m.repeat(ctx, b.sweep, nil)
	running.Wait()
}

func (b *shared) end(ctx context.Context) { b.report(ctx) }

// sweep deals with what is due of all replicas, and returns when to come again.
func (b *shared) sweep(ctx context.Context) time.Time {
	again := b.report(ctx)
	if !b.isStable(ctx) {
		return again
	}
	credentials, _ := b.m.credentials()
	delete(credentials, "")
	if len(credentials) == 0 {
		return again
	}
	due, err := b.m.Registry.Take(ctx, slices.Collect(maps.Keys(credentials)), holdTime, takeAtOnce)
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.outage = b.m.now()
		return again
	}
	inParallel(ctx, due, b.settle)
	if len(due) == takeAtOnce {
		return b.m.now()
	}
	return again
}

// isStable reports whether the Registry has answered for a while.
func (b *shared) isStable(ctx context.Context) bool {
	err := b.m.Registry.Ping(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.m.now()
	if err != nil {
		b.outage = now
	}
	if b.began.IsZero() {
		b.began = now // what was before that, this process does not know
	}
	return now.Sub(b.outage) >= stableFor && now.Sub(b.began) >= stableFor
}

// settle deals with a lease that this process took. Until it is given back no other does, and if
// that takes too long, its fence keeps this process from going on.
func (b *shared) settle(ctx context.Context, entry Entry) {
	r, err := b.m.open(entry)
	if err != nil {
		if entry.Fence == 1 {
			b.m.Log.Error().Err(err).Str("lease", entry.ID).Msg("a note on an ephemeral identity cannot be read and is left alone; it was sealed with another key, or changed")
		}
		return
	}
	if holds, err := b.m.Registry.Holds(ctx, entry.ID, entry.Fence); err != nil || !holds {
		return
	}
	if !r.Clock {
		r.Intended = b.m.now().Add(-entry.Age) // by our clock, as the offset of another one from Ravi's is not known
	}
	found, gone, err := b.m.settle(ctx, r, true)
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), registryTime)
	defer cancel()
	switch {
	case err != nil:
		pause := min(firstRetry<<min(entry.Fence-1, 10), maxRetry)
		if entry.Fence <= 2 {
			b.m.Log.Warn().Err(err).Str("identity", r.UUID).Msg("an ephemeral identity could not be deleted; it is tried again")
		}
		b.giveBack(after, r, entry.Fence, pause)
	case gone:
		_ = b.m.Registry.Drop(after, entry.ID, entry.Fence) // else it is found gone once more
	case found != "":
		r.UUID, r.Expires = found, r.Intended.Add(r.TTL)
		b.giveBack(after, r, entry.Fence, max(0, r.TTL-entry.Age)) // its own time decides when it goes
	}
}

// giveBack lets any process take the lease again when it is due.
func (b *shared) giveBack(ctx context.Context, r record, fence int64, due time.Duration) {
	entry, err := b.m.seal(r, fence)
	if err == nil {
		_, err = b.m.Registry.Update(ctx, entry, due)
	}
	if err != nil {
		b.m.Log.Warn().Err(err).Msg("a note on an ephemeral identity could not be given back; it is free again in a minute")
	}
}

// reportUse reports a use, or remembers it for later.
func (b *shared) reportUse(ctx context.Context, u use, at time.Time) error {
	err := b.m.Registry.Renew(ctx, u.caller, u.uuid, b.m.now().Sub(at), reportEvery)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil && !b.pending[u].After(at):
		delete(b.pending, u)
	case err != nil:
		b.postpone(u, at)
		b.outage = b.m.now()
	}
	return err
}

// report reports all that is pending, as far as the Registry answers, and returns when to come
// again.
func (b *shared) report(ctx context.Context) time.Time {
	b.mu.Lock()
	uses, retries := maps.Clone(b.pending), maps.Clone(b.retries)
	b.mu.Unlock()
	again := b.m.now().Add(b.pace())
	for u, at := range uses {
		if b.reportUse(ctx, u, at) != nil {
			return again
		}
	}
	for id, retry := range retries {
		done, err := retry(ctx)
		if err != nil {
			return again
		}
		if done {
			b.mu.Lock()
			delete(b.retries, id)
			b.mu.Unlock()
		}
	}
	return again
}

// noteCreated notes a uuid, also where another replica has meanwhile looked for the identity: what
// that one found stands, and what it gave up is added again.
func (b *shared) noteCreated(ctx context.Context, entry Entry, due time.Duration) (done bool, err error) {
	if done, err = b.m.Registry.Update(ctx, entry, due); done || err != nil {
		return done, err
	}
	if done, err = b.m.Registry.Leased(ctx, entry.UUID); done || err != nil {
		return done, err
	}
	return false, b.m.Registry.Add(ctx, entry, due)
}
