package lease

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"time"

	"ravi-mcp/internal/token"
	"ravi-mcp/ravi"
)

const (
	// bookTime bounds what a Manager ask of a Book outside of a sweep.
	bookTime = 5 * time.Second
	// useEvery is how often the use of an identity is told to the book. A lease
	// is renewed for as much longer, so that none ends early.
	useEvery = 15 * time.Second
	// sweepEvery is how often a replica looks what is due in its Book, and
	// tells the book what it could not tell before.
	sweepEvery = 5 * time.Second
	// entryLife is how long a sealed entry can be opened: longer than anybody
	// goes on renewing a lease.
	entryLife = 100 * 365 * 24 * time.Hour
)

// Entry is a lease as a Book keeps it.
type Entry struct {
	// ID names the lease, and nothing else.
	ID string
	// Name, Caller and Credential are what the lease is found by. A book keeps no
	// more of them than hashes, and does not return them.
	Name, Caller, Credential string
	// UUID is the identity; "" is not known yet, or it never came about.
	UUID string
	// TTL is for how long a use renews it.
	TTL time.Duration
	// Data is all that is known of it, sealed.
	Data string
	// Fence counts how often the lease was taken. Who took it last has the highest.
	Fence int64
	// Age is how long ago it was added, by the book's clock. Only the book sets it.
	Age time.Duration
}

// Book keeps leases for several processes. Every method is atomic. An error
// means that the book did not answer, and the operation may have happened all
// the same. Times are those of the book's own clock.
type Book interface {
	// Ping reports whether the book answers.
	Ping(ctx context.Context) error
	// Add writes a lease, unless one of that ID is there, about which something is
	// to be done after due.
	Add(ctx context.Context, e Entry, due time.Duration) error
	// Update replaces a lease and gives it back, unless it is gone, or was taken
	// since e.Fence; then it reports false.
	Update(ctx context.Context, e Entry, due time.Duration) (bool, error)
	// Renew puts the end of an identity's lease off to its TTL and grace after a
	// use that was some time ago, if it is the caller's and was not taken.
	Renew(ctx context.Context, caller, uuid string, ago, grace time.Duration) error
	// Named returns the leases of a credential under a name.
	Named(ctx context.Context, credential, name string) ([]Entry, error)
	// Leased reports whether there is a lease of an identity.
	Leased(ctx context.Context, uuid string) (bool, error)
	// Take returns leases of these credentials that are due, which nobody else gets
	// for the time of hold. One that has a uuid can never be renewed again.
	Take(ctx context.Context, credentials []string, hold time.Duration, most int) ([]Entry, error)
	// Holds reports whether a lease is there and was not taken since fence.
	Holds(ctx context.Context, id string, fence int64) (bool, error)
	// Drop ends a lease, unless it was taken since fence.
	Drop(ctx context.Context, id string, fence int64) error
	// DropIdentity ends the lease of an identity, whoever has it.
	DropIdentity(ctx context.Context, uuid string) error
}

// news is what a process still has to tell its Book.
type news struct {
	mu      sync.Mutex
	told    map[use]time.Time // uses that were told since turned
	before  map[use]time.Time // and those of the time before that
	turned  time.Time         // when before was told
	uses    map[use]time.Time // uses that could not be told
	created map[string]Entry  // whose uuid could not be noted
	refused map[string]bool   // intents that could not be dropped
	failed  time.Time         // when the book last did not answer
	began   time.Time         // when this process first looked at it
}

// keep remembers a use that is still to be told. The caller holds mu.
func (n *news) keep(u use, at time.Time) {
	if n.uses == nil {
		n.uses = make(map[use]time.Time)
	}
	if at.After(n.uses[u]) {
		n.uses[u] = at
	}
}

// entry is a lease for the book. What is sealed to its ID nobody can change, or
// put under another one, who has the book but not the key.
func (m *Manager) entry(r record, fence int64) (Entry, error) {
	e := Entry{ID: r.ID, Name: r.Name, Caller: r.Caller, Credential: r.Credential, UUID: r.UUID, TTL: r.TTL, Fence: fence}
	data, err := json.Marshal(r)
	if err == nil {
		e.Data, err = m.Sealer.Seal(token.Binding{Identity: r.ID, Purpose: "lease"}, entryLife, data)
	}
	return e, err
}

func (m *Manager) open(e Entry) (r record, err error) {
	data, err := m.Sealer.Open(token.Binding{Identity: e.ID, Purpose: "lease"}, e.Data)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err == nil && !(r.valid() && r.ID == e.ID) {
		err = errors.New("session: a lease in the store is not whole")
	}
	return r, err
}

func (m *Manager) sweepPace() time.Duration { return cmp.Or(m.pace, sweepEvery) }

func bookContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), bookTime)
}

// beginInBook is the part of Begin that keeps the note.
func (m *Manager) beginInBook(e *lease) (*Intent, error) {
	m.mu.Lock()
	ending := m.ending
	e.Heeded = m.heeds[e.Credential] == heedsAddress
	m.mu.Unlock()
	if ending {
		return nil, ErrEnded
	}
	entry, err := m.entry(e.record, 0)
	if err != nil {
		return nil, err
	}
	ctx, cancel := bookContext()
	defer cancel()
	if err := m.Book.Add(ctx, entry, createWindow); err != nil {
		m.forgetIntent(entry.ID) // nothing is sent, so nothing is to be looked for
		return nil, err
	}
	return &Intent{m: m, lease: e}, nil
}

