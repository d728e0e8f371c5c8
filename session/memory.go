package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// maxCreated bounds the records of creators; beyond it expired ones go, then arbitrary ones.
	maxCreated = 100_000
	// maxUsed bounds the marks of UseOnce; beyond it no further one is made.
	maxUsed = 100_000
)

// Memory is a Store in this process. The zero value is ready for use. It is lost with the process,
// which is right for stdio and for a single HTTP server, except for who created what, which is in
// Files, and for what was used once, which is in Marks.
type Memory struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Files keeps the records of owners; nil keeps them in memory, where no identity outlives it.
	Files *OwnerFiles
	// Marks keeps the marks of UseOnce; nil keeps them in memory, where nothing that is good once
	// is good in another process.
	Marks *MarkFiles

	mu       sync.Mutex
	sessions map[Key]*memorySession
	created  map[creation]time.Time
	owned    map[string]Ownership // by identity
	used     map[string]time.Time // key -> when the mark expires
	swept    time.Time            // when expired marks were last dropped
}

type memorySession struct {
	known   Known
	named   []string
	cursors map[string]memoryCursor // by identity
	sets    uint64                  // counts swaps, to find the oldest
	found   []foundMessage          // the latest last
}

type memoryCursor struct {
	cursor string
	set    uint64
}

type creation struct{ caller, identity string }

var _ Store = (*Memory)(nil)

// Known implements Store.
func (m *Memory) Known(_ context.Context, key Key) (Known, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sessions[key]; s != nil {
		return s.known, nil
	}
	return Known{}, nil
}

// Learn implements Store.
func (m *Memory) Learn(_ context.Context, key Key, identity, configured string) (Known, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.session(key)
	if s.known.Deleted {
		s.known.Identity, s.known.Deleted = "", false
	}
	if s.known.none() {
		s.learn(s.known.Default)
		s.learn(configured)
	}
	s.learn(identity)
	s.named = s.named[max(0, len(s.named)-MaxNamed):]
	return s.known, nil
}

func (s *memorySession) learn(identity string) {
	if identity == "" || slices.Contains(s.named, identity) {
		return
	}
	s.named = append(s.named, identity)
	switch {
	case s.known.Several, s.known.Identity == identity:
	case s.known.Identity == "":
		s.known.Identity = identity
	default:
		s.known.Identity, s.known.Several = "", true
	}
}

// Unlearn implements Store.
func (m *Memory) Unlearn(_ context.Context, key Key, identity string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[key]
	if s == nil {
		return nil
	}
	s.known.Deleted = s.known.Deleted || s.known.Identity == identity
	if s.known.Default == identity {
		s.known.Default = ""
	}
	s.unname(identity)
	return nil
}

func (s *memorySession) unname(identity string) {
	s.named = slices.DeleteFunc(s.named, func(named string) bool { return named == identity })
}

// LearnDefault implements Store.
func (m *Memory) LearnDefault(_ context.Context, key Key, identity string) (Known, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.session(key)
	if s.known.none() {
		s.known.Default = identity
	}
	return s.known, nil
}

// KnownIdentities implements Store.
func (m *Memory) KnownIdentities(_ context.Context, key Key) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sessions[key]; s != nil {
		return slices.Clone(s.named), nil
	}
	return nil, nil
}

// Cursor implements Store.
func (m *Memory) Cursor(_ context.Context, key Key, identity string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sessions[key]; s != nil {
		return s.cursors[identity].cursor, nil
	}
	return "", nil
}

// SwapCursor implements Store.
func (m *Memory) SwapCursor(_ context.Context, key Key, identity, old, next string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.session(key)
	if s.cursors[identity].cursor != old {
		return false, nil
	}
	if s.cursors == nil {
		s.cursors = make(map[string]memoryCursor)
	}
	s.sets++
	s.cursors[identity] = memoryCursor{cursor: next, set: s.sets}
	if len(s.cursors) > MaxCursors {
		oldest := identity
		for id, c := range s.cursors {
			if c.set < s.cursors[oldest].set {
				oldest = id
			}
		}
		delete(s.cursors, oldest)
	}
	return true, nil
}

