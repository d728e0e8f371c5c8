package session

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// Errors of Sessions.
var (
	// ErrNoSession says that no such session belongs to the caller: it never existed, has ended, or
	// is another caller's. The three are not distinguished (SECURITY.md T2, T3).
	ErrNoSession = errors.New("session: no such session of this caller")
	// ErrTooManySessions says that the caller, or all of them together, hold as many sessions as
	// they may.
	ErrTooManySessions = errors.New("session: too many sessions")
)

// Defaults of Sessions.
const (
	DefaultIdle      = 30 * time.Minute
	DefaultAbsolute  = 24 * time.Hour
	DefaultPerCaller = 5_000
	DefaultTotal     = 20_000
)

// Sessions are the protocol sessions of a remote endpoint, in this process: which ids exist, to
// which callers they belong, and when they end. What a session remembers is in a Store. The zero
// value is ready for use with the default limits.
//
// An id is 256 random bits and means nothing without its caller. A session ends by End, by
// EndCaller, after Idle without a request, or Absolute after it was opened; it never ends by Idle
// while a request of it runs. A caller at the limit loses the session that was left alone for
// longest, if that was for a minute at least; its client gets a 404 and opens a new one, as the
// protocol says. Nothing is ever shared between two sessions, so the worst that a limit does is to
// forget.
//
// All methods may be called by any number of goroutines.
type Sessions struct {
	// Idle and Absolute bound the life of a session; PerCaller and Total their number. 0 means the
	// default.
	Idle, Absolute   time.Duration
	PerCaller, Total int
	// OnEnd is called after a session has ended, however it did, with no lock held. It must not
	// block for long.
	OnEnd func(Key)
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	mu       sync.Mutex
	byID     map[string]*protocolSession
	byCaller map[string]*list.List // of *protocolSession, the one used longest ago first
}

type protocolSession struct {
	id, caller   string
	opened, used time.Time
	running      int
	place        *list.Element
}

// Open makes a session for the caller and returns its id, or ErrTooManySessions.
func (s *Sessions) Open(_ context.Context, caller string) (string, error) {
	id := NewSessionID()
	s.mu.Lock()
	now := timeBy(s.Now)
	var evicted []Key
	if !s.admit(caller, now, &evicted) {
		s.mu.Unlock()
		return "", ErrTooManySessions
	}
	if s.byID == nil {
		s.byID, s.byCaller = make(map[string]*protocolSession), make(map[string]*list.List)
	}
	mine := s.byCaller[caller]
	if mine == nil {
		mine = list.New()
		s.byCaller[caller] = mine
	}
	p := &protocolSession{id: id, caller: caller, opened: now, used: now}
	p.place = mine.PushBack(p)
	s.byID[id] = p
	s.mu.Unlock()
	s.ended(evicted)
	return id, nil
}

// admit reports whether the caller may open one more session, and evicts another one for it if need
// be. The caller of admit holds mu.
func (s *Sessions) admit(caller string, now time.Time, evicted *[]Key) bool {
	mine := s.byCaller[caller]
	if mine == nil || mine.Len() < cmp.Or(s.PerCaller, DefaultPerCaller) && len(s.byID) < cmp.Or(s.Total, DefaultTotal) {
		return len(s.byID) < cmp.Or(s.Total, DefaultTotal)
	}
	for e := mine.Front(); e != nil; e = e.Next() {
		p := e.Value.(*protocolSession)
		if now.Sub(p.used) < EvictAfter {
			return false
		}
		if p.running == 0 {
			*evicted = append(*evicted, s.remove(p))
			return true
		}
	}
	return false
}

// Enter begins a request in the session, which does not end by Idle until Leave. It returns
// ErrNoSession if the caller has no such session, or it is over.
func (s *Sessions) Enter(_ context.Context, caller, id string) error {
	s.mu.Lock()
	p := s.byID[id]
	if p == nil || p.caller != caller {
		s.mu.Unlock()
		return ErrNoSession
	}
	now := timeBy(s.Now)
	if s.over(p, now) {
		key := s.remove(p)
		s.mu.Unlock()
		s.ended([]Key{key})
		return ErrNoSession
	}
	p.running++
	s.touch(p, now)
	s.mu.Unlock()
	return nil
}

// Leave ends a request that Enter began. For a session that has ended meanwhile it does nothing.
func (s *Sessions) Leave(caller, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.byID[id]; p != nil && p.caller == caller {
		p.running--
		s.touch(p, timeBy(s.Now))
	}
}

// End ends a session of the caller, or returns ErrNoSession.
func (s *Sessions) End(_ context.Context, caller, id string) error {
	s.mu.Lock()
	p := s.byID[id]
	if p == nil || p.caller != caller {
		s.mu.Unlock()
		return ErrNoSession
	}
	key := s.remove(p)
	s.mu.Unlock()
	s.ended([]Key{key})
	return nil
}

// EndCaller ends all sessions of a caller, which has lost the right to call.
func (s *Sessions) EndCaller(caller string) {
	s.mu.Lock()
	var keys []Key
	if mine := s.byCaller[caller]; mine != nil {
		for e := mine.Front(); e != nil; {
			next := e.Next()
			keys = append(keys, s.remove(e.Value.(*protocolSession)))
			e = next
		}
	}
	s.mu.Unlock()
	s.ended(keys)
}

// Sweep ends the sessions whose time is over.
func (s *Sessions) Sweep() {
	s.mu.Lock()
	now := timeBy(s.Now)
	var keys []Key
	for _, p := range s.byID {
		if s.over(p, now) {
			keys = append(keys, s.remove(p))
		}
	}
	s.mu.Unlock()
	s.ended(keys)
}

// Run sweeps until ctx ends.
func (s *Sessions) Run(ctx context.Context) {
	every := min(max(cmp.Or(s.Idle, DefaultIdle)/10, 100*time.Millisecond), time.Minute)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.Sweep()
		case <-ctx.Done():
			return
		}
	}
}

// Len returns how many sessions there are.
func (s *Sessions) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// over reports whether a session's time is over. The caller holds mu.
func (s *Sessions) over(p *protocolSession, now time.Time) bool {
	return p.running == 0 && now.Sub(p.used) >= cmp.Or(s.Idle, DefaultIdle) ||
		now.Sub(p.opened) >= cmp.Or(s.Absolute, DefaultAbsolute)
}

func (s *Sessions) touch(p *protocolSession, now time.Time) {
	p.used = now
	s.byCaller[p.caller].MoveToBack(p.place)
}

// remove forgets a session. The caller holds mu, and calls ended without it.
func (s *Sessions) remove(p *protocolSession) Key {
	delete(s.byID, p.id)
	mine := s.byCaller[p.caller]
	mine.Remove(p.place)
	if mine.Len() == 0 {
		delete(s.byCaller, p.caller)
	}
	return Key{Caller: p.caller, Session: p.id}
}

func (s *Sessions) ended(keys []Key) {
	if s.OnEnd == nil {
		return
	}
	for _, key := range keys {
		s.OnEnd(key)
	}
}
