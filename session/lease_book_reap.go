package session

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// calm is how long the book must have answered before anything is deleted,
	// so that every replica has told what was used while it did not.
	calm = 2 * useEvery
	// takeFor is how long a replica has what it took to itself.
	takeFor = settleTime + 15*time.Second
	// takeAtOnce is how many leases a replica takes at a time.
	takeAtOnce = 32
)

// startTelling tells the book again and again what it could not be told before,
// also while a sweep waits for Ravi, until ctx ends.
func (l *Leases) startTelling(ctx context.Context) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(l.sweepPace())
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				l.tellAll(ctx)
			}
		}
	}()
	return done
}

// sweepBook is the part of Sweep that deals with the leases of all replicas.
func (l *Leases) sweepBook(ctx context.Context) time.Time {
	again := l.now().Add(l.sweepPace())
	l.tellAll(ctx)
	if !l.bookIsCalm(ctx) {
		return again
	}
	names, _ := l.credentials()
	if len(names) == 0 {
		return again
	}
	credentials := make([]string, 0, len(names))
	for name := range names {
		if name != "" {
			credentials = append(credentials, name)
		}
	}
	due, err := l.Book.Take(ctx, credentials, takeFor, takeAtOnce)
	if err != nil {
		l.bookFailed()
		return again
	}
	var group errgroup.Group
	group.SetLimit(settleAtOnce)
	for _, entry := range due {
		group.Go(func() error {
			once, cancel := context.WithTimeout(ctx, settleTime)
			defer cancel()
			l.settleEntry(once, entry)
			return nil
		})
	}
	_ = group.Wait()
	if len(due) == takeAtOnce {
		return l.now()
	}
	return again
}

func (l *Leases) bookFailed() {
	l.news.mu.Lock()
	defer l.news.mu.Unlock()
	l.news.failed = l.now()
}

// bookIsCalm reports whether the book has answered for a while.
func (l *Leases) bookIsCalm(ctx context.Context) bool {
	err := l.Book.Ping(ctx)
	n := &l.news
	n.mu.Lock()
	defer n.mu.Unlock()
	now := l.now()
	if err != nil {
		n.failed = now
	}
	if n.began.IsZero() {
		n.began = now // what was before that, this process does not know
	}
	return now.Sub(n.failed) >= calm && now.Sub(n.began) >= calm
}

// settleEntry deals with a lease that this process took. Until it is given back
// nobody else does, and if that takes too long, its fence keeps this process from
// going on.
func (l *Leases) settleEntry(ctx context.Context, entry LeaseEntry) {
	r, err := l.record(entry)
	if err != nil {
		if entry.Fence == 1 {
			l.Log.Error().Err(err).Str("lease", entry.ID).Msg("a note on an ephemeral identity cannot be read and is left alone; it was sealed with another key, or changed")
		}
		return
	}
	if holds, err := l.Book.Holds(ctx, entry.ID, entry.Fence); err != nil || !holds {
		return
	}
	if !r.Clock {
		r.Intended = l.now().Add(-entry.Age) // by our clock, as nobody knows what another one has to do with Ravi's
	}
	was := r.UUID
	e := &lease{leaseRecord: r, due: true}
	gone, err := l.attempt(ctx, e)
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookTime)
	defer cancel()
	switch {
	case err != nil:
		pause := min(firstRetry<<min(entry.Fence-1, 10), mostRetry)
		if entry.Fence <= 2 {
			l.Log.Warn().Err(err).Str("identity", e.UUID).Msg("an ephemeral identity could not be deleted; it is tried again")
		}
		l.giveBackEntry(after, e.leaseRecord, entry.Fence, pause)
	case gone:
		_ = l.Book.Drop(after, entry.ID, entry.Fence) // else it is found gone once more
	case was == "" && e.UUID != "":
		l.giveBackEntry(after, e.leaseRecord, entry.Fence, max(0, r.TTL-entry.Age)) // its own time decides when it goes
	}
}

// giveBackEntry lets any process take the lease again when it is due.
func (l *Leases) giveBackEntry(ctx context.Context, r leaseRecord, fence int64, due time.Duration) {
	entry, err := l.entry(r, fence)
	if err == nil {
		_, err = l.Book.Update(ctx, entry, due)
	}
	if err != nil {
		l.Log.Warn().Err(err).Msg("a note on an ephemeral identity could not be given back; it is free again in a minute")
	}
}