// createdInBook is the part of Created that notes the uuid. What cannot be noted
// now is noted later, or found out by any replica when it is due.
func (m *Manager) createdInBook(r record) {
	entry, err := m.entry(r, 0)
	if err != nil {
		return
	}
	ctx, cancel := bookContext()
	defer cancel()
	if ok, err := m.Book.Update(ctx, entry, r.TTL+useEvery); ok && err == nil {
		return
	}
	m.news.mu.Lock()
	defer m.news.mu.Unlock()
	if m.news.created == nil {
		m.news.created = make(map[string]Entry)
	}
	m.news.created[entry.ID] = entry
}

// failedInBook drops an intent that Ravi has refused. Any other stays.
func (m *Manager) failedInBook(id string, err error) {
	var refused *ravi.Error
	if errors.As(err, &refused) && refused.Refused() {
		m.forgetIntent(id)
	}
}

// forgetIntent drops what was never created.
func (m *Manager) forgetIntent(id string) {
	ctx, cancel := bookContext()
	defer cancel()
	if m.Book.Drop(ctx, id, 0) == nil {
		return
	}
	m.news.mu.Lock()
	defer m.news.mu.Unlock()
	if m.news.refused == nil {
		m.news.refused = make(map[string]bool)
	}
	m.news.refused[id] = true
}

// claimInBook is the part of Claim that looks at the leases of all replicas.
func (m *Manager) claimInBook(credential, name string) error {
	ctx, cancel := bookContext()
	defer cancel()
	named, err := m.Book.Named(ctx, credential, name)
	if err != nil {
		return err
	}
	for _, entry := range named {
		if entry.UUID != "" {
			continue
		}
		if entry.Age < claimWindow {
			return ErrNameInFlight
		}
		r, err := m.open(entry)
		if err != nil {
			continue
		}
		m.mu.Lock()
		known := m.knownByAddress(&lease{record: r})
		m.mu.Unlock()
		if known {
			continue
		}
		if err := m.Book.Drop(ctx, entry.ID, entry.Fence); err != nil {
			return err
		}
	}
	return nil
}

// usedInBook is the part of Used that tells the other replicas. It asks the book
// now and then only.
func (m *Manager) usedInBook(u use) {
	now, n := m.now(), &m.news
	n.mu.Lock()
	if now.Sub(n.turned) >= useEvery {
		n.told, n.before, n.turned = make(map[use]time.Time), n.told, now
	}
	at, told := n.told[u]
	if !told {
		at, told = n.before[u]
	}
	if told && now.Sub(at) < useEvery {
		n.mu.Unlock()
		return
	}
	n.told[u] = now
	down := !n.failed.IsZero() && now.Sub(n.failed) < 2*m.sweepPace()
	if down {
		n.keep(u, now)
	}
	n.mu.Unlock()
	if down {
		return // it is told once the book answers, and nobody has to wait for that
	}
	ctx, cancel := bookContext()
	defer cancel()
	_ = m.tell(ctx, u, now)
}

// tell tells the book of a use, or remembers it.
func (m *Manager) tell(ctx context.Context, u use, at time.Time) error {
	err := m.Book.Renew(ctx, u.caller, u.uuid, m.now().Sub(at), useEvery)
	n := &m.news
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err == nil && !n.uses[u].After(at):
		delete(n.uses, u)
	case err != nil:
		n.keep(u, at)
		n.failed = m.now()
	}
	return err
}

// tellAll tells the book what it could not be told before. It stops where the
// book does not answer.
func (m *Manager) tellAll(ctx context.Context) {
	n := &m.news
	n.mu.Lock()
	uses, created, refused := maps.Clone(n.uses), maps.Clone(n.created), maps.Clone(n.refused)
	n.mu.Unlock()
	for u, at := range uses {
		if m.tell(ctx, u, at) != nil {
			return
		}
	}
	for id, entry := range created {
		done, err := m.noteCreated(ctx, entry)
		if err != nil {
			return
		}
		if done {
			n.mu.Lock()
			delete(n.created, id)
			n.mu.Unlock()
		}
	}
	for id := range refused {
		if m.Book.Drop(ctx, id, 0) != nil {
			return
		}
		n.mu.Lock()
		delete(n.refused, id)
		n.mu.Unlock()
	}
}

// noteCreated notes a uuid, also where another replica has meanwhile looked for
// the identity: what that one found stands, and what it gave up is added again.
func (m *Manager) noteCreated(ctx context.Context, entry Entry) (done bool, err error) {
	if done, err = m.Book.Update(ctx, entry, entry.TTL+useEvery); done || err != nil {
		return done, err
	}
	if done, err = m.Book.Leased(ctx, entry.UUID); done || err != nil {
		return done, err
	}
	return false, m.Book.Add(ctx, entry, entry.TTL+useEvery)
}
