package soak

import (
	"slices"
	"sync"
)

// sessionModel is what is to be expected of the calls of one protocol session that name no
// identity. The clients of a group have one together.
type sessionModel struct {
	// mu is held alone by calls that change what the session knows, and shared by those that depend
	// on it.
	mu sync.RWMutex
	// shared says that the server knows of several clients behind the session: it has no default.
	shared  bool
	known   []*identity // created or used in it, and not deleted by it
	ended   bool        // the only one was deleted, or may have ended by its time
	several bool        // there were two at a time
	went    bool        // calls went to the home of the client
	unsure  bool        // a call was lost that may have changed all this
}

// learn notes that an identity was created or used; home is the one that counts with it, or nil.
func (s *sessionModel) learn(i, home *identity) {
	for _, next := range []*identity{home, i} {
		if next != nil && !slices.Contains(s.known, next) {
			s.known = append(s.known, next)
		}
	}
	s.several, s.ended = s.several || len(s.known) > 1, false
}

// bound is what the result says that made an identity known.
func (s *sessionModel) bound() bool { return !s.shared && !s.several }

// reported takes over what a result says of the session where that is not certain.
func (s *sessionModel) reported(i *identity, bound bool) {
	s.known, s.several, s.ended, s.unsure = []*identity{i}, !bound, false, false
}

// remove notes that a call of the session deleted an identity.
func (s *sessionModel) remove(i *identity) {
	s.lose(i)
	s.known = slices.DeleteFunc(s.known, func(other *identity) bool { return other == i })
}

// lose notes that an identity may have ended, which still counts.
func (s *sessionModel) lose(i *identity) {
	s.ended = s.ended || slices.Contains(s.known, i)
}

// implicit is the identity of calls that name none, and the rule that makes it so; nil where such a
// call is refused, or nothing is certain. The caller holds mu.
func (a *actor) implicit() (*identity, string) {
	s := a.state
	switch {
	case a.modern:
		return a.home, a.homeBy
	case s.unsure, s.several, s.ended, s.shared && len(s.known) > 0:
		return nil, ""
	case len(s.known) == 1:
		return s.known[0], "session"
	}
	return a.home, a.homeBy
}

// counted is the identity of the operator that counts when one is created, or used.
func (a *actor) counted(created bool) *identity {
	if created || a.state.went {
		return a.home
	}
	return nil
}

// learns notes the result of create_identity or use_identity, and reports whether it said rightly
// that the session uses the identity from now on. The caller holds mu.
func (a *actor) learns(i *identity, created, bound bool) bool {
	s := a.state
	if a.modern {
		return !bound
	}
	if s.unsure {
		s.reported(i, bound)
		return true
	}
	s.learn(i, a.counted(created))
	return bound == s.bound()
}

// alone runs a call that changes what the session knows; a lost one leaves that open.
func (a *actor) alone(call func() error) error {
	if a.modern {
		return call()
	}
	a.state.mu.Lock()
	defer a.state.mu.Unlock()
	err := call()
	if isLost(err) {
		a.state.unsure = true
	}
	return err
}
