package lease

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"ravi-mcp/internal/token"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
)

const (
	// createWindow is how long after its intent a creation can come about: the longest time of a
	// call, and a margin for what Ravi still works on.
	createWindow = 90 * time.Second
	// createSlack is what the times of Ravi may be off by.
	createSlack = 5 * time.Second
	// claimWindow is how long after its intent nothing else of the name is made.
	claimWindow = createWindow + createSlack
)

// ErrEnded says that no lease can be made, because the server ends.
var ErrEnded = errors.New("lease: the server is ending")

// ErrNameInFlight says that another process of this machine may be creating an identity of the same
// name.
var ErrNameInFlight = errors.New("lease: another server is creating an identity of that name")

// A Manager deletes ephemeral identities: when they were not used for their time to live, and,
// unless they outlive the process (Persistent, Keep, Called), at End at the latest.
//
// Only what a call of this server created is ever deleted. Before a creation is sent, its intent is
// on the disk, in a journal that belongs to this process by a file lock. What a killed process
// leaves is deleted by the next one that starts with the same credential, or by one that lives,
// within two minutes.
//
// An intent whose uuid was never noted is known by the address that it asked for, which nothing
// else has. An early Ravi does not take addresses: unless it is known to, an intent then stands for
// the one identity of its name that was created within 90 s after it by Ravi's clock, that did not
// exist before, and that no other journal holds. If that is not exactly one, nothing is deleted.
//
// With a Registry, replicas keep their leases in one place. Each renews and deletes those of all,
// also of one that was killed, and only their time ends them. A lease is taken by one replica at a
// time; one whose identity is about to be deleted is never renewed, because the deletion may come
// late. Nothing is deleted within 30 s after the Registry was away: that long the replicas report
// what was used meanwhile.
//
// A deletion that fails is tried again, at growing intervals. The zero value with an Account is
// ready for use, without a journal. A nil *Manager knows no lease. The fields must not change after
// the first use; all methods may be called by any number of goroutines.
type Manager struct {
	// Account and Accounts are where identities are deleted, each by the account whose credential
	// its lease names.
	Account  *session.Account
	Accounts *session.Accounts
	// Store forgets what was deleted; it may be nil.
	Store session.Store
	// Dir is the folder of the journals, made at the first lease; "" keeps none.
	Dir string
	// Registry keeps the leases of several replicas: new ones go there instead of a journal, any
	// replica renews them, and any with the account deletes them. Persistent and Sealer must be set
	// with it. Journals in Dir that processes without a Registry left are still taken over. Nil
	// means that there is one process.
	Registry Registry
	// Sealer seals what goes into the Registry; its key is the same in all replicas.
	Sealer *token.Sealer
	// Persistent leases outlive the process: they are kept through a restart, and only end by their
	// time.
	Persistent bool
	// Credential names a client's credential; nil means ravi.Client.CredentialID.
	Credential func(*ravi.Client) string
	// Log gets what an operator should know. The zero value is silent.
	Log zerolog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	disk disk          // of the journals; nil: that of the system
	pace time.Duration // of sweeps of the Registry; 0: sweepEvery

	once      sync.Once // makes the back ends
	all       []backend
	journals  *journals // one of them
	addresses addressSupport
	ending    atomic.Bool
	keep      atomic.Bool
	calls     atomic.Int64
	ctx       context.Context // of what Start begins
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// Intent is a creation that is about to be sent. Exactly one of Created, Kept, Unrecorded and
// Failed must be called.
type Intent struct {
	m      *Manager
	record record
}

// backends returns the back ends, the one for new leases first.
func (m *Manager) backends() []backend {
	if m == nil {
		return nil
	}
	m.once.Do(func() {
		m.ctx, m.stop = context.WithCancel(context.Background())
		m.journals = newJournals(m)
		if m.Registry != nil {
			m.all = append(m.all, newShared(m))
		}
		m.all = append(m.all, m.journals)
	})
	return m.all
}

func (m *Manager) primary() backend { return m.backends()[0] }

// Begin notes that the caller is about to create an identity of that name with the client; known
// are the uuids that bear it already. When Begin has returned, the note is on the disk, or in the
// Registry. Where it cannot be kept, Begin fails, and nothing must be created.
func (m *Manager) Begin(client *ravi.Client, caller, name string, ttl time.Duration, known []string) (*Intent, error) {
	return m.begin(client, record{Caller: caller, Name: name, TTL: ttl, Known: known, Persistent: m.outlives()})
}

// BeginOwned is Begin for an identity that is to stay, and that its caller is about to own in Store
// (session.Store.RecordOwner). What became of it is deleted if no owner was recorded, because the
// process was killed or Ravi's answer lost: it would exist for no caller. It is known by its
// address alone; where Ravi takes none, the log says that it may be left over.
func (m *Manager) BeginOwned(client *ravi.Client, caller, name string, known []string) (*Intent, error) {
	return m.begin(client, record{Caller: caller, Name: name, TTL: createWindow, Known: known, Persistent: m.outlives(), Owned: true})
}

// begin completes a record and notes it.
func (m *Manager) begin(client *ravi.Client, r record) (*Intent, error) {
	r.ID, r.Intended, r.Address, r.Credential = session.NewID(), m.now(), newAddress(r.Name), m.credential(client)
	r.ByAddress, _ = m.addresses.of(r.Credential)
	if ravis, ok := client.Scope("").ServerTime(); ok {
		r.Ahead, r.Clock = time.Until(ravis).Round(time.Millisecond), true
	}
	if err := m.primary().begin(r); err != nil {
		return nil, err
	}
	return &Intent{m: m, record: r}, nil
}

// Address is the address to ask for: the part before the @. It tells this identity from all others
// if the answer is lost.
func (i *Intent) Address() string { return i.record.Address }

// Created notes which identity it became, and returns when it will be deleted if it is not used
// until then.
func (i *Intent) Created(made ravi.Identity) time.Time {
	r := i.record
	i.m.addresses.learn(r.Credential, r.Address, made)
	r.UUID, r.Expires = made.UUID, i.m.now().Add(r.TTL)
	i.m.primary().created(r)
	return r.Expires
}

// Kept ends an intent whose identity stays: nothing is left of it.
func (i *Intent) Kept(made ravi.Identity) {
	i.m.addresses.learn(i.record.Credential, i.record.Address, made)
	i.m.primary().failed(i.record.ID, true)
}

// Unrecorded notes which identity it became, and has it deleted at once, as its owner could not be
// recorded.
func (i *Intent) Unrecorded(made ravi.Identity) {
	r := i.record
	r.UUID, r.Expires, r.Owned = made.UUID, i.m.now(), false
	i.m.primary().created(r)
}

// Failed notes that the creation failed. Unless Ravi has refused it, the identity may exist all the
// same, and is looked for when its time is over.
func (i *Intent) Failed(err error) {
	var e *ravi.Error
	i.m.primary().failed(i.record.ID, errors.As(err, &e) && e.Refused())
}

// Claim says that an identity of that name, which the client's account does not have at this
// moment, is about to be made for good, or as another lease. It returns ErrNameInFlight while an
// earlier creation of that name, of this process or another, that was not answered can still come
// about. After that time nothing that bears the name is taken for what became of it.
func (m *Manager) Claim(client *ravi.Client, name string) error {
	for _, b := range m.backends() {
		if err := b.claim(m.credential(client), name); err != nil {
			return err
		}
	}
	return nil
}

// Used renews the lease of an identity, if it is one of this caller's. It is cheap enough for every
// call.
func (m *Manager) Used(caller, uuid string) {
	for _, b := range m.backends() {
		b.used(use{caller, uuid})
	}
}

// Forget drops the lease of an identity that was deleted.
func (m *Manager) Forget(uuid string) {
	for _, b := range m.backends() {
		b.forget(uuid)
	}
}

// Start looks for what earlier processes left, and deletes what is due from then on, until End.
func (m *Manager) Start() {
	for _, b := range m.backends() {
		m.running.Go(func() { b.run(m.ctx) })
	}
}

// Keep makes the leases of this process, those to come as well, outlive it, as if they were
// Persistent: only their time ends them, in this process or in a later one. What earlier processes
// left is not touched.
func (m *Manager) Keep() {
	if m != nil && !m.keep.Swap(true) {
		m.backends()
		m.journals.remark()
	}
}

// Called counts a call of a client. A lease made by the only call of its process outlives that, as
// after Keep: a harness that starts a process for every call is about to use the identity in the
// next. The second call shows that the process is there for longer. Call it before the call is
// handled.
func (m *Manager) Called() {
	if m != nil && m.calls.Add(1) == 2 {
		m.backends()
		m.journals.remark()
	}
}

// CallFailed takes a call out of the count again: one that failed is no use of what there is, and
// such a harness corrects it in the same process.
func (m *Manager) CallFailed() {
	if m != nil && m.calls.Add(-1) == 1 {
		m.backends()
		m.journals.remark()
	}
}

// outlives reports whether the leases of this process are to outlive it, as far as is known now.
func (m *Manager) outlives() bool { return m.Persistent || m.keep.Load() || m.calls.Load() == 1 }

// End stops what Start began, and gives the journals back. Unless the leases are Persistent, it
// deletes their identities, as far as ctx allows; what is left stays in the journal for the next
// start.
func (m *Manager) End(ctx context.Context) {
	if m == nil {
		return
	}
	all, first := m.backends(), m.ending.CompareAndSwap(false, true)
	m.stop()
	m.running.Wait()
	if !first {
		return
	}
	for _, b := range all {
		b.end(ctx)
	}
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
