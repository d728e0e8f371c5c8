package session

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

// ErrLeasesEnded says that no lease can be made, because the server ends.
var ErrLeasesEnded = errors.New("session: the server is ending")

// ErrNameInFlight says that another process of this machine may be creating an
// identity of the same name.
var ErrNameInFlight = errors.New("session: another server is creating an identity of that name")

// Leases delete ephemeral identities: when they were not used for their time to
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
// with an Account is ready for use, without a journal. A nil *Leases knows no
// lease. All methods may be called by any number of goroutines.
type Leases struct {
	// Account and Accounts are where identities are deleted, each by the
	// account whose credential its lease names.
	Account  *Account
	Accounts *Accounts
	// Store forgets what was deleted; it may be nil.
	Store Store
	// Dir is the folder of the journals, made at the first lease; "" keeps none.
	Dir string
	// Book keeps the leases of several replicas: new ones go there instead of a
	// journal, any replica renews them, and any with the account deletes them.
	// Shared and Sealer must be set with it. Journals in Dir that processes without
	// a Book left are still taken over. Nil means that there is one process.
	Book LeaseBook
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

// lease is one record at work. Leases.mu guards it.
type lease struct {
	leaseRecord
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
	l     *Leases
	lease *lease
}

// Begin notes that the caller is about to create an identity of that name with
// the client; known are the uuids that bear it already. When Begin has
// returned, the note is on the disk, or in the Book. Where it cannot be kept,
// Begin fails, and nothing must be created.
func (l *Leases) Begin(client *ravi.Client, caller, name string, ttl time.Duration, known []string) (*Intent, error) {
	now := l.now()
	e := &lease{busy: true, leaseRecord: leaseRecord{
		ID: NewID(), Name: name, Known: known, Credential: l.credential(client), Caller: caller, Shared: l.Shared, Intended: now, TTL: ttl,
		Address: newAddress(name),
	}}
	if ravis, ok := client.Scope("").ServerTime(); ok {
		e.Ahead, e.Clock = time.Until(ravis).Round(time.Millisecond), true
	}
	if l.Book != nil {
		return l.beginInBook(e)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending {
		return nil, ErrLeasesEnded
	}
	e.Heeded = l.heeds[e.Credential] == heedsAddress
	if l.Dir != "" {
		if l.own == nil {
			j, err := createJournal(l.files(), l.Dir)
			if err != nil {
				return nil, err
			}
			l.adopt(j)
			l.own = j
		}
		if err := l.own.append(e.leaseRecord, true); err != nil {
			e.Gone = true
			_ = l.own.append(e.leaseRecord, false) // nothing is sent, so nothing is to be looked for
			l.release(l.own)
			return nil, err
		}
		e.journal = l.own
		e.journal.live++
	}
	l.add(e)
	return &Intent{l: l, lease: e}, nil
}

// Address is the address to ask for: the part before the @. It tells this
// identity from all others if the answer is lost.
func (i *Intent) Address() string { return i.lease.Address }

// Created notes which identity it became, and returns when it will be deleted
// if it is not used until then.
func (i *Intent) Created(made ravi.Identity) time.Time {
	l, e := i.l, i.lease
	if l.Book != nil {
		defer func() { l.createdInBook(e.leaseRecord) }()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heeds == nil {
		l.heeds = make(map[string]heed)
	}
	switch {
	case made.HasAddress(e.Address):
		l.heeds[e.Credential] = heedsAddress
	case made.Inbox != "":
		l.heeds[e.Credential] = ignoresAddress
	}
	e.UUID, e.Expires, e.busy = made.UUID, l.now().Add(e.TTL), false
	if l.Book != nil {
		return e.Expires
	}
	l.note(e, true)
	l.wakeUp()
	return e.Expires
}

// Failed notes that the creation failed. Unless Ravi has refused it, the
// identity may exist all the same, and is looked for when its time is over.
func (i *Intent) Failed(err error) {
	l := i.l
	if l.Book != nil {
		l.failedInBook(i.lease.ID, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i.lease.busy = false
	var refused *ravi.Error
	if errors.As(err, &refused) && refused.Refused() {
		l.drop(i.lease)
		return
	}
	l.wakeUp()
}

// Claim says that an identity of that name, which the client's account does not
// have at this moment, is about to be made for good, or as another lease. It returns
// ErrNameInFlight while an earlier creation of that name, of this process or
// another, that was not answered can still come about. After that time nothing
// that bears the name is taken for what became of it.
func (l *Leases) Claim(client *ravi.Client, name string) error {
	if l == nil {
		return nil
	}
	credential := l.credential(client)
	if l.Book != nil {
		if err := l.claimInBook(credential, name); err != nil {
			return err
		}
	}
	if l.count.Load() == 0 && l.Dir == "" {
		return nil
	}
	l.scan(true) // what a process left that was killed since
	l.mu.Lock()
	defer l.mu.Unlock()
	inFlight := func(r leaseRecord) bool {
		return r.UUID == "" && !r.Gone && r.Name == name && r.Credential == credential && l.now().Before(r.Intended.Add(claimWindow))
	}
	others, err := l.others()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(others, inFlight) {
		return ErrNameInFlight
	}
	for _, e := range l.list() {
		switch {
		case inFlight(e.leaseRecord):
			return ErrNameInFlight
		case e.UUID == "" && !e.busy && e.Name == name && e.Credential == credential && !l.knownByAddress(e):
			l.drop(e)
		}
	}
	return nil
}

// Used renews the lease of an identity, if it is one of this caller's. It is
// cheap enough for every call.
func (l *Leases) Used(caller, uuid string) {
	if l != nil && l.Book != nil {
		l.usedInBook(use{caller, uuid})
	}
	if l == nil || l.count.Load() == 0 && !l.missed.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.missedUse(use{caller, uuid})
	for _, e := range l.all {
		if e.UUID != uuid || e.Caller != caller || e.busy {
			continue
		}
		now := l.now()
		if !now.Before(e.Expires) {
			return // its end has come, and may be under way
		}
		if next := now.Add(e.TTL); next.After(e.Expires) {
			e.Expires = next
		}
		if e.journal != nil && now.Sub(e.noted) >= renewEvery {
			l.note(e, false)
			l.rewrite(e.journal)
		}
		return
	}
}

// Forget drops the lease of an identity that was deleted.
func (l *Leases) Forget(uuid string) {
	if l != nil && l.Book != nil {
		ctx, cancel := bookContext()
		defer cancel()
		_ = l.Book.DropIdentity(ctx, uuid) // else a replica finds the identity gone
	}
	if l == nil || l.count.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.list() {
		if e.UUID == uuid && !e.busy {
			l.drop(e)
		}
	}
}

// add takes a lease in. The caller holds mu.
func (l *Leases) add(e *lease) {
	if l.all == nil {
		l.all = make(map[string]*lease)
	}
	l.all[e.ID] = e
	l.count.Store(int64(len(l.all)))
}

// adopt takes a journal in. The caller holds mu.
func (l *Leases) adopt(j *journal) {
	if l.held == nil {
		l.held = make(map[string]*journal)
	}
	l.held[j.path] = j
}

// list returns the leases, so that they can be dropped meanwhile. The caller
// holds mu.
func (l *Leases) list() []*lease {
	all := make([]*lease, 0, len(l.all))
	for _, e := range l.all {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *lease) int { return a.Intended.Compare(b.Intended) })
	return all
}

// note writes a lease's state to its journal. What cannot be written is not
// fatal: the process still knows it. The caller holds mu.
func (l *Leases) note(e *lease, durable bool) {
	e.noted = l.now()
	if e.journal == nil || l.closed {
		return
	}
	if err := e.journal.append(e.leaseRecord, durable); err != nil {
		l.Log.Error().Err(err).Msg("the journal of ephemeral identities cannot be written")
	}
}

// drop ends a lease, and its journal if that was the last of it. The caller
// holds mu.
func (l *Leases) drop(e *lease) {
	e.Gone = true
	delete(l.all, e.ID)
	l.count.Store(int64(len(l.all)))
	l.note(e, false)
	if j := e.journal; j != nil && !l.closed {
		j.live--
		l.release(j)
	}
}

// release removes a journal in which nothing is left, and gives back one in
// which nothing is left to do for this process. The caller holds mu.
func (l *Leases) release(j *journal) {
	for _, e := range l.all {
		if e.journal == j {
			return
		}
	}
	if j.live > 0 && j == l.own {
		return
	}
	if j == l.own {
		l.own = nil
	}
	if j.live > 0 {
		_ = j.close()
		delete(l.held, j.path)
		return
	}
	l.remove(j)
}

// remove ends a journal. One that cannot be removed stays held. The caller
// holds mu.
func (l *Leases) remove(j *journal) {
	if err := j.remove(); err != nil {
		l.Log.Error().Err(err).Msg("a journal of ephemeral identities that is done with cannot be removed")
		return
	}
	delete(l.held, j.path)
}

// rewrite puts the leases of the own journal into a new one when it has grown
// much longer than they need. The caller holds mu.
func (l *Leases) rewrite(j *journal) {
	if j != l.own || j.lines < rewriteAt || j.lines < 8*j.live {
		return
	}
	next, err := createJournal(l.files(), l.Dir)
	if err != nil {
		return
	}
	var moved []*lease
	for _, e := range l.all {
		if e.journal != j {
			continue
		}
		if err = next.append(e.leaseRecord, false); err != nil {
			break
		}
		moved = append(moved, e)
	}
	l.adopt(next)
	if err != nil || next.file.Sync() != nil {
		l.remove(next)
		return
	}
	for _, e := range moved {
		e.journal = next
		next.live++
	}
	l.own = next
	l.remove(j)
}

func (l *Leases) files() disk {
	if l.disk != nil {
		return l.disk
	}
	return osDisk{}
}

func (l *Leases) credential(c *ravi.Client) string {
	if l.Credential != nil {
		return l.Credential(c)
	}
	return c.CredentialID()
}

func (l *Leases) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}
