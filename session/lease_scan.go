package session

import "time"

// scanAgain is how soon to look again where the credential was not there yet,
// or a journal could not be read.
const scanAgain = time.Minute

// scan takes over the journals of processes that are gone: at the start, and
// when a lease in one of them expires that is left to its own server until then.
func (l *Leases) scan(now bool) {
	l.mu.Lock()
	due := l.Dir != "" && !l.ending && (now || !l.scanned || !l.scanAt.IsZero() && !l.now().Before(l.scanAt))
	l.mu.Unlock()
	if !due {
		return
	}
	paths, err := journals(l.Dir)
	credential := ""
	if err == nil && len(paths) > 0 {
		client, clientErr := l.Account.Client()
		if err = clientErr; err == nil {
			credential = l.credential(client)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending {
		return
	}
	l.scanned, l.scanAt = true, time.Time{}
	if err != nil {
		l.scanAt = l.now().Add(scanAgain)
		return
	}
	sweepLocks(l.Dir)
	for _, path := range paths {
		if l.held[path] != nil {
			continue
		}
		j, records, err := takeJournal(path)
		if err != nil {
			l.Log.Warn().Err(err).Msg("a journal of ephemeral identities cannot be read")
			l.scanLater(l.now().Add(scanAgain))
		}
		if j == nil {
			continue
		}
		l.adopt(j)
		for _, r := range records {
			l.inherit(j, r, credential)
		}
		l.release(j)
	}
	if now {
		l.wakeUp()
	}
}

// inherit takes over a lease of a process that is gone, if it is one for this
// process to deal with. The caller holds mu.
func (l *Leases) inherit(j *journal, r leaseRecord, credential string) {
	if r.Gone || r.Credential != credential || credential == "" {
		return
	}
	e := &lease{leaseRecord: r, journal: j, orphan: true}
	if r.Shared && !l.Shared {
		// Its server may be starting again, and its callers still use it.
		if at := l.dueAt(e); at.After(l.now()) {
			l.scanLater(at)
			return
		}
	}
	if old := l.all[r.ID]; old != nil { // it stands in two journals, one of which was being written anew
		j.live--
		return
	}
	l.add(e)
}

// scanLater makes the next scan not later than at. The caller holds mu.
func (l *Leases) scanLater(at time.Time) {
	if l.scanAt.IsZero() || at.Before(l.scanAt) {
		l.scanAt = at
	}
}
