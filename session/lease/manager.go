package lease

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rs/zerolog"

	"ravi-mcp/internal/token"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
)

const (
	// renewEvery is how often the use of a lease is noted in its journal at most.
	renewEvery = time.Minute
	// createWindow is how long after its intent a creation can come about: the
	// longest time of a call, and a margin for what Ravi still works on.
	createWindow = 90 * time.Second
	// createSlack is what the times of Ravi may be off by.
	createSlack = 5 * time.Second
	// claimWindow is how long after its intent nothing else of the name is made.
	claimWindow = createWindow + createSlack
)

// rewriteAt is the number of lines from which on a journal is written anew.
var rewriteAt = 4096

// ErrEnded says that no lease can be made, because the server ends.
var ErrEnded = errors.New("session: the server is ending")

// ErrNameInFlight says that another process of this machine may be creating an
// identity of the same name.
var ErrNameInFlight = errors.New("session: another server is creating an identity of that name")

// A Manager delete ephemeral identities: when they were not used for their time to
// live, and, unless Shared, at End at the latest (DESIGN section 8).
//
// Only what a call of this server created is ever deleted. Before a creation is
// sent, its intent is on the disk, in a journal that belongs to this process by a
// file lock. What a killed process leaves is deleted by the next one that
// starts with the same credential, or by one that lives, within two minutes.
//
// An intent whose uuid was never noted is known by the address that it asked
// for, which nothing else has. An early Ravi does not take addresses: unless it
// is known to, an intent then stands for the one identity of its name that was
// created within 90 s after it by Ravi's clock, that did not exist before, and
// that no other journal holds. If that is not exactly one, nothing is deleted.
//
// With a Book, replicas keep their leases in one place. Each renews and deletes
// those of all, also of one that was killed, and only their time ends them. A
// lease is taken by one replica at a time; one whose identity is about to be
// deleted is never renewed, because the deletion may come late. Nothing is
// deleted within 30 s after the Book was away: that long the replicas tell what
// was used meanwhile.
//
// A deletion that fails is tried again, at growing intervals. The zero value
// with an Account is ready for use, without a journal. A nil *Manager knows no
// lease. All methods may be called by any number of goroutines.
type Manager struct {
	// Account and Accounts are where identities are deleted, each by the
	// account whose credential its lease names.
	Account  *session.Account
	Accounts *session.Accounts
	// Store forgets what was deleted; it may be nil.
	Store session.Store
	// Dir is the folder of the journals, made at the first lease; "" keeps none.
	Dir string
	// Book keeps the leases of several replicas: new ones go there instead of a
	// journal, any replica renews them, and any with the account deletes them.
	// Shared and Sealer must be set with it. Journals in Dir that processes without
	// a Book left are still taken over. Nil means that there is one process.
	Book Book
	// Sealer seals what goes into the Book; its key is the same in all replicas.
	Sealer *token.Sealer
	// Shared leases outlive the process: they are kept through a restart, and
	// only end by their time.
	Shared bool
	// Credential names a client's credential; nil means ravi.Client.CredentialID.
	Credential func(*ravi.Client) string
	// Log gets what an operator should know. The zero value is silent.
	Log zerolog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	news   news          // for the Book
	pace   time.Duration // of its sweeps; 0: sweepEvery
	disk   disk          // nil: the disk itself
	count  atomic.Int64  // of all; spares calls that use no lease the lock
	missed atomic.Bool   // somebody else holds a journal that may be for this process to take over

	mu     sync.Mutex
	all    map[string]*lease // by id
	own    *journal          // where new leases go
	held   map[string]*journal
	uses   map[use]time.Time // of identities whose lease may be in a missed journal
	heeds  map[string]heed   // by credential, as the Ravis of two may differ
	scanAt time.Time         // when to look for journals of dead processes again
	ending bool
	closed bool
	stop   context.CancelFunc
	done   chan struct{}
	wake   chan struct{}
}

// lease is one record at work. Manager.mu guards it.
type lease struct {
	record
	journal *journal // nil: none
	orphan  bool     // its process is gone
	due     bool     // by the clock of a Book
	busy    bool     // somebody is creating, looking for or deleting it
	noted   time.Time
	retry   time.Time // not before
	pauses  *backoff.ExponentialBackOff
}

// heed is whether a Ravi gives an identity the address that it is asked for.
type heed int8

const (
	heedUnknown heed = iota
	heedsAddress
	ignoresAddress
)

