package lease

import (
	"maps"
	"slices"
	"time"
)

const (
	// scanEvery is how often to look for journals of processes that were killed.
	scanEvery = 2 * time.Minute
	// scanRetry is how soon to look again where something was in the way.
	scanRetry = time.Minute
	// scanMissed is how soon a server whose leases outlive it looks again for a journal that
	// another process held, and scanPause how long a process that gave one back leaves it to that
	// server. The one is shorter than the other.
	scanMissed = 15 * time.Second
	scanPause  = 40 * time.Second
	// pendingUseLife is how long the use of an identity is remembered whose lease another process
	// holds, and maxPendingUses how many such uses.
	pendingUseLife = 5 * time.Minute
	maxPendingUses = 4096
)

// scan takes over the journals of processes that are gone: at the start, every two minutes, and
// when a lease in one of them expires that is left to its own server until then.
func (b *journals) scan(now bool) {
	paths, due, err := b.unheld(now)
	if !due {
		return
	}
	var credentials map[string]bool
	var missing error
	if err == nil && len(paths) > 0 {
		if credentials, missing = b.m.credentials(); len(credentials) == 0 {
			err = missing
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m.ending.Load() {
		return
	}
	b.scanAt = b.m.now().Add(scanEvery)
	if err != nil || missing != nil { // missing: for the account that is not there yet
		b.scanLater(b.m.now().Add(scanRetry))
	}
	if err != nil {
		return
	}
	sweepLocks(b.disk, b.m.Dir)
	missed := false
	b.left = false
	for _, path := range paths {
		if b.held[path] == nil && !b.take(path, credentials) {
			missed = true
		}
	}
	b.missed.Store(missed || b.left)
	if missed && b.m.Persistent {
		b.scanLater(b.m.now().Add(scanMissed))
	}
	maps.DeleteFunc(b.uses, func(_ use, at time.Time) bool { return b.m.now().Sub(at) > pendingUseLife })
	if now {
		b.wakeUp()
	}
}

// unheld returns the journals that this process does not hold, if a scan is due.
func (b *journals) unheld(now bool) (paths []string, due bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m.Dir == "" || b.m.ending.Load() || !now && b.m.now().Before(b.scanAt) {
		return nil, false, nil
	}
	paths, err = journalsIn(b.m.Dir)
	return slices.DeleteFunc(paths, func(path string) bool { return b.held[path] != nil }), true, err
}

// take takes over a journal, and reports whether it could. The caller holds mu.
func (b *journals) take(path string, credentials map[string]bool) bool {
	j, records, err := takeJournal(b.disk, path)
	if err != nil {
		b.m.Log.Warn().Err(err).Msg("a journal of ephemeral identities cannot be read")
		b.scanLater(b.m.now().Add(scanRetry))
	}
	if j == nil {
		return false
	}
	b.held[j.path] = j
	for _, r := range records {
		b.inherit(j, r, credentials)
	}
	b.release(j)
	return true
}

// inherit takes over a lease of a process that is gone, if it is one for this process to deal with.
// The caller holds mu.
func (b *journals) inherit(j *journal, r record, credentials map[string]bool) {
	if r.Gone || r.Credential == "" || !credentials[r.Credential] {
		return
	}
	e := &lease{record: r, journal: j, orphan: true}
	if r.Persistent && !b.m.Persistent {
		// Its server may be starting again, and its callers still use it.
		b.renew(e)
		if at := b.dueAt(e); at.After(b.m.now()) {
			b.left = true
			j.left = append(j.left, e.record)
			b.scanLater(at)
			return
		}
	}
	if old := b.all[r.ID]; old != nil { // it stands in two journals, one of which was being written anew
		j.live--
		return
	}
	b.renew(e)
	b.add(e)
}

// renew notes a use of the identity while its lease could not be had. The caller holds mu.
func (b *journals) renew(e *lease) {
	at, ok := b.uses[use{e.Caller, e.UUID}]
	if ok && e.UUID != "" && at.Before(b.dueAt(e)) && at.Add(e.TTL).After(e.Expires) {
		e.Expires = at.Add(e.TTL)
		b.note(e, false)
	}
}

// renewLeft notes, at the end of a process, what its calls used of the identities that others left
// to their time. The caller holds mu.
func (b *journals) renewLeft() {
	if len(b.uses) == 0 {
		return
	}
	paths, _ := journalsIn(b.m.Dir)
	for _, path := range paths {
		if b.held[path] != nil {
			continue
		}
		j, records, _ := takeJournal(b.disk, path)
		if j == nil {
			continue
		}
		for _, r := range records {
			if r.Persistent && !r.Gone {
				b.renew(&lease{record: r, journal: j, orphan: true})
			}
		}
		_ = j.close()
	}
}

// scanLater makes the next scan not later than at. The caller holds mu.
func (b *journals) scanLater(at time.Time) {
	if b.scanAt.IsZero() || at.Before(b.scanAt) {
		b.scanAt = at
	}
}