// RecordCreated implements Store.
func (m *Memory) RecordCreated(_ context.Context, caller, identity string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.created == nil {
		m.created = make(map[creation]time.Time)
	}
	now := timeBy(m.Now)
	m.created[creation{caller, identity}] = now
	if len(m.created) > maxCreated {
		m.dropOldCreated(now)
	}
	return nil
}

// CreatedBy implements Store.
func (m *Memory) CreatedBy(_ context.Context, caller, identity string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.created[creation{caller, identity}]
	return ok && timeBy(m.Now).Sub(at) < CreatedFor, nil
}

// RecordOwner implements Store.
func (m *Memory) RecordOwner(_ context.Context, o Ownership) error {
	if m.Files != nil {
		return m.Files.record(o)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch OfCaller(m.owned[o.Identity].Caller, o.Caller) {
	case OwnerSelf:
		return nil
	case OwnerOther:
		return ErrOtherOwner
	}
	if len(m.owned) >= MaxOwners {
		return ErrTooManyOwners
	}
	if m.owned == nil {
		m.owned = make(map[string]Ownership)
	}
	m.owned[o.Identity] = o
	return nil
}

// Owners implements Store.
func (m *Memory) Owners(_ context.Context, caller string, identities []string) ([]Owner, error) {
	if m.Files != nil {
		return m.Files.owners(caller, identities)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := make([]Owner, len(identities))
	for i, identity := range identities {
		found[i] = OfCaller(m.owned[identity].Caller, caller)
	}
	return found, nil
}

// OwnedWith implements Store.
func (m *Memory) OwnedWith(_ context.Context, credential string, most int) ([]string, error) {
	if m.Files != nil {
		return m.Files.ownedWith(credential, most)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []string
	for identity, o := range m.owned { // in random order
		if most--; most < 0 {
			break
		}
		if o.Credential == credential {
			found = append(found, identity)
		}
	}
	return found, nil
}

// UseOnce implements Store.
func (m *Memory) UseOnce(_ context.Context, key string, ttl time.Duration) (bool, error) {
	now := timeBy(m.Now)
	if m.Marks != nil {
		return m.Marks.use(key, now, ttl)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used == nil {
		m.used = make(map[string]time.Time)
	}
	if now.Before(m.used[key]) {
		return false, nil
	}
	if now.Sub(m.swept) > time.Minute || len(m.used) >= maxUsed {
		m.swept = now
		maps.DeleteFunc(m.used, func(_ string, until time.Time) bool { return !now.Before(until) })
	}
	if len(m.used) >= maxUsed {
		return false, errTooManyMarks
	}
	m.used[key] = now.Add(ttl)
	return true, nil
}

// errTooManyMarks fails closed: dropping a mark would let its key be used twice.
var errTooManyMarks = errors.New("session: too many single-use marks stand")

// ForgetIdentity implements Store.
func (m *Memory) ForgetIdentity(_ context.Context, identity string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		s.unname(identity)
		delete(s.cursors, identity)
	}
	maps.DeleteFunc(m.created, func(c creation, _ time.Time) bool { return c.identity == identity })
	delete(m.owned, identity)
	if m.Files != nil {
		return m.Files.forget(identity)
	}
	return nil
}

// EndSession implements Store.
func (m *Memory) EndSession(_ context.Context, key Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, key)
	return nil
}

// session returns the state of key, made if need be. The caller holds mu.
func (m *Memory) session(key Key) *memorySession {
	if m.sessions == nil {
		m.sessions = make(map[Key]*memorySession)
	}
	s := m.sessions[key]
	if s == nil {
		s = &memorySession{}
		m.sessions[key] = s
	}
	return s
}

// dropOldCreated removes the expired creations, then arbitrary ones down to nine tenths of the
// bound, so that the scan is paid rarely. The caller holds mu.
func (m *Memory) dropOldCreated(now time.Time) {
	maps.DeleteFunc(m.created, func(_ creation, at time.Time) bool { return at.Before(now.Add(-CreatedFor)) })
	for c := range m.created {
		if len(m.created) <= maxCreated*9/10 {
			return
		}
		delete(m.created, c) // losing one only means that its deletion is refused
	}
}
