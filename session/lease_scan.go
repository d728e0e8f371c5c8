package session

import (
	"slices"
	"time"
)

const (
	// scanEvery is how often to look for journals of processes that were killed.
	scanEvery = 2 * time.Minute
	// scanAgain is how soon to look again where something was in the way.
	scanAgain = time.Minute
	// scanMissed is how soon a server whose leases outlive it looks again for a
	// journal that somebody else held, and scanPause how long who gave one back
	// leaves it to that server. The one is shorter than the other.
	scanMissed = 15 * time.Second
	scanPause  = 40 * time.Second
	// useKept is how long the use of an identity is remembered whose lease
	// another process holds, and most how many such uses.
	useKept = 5 * time.Minute
	useMost = 4096
)

// use is a caller's use of an identity.
type use struct{ caller, uuid string }

// scan takes over the journals of processes that are gone: at the start, every
// two minutes, and when a lease in one of them expires that is left to its own
// server until then.
func (l *Leases) scan(now bool) {
	l.mu.Lock()
	due := l.Dir != "" && !l.ending && (now || !l.now().Before(l.scanAt))
	paths, err := []string(nil), error(nil)
	if due {
		paths, err = journals(l.Dir)
		paths = slices.DeleteFunc(paths, func(path string) bool { return l.held[path] != nil })
	}
	l.mu.Unlock()
	if !due {
		return
	}
	var credentials map[string]bool
	var missing error
	if err == nil && len(paths) > 0 {
		if credentials, missing = l.credentials(); len(credentials) == 0 {
			err = missing
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending {
		return
	}
	l.scanAt = l.now().Add(scanEvery)
	if err != nil {
		l.scanLater(l.now().Add(scanAgain))
		return
	}
	if missing != nil {
		l.scanLater(l.now().Add(scanAgain)) // for the account that is not there yet
	}
	sweepLocks(l.files(), l.Dir)
	missed := false
	for _, path := range paths {
		if l.held[path] != nil {
			continue
		}
		j, records, err := takeJournal(l.files(), path)
		if err != nil {
			l.Log.Warn().Err(err).Msg("a journal of ephemeral identities cannot be read")
			l.scanLater(l.now().Add(scanAgain))
		}
		if j == nil {
			missed = true
			continue
		}
		l.adopt(j)
		for _, r := range records {
			l.inherit(j, r, credentials)
		}
		l.release(j)
	}
	if l.missed.Store(missed && l.Shared); l.missed.Load() {
		l.scanLater(l.now().Add(scanMissed))
	}
	for u, at := range l.uses {
		if l.now().Sub(at) > useKept {
			delete(l.uses, u)
		}
	}
	if now {
		l.wakeUp()
	}
}

// inherit takes over a lease of a process that is gone, if it is one for this
// process to deal with. The caller holds mu.
func (l *Leases) inherit(j *journal, r leaseRecord, credentials map[string]bool) {
	if r.Gone || r.Credential == "" || !credentials[r.Credential] {
		return
	}
	e := &lease{leaseRecord: r, journal: j, orphan: true}
	if r.Shared && !l.Shared {
		// Its server may be starting again, and its callers still use it.
		if at := l.dueAt(e); at.After(l.now()) {
			j.left = append(j.left, r)
			l.scanLater(at)
			return
		}
	}
	if old := l.all[r.ID]; old != nil { // it stands in two journals, one of which was being written anew
		j.live--
		return
	}
	if at, ok := l.uses[use{r.Caller, r.UUID}]; ok && r.UUID != "" && at.Before(l.dueAt(e)) && at.Add(r.TTL).After(r.Expires) {
		e.Expires = at.Add(r.TTL)
		l.note(e, false)
	}
	l.add(e)
}

// missedUse remembers a use for the moment when the journal that has its lease
// can be taken over. The caller holds mu.
func (l *Leases) missedUse(u use) {
	if !l.missed.Load() || len(l.uses) >= useMost {
		return
	}
	if l.uses == nil {
		l.uses = make(map[use]time.Time)
	}
	l.uses[u] = l.now()
}

// giveBack lets go of the journals of servers whose leases outlive them. Such a
// server may start at any moment, and then needs all of them; what could not
// be deleted is taken again later. The caller holds mu.
func (l *Leases) giveBack() {
	if l.Shared {
		return
	}
	for _, j := range l.held {
		var mine []*lease
		busy, shared := false, len(j.left) > 0
		for _, e := range l.all {
			if e.journal == j {
				mine = append(mine, e)
				busy, shared = busy || e.busy, shared || e.Shared
			}
		}
		if busy || !shared {
			continue
		}
		for _, e := range mine {
			delete(l.all, e.ID)
			l.scanLater(l.dueAt(e))
		}
		l.count.Store(int64(len(l.all)))
		l.release(j)
		if next := l.now().Add(scanPause); l.scanAt.Before(next) {
			l.scanAt = next
		}
	}
}

// scanLater makes the next scan not later than at. The caller holds mu.
func (l *Leases) scanLater(at time.Time) {
	if l.scanAt.IsZero() || at.Before(l.scanAt) {
		l.scanAt = at
	}
}
