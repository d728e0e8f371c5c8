package lease

import (
	"errors"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// renewEvery is how often the use of a lease is noted in its journal at most.
const renewEvery = time.Minute

// journals keeps the leases of this process in memory and notes them in a journal of its own, and
// those of processes that are gone, whose journals it takes over.
type journals struct {
	m      *Manager
	disk   disk
	wake   chan struct{} // signalled when something may be due earlier
	count  atomic.Int64  // of all; spares calls that use no lease the lock
	missed atomic.Bool   // a journal that this process does not hold may have a lease that its calls use

	mu     sync.Mutex
	all    map[string]*lease // by id
	own    *journal          // where new leases go
	held   map[string]*journal
	uses   map[use]time.Time // of identities whose lease may be in a missed journal
	left   bool              // a journal of another process had leases that its time ends
	scanAt time.Time         // when to look for journals of dead processes again
	closed bool
}

// lease is one record at work. journals.mu guards it.
type lease struct {
	record
	journal *journal // nil: none
	orphan  bool     // its process is gone
	busy    bool     // it is being created, looked for or deleted
	noted   time.Time
	retry   time.Time // not before
	pauses  *backoff.ExponentialBackOff
}

func newJournals(m *Manager) *journals {
	b := &journals{
		m: m, disk: m.disk, wake: make(chan struct{}, 1),
		all: make(map[string]*lease), held: make(map[string]*journal), uses: make(map[use]time.Time),
	}
	if b.disk == nil {
		b.disk = osDisk{}
	}
	b.missed.Store(m.Dir != "" && !m.Persistent) // until the first scan says what there is
	return b
}

func (b *journals) begin(r record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m.ending.Load() {
		return ErrEnded
	}
	e := &lease{record: r, busy: true}
	if b.m.Dir != "" {
		if b.own == nil {
			j, err := createJournal(b.disk, b.m.Dir)
			if err != nil {
				return err
			}
			b.held[j.path], b.own = j, j
		}
		if err := b.own.append(r, true); err != nil {
			r.Gone = true
			_ = b.own.append(r, false) // nothing is sent, so nothing is to be looked for
			b.release(b.own)
			return err
		}
		e.journal = b.own
		e.journal.live++
	}
	b.add(e)
	return nil
}

func (b *journals) created(r record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.all[r.ID]
	e.UUID, e.Expires, e.Owned, e.busy = r.UUID, r.Expires, r.Owned, false
	e.Persistent = b.m.outlives()
	b.note(e, true)
	b.wakeUp()
}

func (b *journals) failed(id string, refused bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.all[id]
	e.busy = false
	if refused {
		b.drop(e)
		return
	}
	b.mark(e)
	b.wakeUp()
}

// remark notes of the leases that this process made whether they outlive it, which has changed. For
// those that are being created that is done when it ends.
func (b *journals) remark() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.all {
		if !e.orphan && !e.busy {
			b.mark(e)
		}
	}
}

// mark notes whether a lease outlives its process. The caller holds mu.
func (b *journals) mark(e *lease) {
	if e.Persistent != b.m.outlives() {
		e.Persistent = !e.Persistent
		b.note(e, e.Persistent)
	}
}

func (b *journals) claim(credential, name string) error {
	if b.count.Load() == 0 && b.m.Dir == "" {
		return nil
	}
	b.scan(true) // what a process left that was killed since
	b.mu.Lock()
	defer b.mu.Unlock()
	inFlight := func(r record) bool { return !r.Owned && r.inFlight(credential, name, b.m.now()) }
	others, err := b.others()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(others, inFlight) {
		return ErrNameInFlight
	}
	for _, e := range b.list() {
		switch {
		case inFlight(e.record):
			return ErrNameInFlight
		case e.UUID == "" && !e.busy && e.Name == name && e.Credential == credential && !b.m.addresses.onlyByAddress(e.record):
			b.drop(e)
		}
	}
	return nil
}

func (b *journals) used(u use) {
	if b.count.Load() == 0 && !b.missed.Load() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.missed.Load() && len(b.uses) < maxPendingUses {
		b.uses[u] = b.m.now() // for when the journal that has its lease can be had
	}
	for _, e := range b.all {
		if e.UUID != u.uuid || e.Caller != u.caller || e.busy {
			continue
		}
		now := b.m.now()
		if !now.Before(e.Expires) {
			return // its end has come, and may be under way
		}
		if next := now.Add(e.TTL); next.After(e.Expires) {
			e.Expires = next
		}
		if e.journal != nil && now.Sub(e.noted) >= renewEvery {
			b.note(e, false)
			b.rewrite(e.journal)
		}
		return
	}
}

func (b *journals) forget(uuid string) {
	if b.count.Load() == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.list() {
		if e.UUID == uuid && !e.busy {
			b.drop(e)
		}
	}
}

// except returns all leases but one, those of other processes too.
func (b *journals) except(id string) ([]record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, err := b.others()
	for _, e := range b.all {
		all = append(all, e.record)
	}
	return slices.DeleteFunc(all, func(r record) bool { return r.ID == id }), err
}

// others returns what stands in the journals of other processes, and what is left to them. The
// caller holds mu.
func (b *journals) others() ([]record, error) {
	if b.m.Dir == "" {
		return nil, nil
	}
	paths, err := journalsIn(b.m.Dir)
	if err != nil {
		return nil, err
	}
	var all []record
	for _, path := range paths {
		if j := b.held[path]; j != nil {
			all = append(all, j.left...)
			continue
		}
		data, err := readJournal(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		records, _ := parseJournal(data)
		all = append(all, records...)
	}
	return all, nil
}

// add takes a lease in. The caller holds mu.
func (b *journals) add(e *lease) {
	b.all[e.ID] = e
	b.count.Store(int64(len(b.all)))
}

// list returns the leases, the oldest first, so that they can be dropped meanwhile. The caller
// holds mu.
func (b *journals) list() []*lease {
	all := make([]*lease, 0, len(b.all))
	for _, e := range b.all {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *lease) int { return a.Intended.Compare(b.Intended) })
	return all
}

// drop ends a lease, and its journal if that was the last of it. The caller holds mu.
func (b *journals) drop(e *lease) {
	e.Gone = true
	delete(b.all, e.ID)
	b.count.Store(int64(len(b.all)))
	b.note(e, false)
	if j := e.journal; j != nil && !b.closed {
		j.live--
		b.release(j)
	}
}
