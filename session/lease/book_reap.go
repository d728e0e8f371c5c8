package lease

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
func (m *Manager) startTelling(ctx context.Context) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(m.sweepPace())
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				m.tellAll(ctx)
			}
		}
	}()
	return done
}

// sweepBook is the part of Sweep that deals with the leases of all replicas.
func (m *Manager) sweepBook(ctx context.Context) time.Time {
	again := m.now().Add(m.sweepPace())
	m.tellAll(ctx)
	if !m.bookIsCalm(ctx) {
		return again
	}
	names, _ := m.credentials()
	if len(names) == 0 {
		return again
	}
	credentials := make([]string, 0, len(names))
	for name := range names {
		if name != "" {
			credentials = append(credentials, name)
		}
	}
	due, err := m.Book.Take(ctx, credentials, takeFor, takeAtOnce)
	if err != nil {
		m.bookFailed()
		return again
	}
	var group errgroup.Group
	group.SetLimit(settleAtOnce)
	for _, entry := range due {
		group.Go(func() error {
			once, cancel := context.WithTimeout(ctx, settleTime)
			defer cancel()
			m.settleEntry(once, entry)
			return nil
		})
	}
	_ = group.Wait()
	if len(due) == takeAtOnce {
		return m.now()
	}
	return again
}

func (m *Manager) bookFailed() {
	m.news.mu.Lock()
	defer m.news.mu.Unlock()
	m.news.failed = m.now()
}

// bookIsCalm reports whether the book has answered for a while.
func (m *Manager) bookIsCalm(ctx context.Context) bool {
	err := m.Book.Ping(ctx)
	n := &m.news
	n.mu.Lock()
	defer n.mu.Unlock()
	now := m.now()
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
func (m *Manager) settleEntry(ctx context.Context, entry Entry) {
	r, err := m.open(entry)
	if err != nil {
		if entry.Fence == 1 {
			m.Log.Error().Err(err).Str("lease", entry.ID).Msg("a note on an ephemeral identity cannot be read and is left alone; it was sealed with another key, or changed")
		}
		return
	}
	if holds, err := m.Book.Holds(ctx, entry.ID, entry.Fence); err != nil || !holds {
		return
	}
	if !r.Clock {
		r.Intended = m.now().Add(-entry.Age) // by our clock, as nobody knows what another one has to do with Ravi's
	}
	was := r.UUID
	e := &lease{record: r, due: true}
	gone, err := m.attempt(ctx, e)
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookTime)
	defer cancel()
	switch {
	case err != nil:
		pause := min(firstRetry<<min(entry.Fence-1, 10), mostRetry)
		if entry.Fence <= 2 {
			m.Log.Warn().Err(err).Str("identity", e.UUID).Msg("an ephemeral identity could not be deleted; it is tried again")
		}
		m.giveBackEntry(after, e.record, entry.Fence, pause)
	case gone:
		_ = m.Book.Drop(after, entry.ID, entry.Fence) // else it is found gone once more
	case was == "" && e.UUID != "":
		m.giveBackEntry(after, e.record, entry.Fence, max(0, r.TTL-entry.Age)) // its own time decides when it goes
	}
}

// giveBackEntry lets any process take the lease again when it is due.
func (m *Manager) giveBackEntry(ctx context.Context, r record, fence int64, due time.Duration) {
	entry, err := m.entry(r, fence)
	if err == nil {
		_, err = m.Book.Update(ctx, entry, due)
	}
	if err != nil {
		m.Log.Warn().Err(err).Msg("a note on an ephemeral identity could not be given back; it is free again in a minute")
	}
}
