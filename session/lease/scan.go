package lease

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
func (m *Manager) scan(now bool) {
	m.mu.Lock()
	due := m.Dir != "" && !m.ending && (now || !m.now().Before(m.scanAt))
	paths, err := []string(nil), error(nil)
	if due {
		paths, err = journals(m.Dir)
		paths = slices.DeleteFunc(paths, func(path string) bool { return m.held[path] != nil })
	}
	m.mu.Unlock()
	if !due {
		return
	}
	var credentials map[string]bool
	var missing error
	if err == nil && len(paths) > 0 {
		if credentials, missing = m.credentials(); len(credentials) == 0 {
			err = missing
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ending {
		return
	}
	m.scanAt = m.now().Add(scanEvery)
	if err != nil {
		m.scanLater(m.now().Add(scanAgain))
		return
	}
	if missing != nil {
		m.scanLater(m.now().Add(scanAgain)) // for the account that is not there yet
	}
	sweepLocks(m.files(), m.Dir)
	missed := false
	for _, path := range paths {
		if m.held[path] != nil {
			continue
		}
		j, records, err := takeJournal(m.files(), path)
		if err != nil {
			m.Log.Warn().Err(err).Msg("a journal of ephemeral identities cannot be read")
			m.scanLater(m.now().Add(scanAgain))
		}
		if j == nil {
			missed = true
			continue
		}
		m.adopt(j)
		for _, r := range records {
			m.inherit(j, r, credentials)
		}
		m.release(j)
	}
	if m.missed.Store(missed && m.Shared); m.missed.Load() {
		m.scanLater(m.now().Add(scanMissed))
	}
	for u, at := range m.uses {
		if m.now().Sub(at) > useKept {
			delete(m.uses, u)
		}
	}
	if now {
		m.wakeUp()
	}
}

// inherit takes over a lease of a process that is gone, if it is one for this
// process to deal with. The caller holds mu.
func (m *Manager) inherit(j *journal, r record, credentials map[string]bool) {
	if r.Gone || r.Credential == "" || !credentials[r.Credential] {
		return
	}
	e := &lease{record: r, journal: j, orphan: true}
	if r.Shared && !m.Shared {
		// Its server may be starting again, and its callers still use it.
		if at := m.dueAt(e); at.After(m.now()) {
			j.left = append(j.left, r)
			m.scanLater(at)
			return
		}
	}
	if old := m.all[r.ID]; old != nil { // it stands in two journals, one of which was being written anew
		j.live--
		return
	}
	if at, ok := m.uses[use{r.Caller, r.UUID}]; ok && r.UUID != "" && at.Before(m.dueAt(e)) && at.Add(r.TTL).After(r.Expires) {
		e.Expires = at.Add(r.TTL)
		m.note(e, false)
	}
	m.add(e)
}

// missedUse remembers a use for the moment when the journal that has its lease
// can be taken over. The caller holds mu.
func (m *Manager) missedUse(u use) {
	if !m.missed.Load() || len(m.uses) >= useMost {
		return
	}
	if m.uses == nil {
		m.uses = make(map[use]time.Time)
	}
	m.uses[u] = m.now()
}

// giveBack lets go of the journals of servers whose leases outlive them. Such a
// server may start at any moment, and then needs all of them; what could not
// be deleted is taken again later. The caller holds mu.
func (m *Manager) giveBack() {
	if m.Shared {
		return
	}
	for _, j := range m.held {
		var mine []*lease
		busy, shared := false, len(j.left) > 0
		for _, e := range m.all {
			if e.journal == j {
				mine = append(mine, e)
				busy, shared = busy || e.busy, shared || e.Shared
			}
		}
		if busy || !shared {
			continue
		}
		for _, e := range mine {
			delete(m.all, e.ID)
			m.scanLater(m.dueAt(e))
		}
		m.count.Store(int64(len(m.all)))
		m.release(j)
		if next := m.now().Add(scanPause); m.scanAt.Before(next) {
			m.scanAt = next
		}
	}
}

// scanLater makes the next scan not later than at. The caller holds mu.
func (m *Manager) scanLater(at time.Time) {
	if m.scanAt.IsZero() || at.Before(m.scanAt) {
		m.scanAt = at
	}
}
