package lease

// rewriteAt is the number of lines from which on a journal is written anew.
var rewriteAt = 4096

// note writes a lease's state to its journal. What cannot be written is not fatal: the process
// still knows it. The caller holds mu.
func (b *journals) note(e *lease, durable bool) {
	e.noted = b.m.now()
	if e.journal == nil || b.closed {
		return
	}
	if err := e.journal.append(e.record, durable); err != nil {
		b.m.Log.Error().Err(err).Msg("the journal of ephemeral identities cannot be written")
	}
}

// release removes a journal in which nothing is left, and gives back one in which nothing is left
// to do for this process. The caller holds mu.
func (b *journals) release(j *journal) {
	for _, e := range b.all {
		if e.journal == j {
			return
		}
	}
	if j.live > 0 && j == b.own {
		return
	}
	if j == b.own {
		b.own = nil
	}
	if j.live > 0 {
		_ = j.close()
		delete(b.held, j.path)
		return
	}
	b.remove(j)
}

// remove ends a journal. One that cannot be removed stays held. The caller holds mu.
func (b *journals) remove(j *journal) {
	if err := j.remove(); err != nil {
		b.m.Log.Error().Err(err).Msg("a journal of ephemeral identities that is done with cannot be removed")
		return
	}
	delete(b.held, j.path)
}

// rewrite puts the leases of this process's journal into a new one when it has grown much longer
// than they need. The caller holds mu.
func (b *journals) rewrite(j *journal) {
	if j != b.own || j.lines < rewriteAt || j.lines < 8*j.live {
		return
	}
	next, err := createJournal(b.disk, b.m.Dir)
	if err != nil {
		return
	}
	var moved []*lease
	for _, e := range b.all {
		if e.journal != j {
			continue
		}
		if err = next.append(e.record, false); err != nil {
			break
		}
		moved = append(moved, e)
	}
	b.held[next.path] = next
	if err != nil || next.file.Sync() != nil {
		b.remove(next)
		return
	}
	for _, e := range moved {
		e.journal = next
		next.live++
	}
	b.own = next
	b.remove(j)
}

// giveBack lets go of the journals of servers whose leases outlive them
// (docs/decisions.md#journals-of-another-server). Such a server may start at any moment, and then
// needs all of them; what could not be deleted is taken again later. The caller holds mu.
func (b *journals) giveBack() {
	if b.m.Persistent {
		return
	}
	for _, j := range b.held {
		if j == b.own {
			continue
		}
		var mine []*lease
		busy, persistent := false, len(j.left) > 0
		for _, e := range b.all {
			if e.journal == j {
				mine = append(mine, e)
				busy, persistent = busy || e.busy, persistent || e.Persistent
			}
		}
		if busy || !persistent {
			continue
		}
		for _, e := range mine {
			delete(b.all, e.ID)
			b.scanLater(b.dueAt(e))
		}
		b.count.Store(int64(len(b.all)))
		b.release(j)
		if next := b.m.now().Add(scanPause); b.scanAt.Before(next) {
			b.scanAt = next
		}
	}
}

// close gives all journals back, for the next start. The caller holds mu.
func (b *journals) close() {
	b.closed = true
	for _, j := range b.held {
		_ = j.close()
	}
	clear(b.held)
	b.own = nil
}
