package lease

import (
	"cmp"
	"context"
	"sync"
	"time"
)

const (
	// registryTime bounds what is asked of a Registry outside of a sweep.
	registryTime = 5 * time.Second
	// reportEvery is how often the use of an identity is reported. A lease is renewed for as much
	// longer, so that none ends early.
	reportEvery = 15 * time.Second
	// sweepEvery is how often a replica looks what is due in its Registry, and reports what it
	// could not report before.
	sweepEvery = 5 * time.Second
)

// shared keeps the leases of replicas in a Registry.
type shared struct {
	m *Manager

	mu       sync.Mutex
	reported map[use]time.Time // uses that were reported since turned
	before   map[use]time.Time // and those of the time before that
	turned   time.Time         // when before was reported
	pending  map[use]time.Time // uses that could not be reported
	retries  map[string]retry  // by ID of leases that could not be noted
	outage   time.Time         // when the Registry last did not answer
	began    time.Time         // when this process first looked at it
}

// retry asks a Registry again what it did not answer.
type retry func(context.Context) (done bool, err error)

func newShared(m *Manager) *shared {
	return &shared{m: m, reported: make(map[use]time.Time), pending: make(map[use]time.Time), retries: make(map[string]retry)}
}

func registryContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), registryTime)
}

func (b *shared) pace() time.Duration { return cmp.Or(b.m.pace, sweepEvery) }

func (b *shared) begin(r record) error {
	if b.m.ending.Load() {
		return ErrEnded
	}
	entry, err := b.m.seal(r, 0)
	if err != nil {
		return err
	}
	ctx, cancel := registryContext()
	defer cancel()
	if err := b.m.Registry.Add(ctx, entry, createWindow); err != nil {
		b.failed(entry.ID, true) // nothing is sent, so nothing is to be looked for
		return err
	}
	return nil
}

// created notes the uuid. What cannot be noted now is noted later, or found out by any replica when
// it is due.
func (b *shared) created(r record) {
	entry, err := b.m.seal(r, 0)
	if err != nil {
		return
	}
	ctx, cancel := registryContext()
	defer cancel()
	due := r.Expires.Sub(b.m.now()) + reportEvery
	if ok, err := b.m.Registry.Update(ctx, entry, due); ok && err == nil {
		return
	}
	b.later(entry.ID, func(ctx context.Context) (bool, error) { return b.noteCreated(ctx, entry, due) })
}

func (b *shared) failed(id string, refused bool) {
	if !refused {
		return
	}
	ctx, cancel := registryContext()
	defer cancel()
	if b.m.Registry.Drop(ctx, id, 0) != nil {
		b.later(id, func(ctx context.Context) (bool, error) { return true, b.m.Registry.Drop(ctx, id, 0) })
	}
}

func (b *shared) later(id string, again retry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retries[id] = again
}

func (b *shared) claim(credential, name string) error {
	ctx, cancel := registryContext()
	defer cancel()
	named, err := b.m.Registry.Named(ctx, credential, name)
	if err != nil {
		return err
	}
	for _, entry := range named {
		if entry.UUID != "" {
			continue
		}
		r, err := b.m.open(entry)
		switch {
		case err == nil && r.Owned:
			continue
		case entry.Age < claimWindow:
			return ErrNameInFlight
		case err != nil || b.m.addresses.onlyByAddress(r):
			continue
		}
		if err := b.m.Registry.Drop(ctx, entry.ID, entry.Fence); err != nil {
			return err
		}
	}
	return nil
}

// used reports a use to the Registry, which it asks now and then only.
func (b *shared) used(u use) {
	now := b.m.now()
	if !b.mustReport(u, now) {
		return
	}
	ctx, cancel := registryContext()
	defer cancel()
	_ = b.reportUse(ctx, u, now)
}

// mustReport says whether a use is to be reported at once. While the Registry is down it is not, so
// that the call does not wait for it.
func (b *shared) mustReport(u use, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.turned) >= reportEvery {
		b.reported, b.before, b.turned = make(map[use]time.Time), b.reported, now
	}
	at, ok := b.reported[u]
	if !ok {
		at, ok = b.before[u]
	}
	if ok && now.Sub(at) < reportEvery {
		return false
	}
	b.reported[u] = now
	down := !b.outage.IsZero() && now.Sub(b.outage) < 2*b.pace()
	if down {
		b.postpone(u, now)
	}
	return !down
}

// postpone remembers a use that is still to be reported. The caller holds mu.
func (b *shared) postpone(u use, at time.Time) {
	if at.After(b.pending[u]) {
		b.pending[u] = at
	}
}

func (b *shared) forget(uuid string) {
	ctx, cancel := registryContext()
	defer cancel()
	_ = b.m.Registry.DropIdentity(ctx, uuid) // else a replica finds the identity gone
}