// Intent is a creation that is about to be sent. Exactly one of Created and
// Failed must be called.
type Intent struct {
	m     *Manager
	lease *lease
}

// Begin notes that the caller is about to create an identity of that name with
// the client; known are the uuids that bear it already. When Begin has
// returned, the note is on the disk, or in the Book. Where it cannot be kept,
// Begin fails, and nothing must be created.
func (m *Manager) Begin(client *ravi.Client, caller, name string, ttl time.Duration, known []string) (*Intent, error) {
	now := m.now()
	e := &lease{busy: true, record: record{
		ID: session.NewID(), Name: name, Known: known, Credential: m.credential(client), Caller: caller, Shared: m.Shared, Intended: now, TTL: ttl,
		Address: newAddress(name),
	}}
	if ravis, ok := client.Scope("").ServerTime(); ok {
		e.Ahead, e.Clock = time.Until(ravis).Round(time.Millisecond), true
	}
	if m.Book != nil {
		return m.beginInBook(e)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ending {
		return nil, ErrEnded
	}
	e.Heeded = m.heeds[e.Credential] == heedsAddress
	if m.Dir != "" {
		if m.own == nil {
			j, err := createJournal(m.files(), m.Dir)
			if err != nil {
				return nil, err
			}
			m.adopt(j)
			m.own = j
		}
		if err := m.own.append(e.record, true); err != nil {
			e.Gone = true
			_ = m.own.append(e.record, false) // nothing is sent, so nothing is to be looked for
			m.release(m.own)
			return nil, err
		}
		e.journal = m.own
		e.journal.live++
	}
	m.add(e)
	return &Intent{m: m, lease: e}, nil
}

// Address is the address to ask for: the part before the @. It tells this
// identity from all others if the answer is lost.
func (i *Intent) Address() string { return i.lease.Address }

// Created notes which identity it became, and returns when it will be deleted
// if it is not used until then.
func (i *Intent) Created(made ravi.Identity) time.Time {
	m, e := i.m, i.lease
	if m.Book != nil {
		defer func() { m.createdInBook(e.record) }()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.heeds == nil {
		m.heeds = make(map[string]heed)
	}
	switch {
	case made.HasAddress(e.Address):
		m.heeds[e.Credential] = heedsAddress
	case made.Inbox != "":
		m.heeds[e.Credential] = ignoresAddress
	}
	e.UUID, e.Expires, e.busy = made.UUID, m.now().Add(e.TTL), false
	if m.Book != nil {
		return e.Expires
	}
	m.note(e, true)
	m.wakeUp()
	return e.Expires
}

// Failed notes that the creation failed. Unless Ravi has refused it, the
// identity may exist all the same, and is looked for when its time is over.
func (i *Intent) Failed(err error) {
	m := i.m
	if m.Book != nil {
		m.failedInBook(i.lease.ID, err)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i.lease.busy = false
	var refused *ravi.Error
	if errors.As(err, &refused) && refused.Refused() {
		m.drop(i.lease)
		return
	}
	m.wakeUp()
}

// Claim says that an identity of that name, which the client's account does not
// have at this moment, is about to be made for good, or as another lease. It returns
// ErrNameInFlight while an earlier creation of that name, of this process or
// another, that was not answered can still come about. After that time nothing
// that bears the name is taken for what became of it.
func (m *Manager) Claim(client *ravi.Client, name string) error {
	if m == nil {
		return nil
	}
	credential := m.credential(client)
	if m.Book != nil {
		if err := m.claimInBook(credential, name); err != nil {
			return err
		}
	}
	if m.count.Load() == 0 && m.Dir == "" {
		return nil
	}
	m.scan(true) // what a process left that was killed since
	m.mu.Lock()
	defer m.mu.Unlock()
	inFlight := func(r record) bool {
		return r.UUID == "" && !r.Gone && r.Name == name && r.Credential == credential && m.now().Before(r.Intended.Add(claimWindow))
	}
	others, err := m.others()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(others, inFlight) {
		return ErrNameInFlight
	}
	for _, e := range m.list() {
		switch {
		case inFlight(e.record):
			return ErrNameInFlight
		case e.UUID == "" && !e.busy && e.Name == name && e.Credential == credential && !m.knownByAddress(e):
			m.drop(e)
		}
	}
	return nil
}

// Used renews the lease of an identity, if it is one of this caller's. It is
// cheap enough for every call.
func (m *Manager) Used(caller, uuid string) {
	if m != nil && m.Book != nil {
		m.usedInBook(use{caller, uuid})
	}
	if m == nil || m.count.Load() == 0 && !m.missed.Load() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.missedUse(use{caller, uuid})
	for _, e := range m.all {
		if e.UUID != uuid || e.Caller != caller || e.busy {
			continue
		}
		now := m.now()
		if !now.Before(e.Expires) {
			return // its end has come, and may be under way
		}
		if next := now.Add(e.TTL); next.After(e.Expires) {
			e.Expires = next
		}
		if e.journal != nil && now.Sub(e.noted) >= renewEvery {
			m.note(e, false)
			m.rewrite(e.journal)
		}
		return
	}
}

// Forget drops the lease of an identity that was deleted.
func (m *Manager) Forget(uuid string) {
	if m != nil && m.Book != nil {
		ctx, cancel := bookContext()
		defer cancel()
		_ = m.Book.DropIdentity(ctx, uuid) // else a replica finds the identity gone
	}
	if m == nil || m.count.Load() == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.list() {
		if e.UUID == uuid && !e.busy {
			m.drop(e)
		}
	}
}

// add takes a lease in. The caller holds mu.
func (m *Manager) add(e *lease) {
	if m.all == nil {
		m.all = make(map[string]*lease)
	}
	m.all[e.ID] = e
	m.count.Store(int64(len(m.all)))
}

// adopt takes a journal in. The caller holds mu.
func (m *Manager) adopt(j *journal) {
	if m.held == nil {
		m.held = make(map[string]*journal)
	}
	m.held[j.path] = j
}

// list returns the leases, so that they can be dropped meanwhile. The caller
// holds mu.
func (m *Manager) list() []*lease {
	all := make([]*lease, 0, len(m.all))
	for _, e := range m.all {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *lease) int { return a.Intended.Compare(b.Intended) })
	return all
}

// note writes a lease's state to its journal. What cannot be written is not
// fatal: the process still knows it. The caller holds mu.
func (m *Manager) note(e *lease, durable bool) {
	e.noted = m.now()
	if e.journal == nil || m.closed {
		return
	}
	if err := e.journal.append(e.record, durable); err != nil {
		m.Log.Error().Err(err).Msg("the journal of ephemeral identities cannot be written")
	}
}

// drop ends a lease, and its journal if that was the last of it. The caller
// holds mu.
func (m *Manager) drop(e *lease) {
	e.Gone = true
	delete(m.all, e.ID)
	m.count.Store(int64(len(m.all)))
	m.note(e, false)
	if j := e.journal; j != nil && !m.closed {
		j.live--
		m.release(j)
	}
}

// release removes a journal in which nothing is left, and gives back one in
// which nothing is left to do for this process. The caller holds mu.
func (m *Manager) release(j *journal) {
	for _, e := range m.all {
		if e.journal == j {
			return
		}
	}
	if j.live > 0 && j == m.own {
		return
	}
	if j == m.own {
		m.own = nil
	}
	if j.live > 0 {
		_ = j.close()
		delete(m.held, j.path)
		return
	}
	m.remove(j)
}

// remove ends a journal. One that cannot be removed stays held. The caller
// holds mu.
func (m *Manager) remove(j *journal) {
	if err := j.remove(); err != nil {
		m.Log.Error().Err(err).Msg("a journal of ephemeral identities that is done with cannot be removed")
		return
	}
	delete(m.held, j.path)
}

// rewrite puts the leases of the own journal into a new one when it has grown
// much longer than they need. The caller holds mu.
func (m *Manager) rewrite(j *journal) {
	if j != m.own || j.lines < rewriteAt || j.lines < 8*j.live {
		return
	}
	next, err := createJournal(m.files(), m.Dir)
	if err != nil {
		return
	}
	var moved []*lease
	for _, e := range m.all {
		if e.journal != j {
			continue
		}
		if err = next.append(e.record, false); err != nil {
			break
		}
		moved = append(moved, e)
	}
	m.adopt(next)
	if err != nil || next.file.Sync() != nil {
		m.remove(next)
		return
	}
	for _, e := range moved {
		e.journal = next
		next.live++
	}
	m.own = next
	m.remove(j)
}

func (m *Manager) files() disk {
	if m.disk != nil {
		return m.disk
	}
	return osDisk{}
}

func (m *Manager) credential(c *ravi.Client) string {
	if m.Credential != nil {
		return m.Credential(c)
	}
	return c.CredentialID()
}

func (m *Manager) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}
