package session

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Budget is how often each caller may do something (SECURITY.md C6). Callers are told apart by
// their name; one cannot use up what another has.
//
// It is kept in memory: several processes have a budget each, and a restart fills it. A caller
// whose budget is full takes no memory. The fields must not change after the first use; all methods
// may be called by any number of goroutines. golang.org/x/time/rate can neither take a use back
// once it counts nor hold a limit within any span.
type Budget struct {
	// Limit is how often one caller may do it within Per. Zero and below set no limit.
	Limit int
	// Per is the time that Limit is for; 0 means an hour.
	Per time.Duration
	// Burst, above zero, spreads the limit evenly: a caller that was quiet may do it so often at
	// once, and one time more with every part of Per that passes. Zero leaves it to the caller when
	// within Per to use the limit up.
	Burst int

	mu    sync.Mutex
	spent map[string]*spending
	sweep int // size of spent at which full budgets are dropped
}

// spending is what a caller has taken.
type spending struct {
	at   time.Time   // the latest time of Take: a clock that goes back and forth gives nothing
	full time.Time   // when the budget is full again
	uses []time.Time // of the last Per, without Burst
}

// sweepAt is the number of callers from which on those with a full budget are forgotten now and
// then.
const sweepAt = 1024

// Take counts one use by the caller at now. When the budget is used up it counts nothing and
// returns how long to wait, which is above zero. giveBack, which may be called once, takes the
// count back, for what did not come about.
func (b *Budget) Take(caller string, now time.Time) (giveBack func(), wait time.Duration) {
	if b == nil || b.Limit <= 0 {
		return func() {}, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	undo, wait := b.take(caller, now)
	if wait > 0 {
		return nil, wait
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		undo()
	}, 0
}

// Wait returns what Take would at now, and counts nothing.
func (b *Budget) Wait(caller string, now time.Time) time.Duration {
	if b == nil || b.Limit <= 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	undo, wait := b.take(caller, now)
	if wait <= 0 {
		undo()
	}
	return wait
}

// take is Take for a caller of it that holds mu; undo needs it too.
func (b *Budget) take(caller string, now time.Time) (undo func(), wait time.Duration) {
	take := b.count
	if b.Burst > 0 {
		take = b.spread
	}
	s := b.of(caller, now)
	if now.After(s.at) {
		s.at = now
	}
	return take(s)
}

// spread takes a use of an even limit. The caller holds mu.
func (b *Budget) spread(s *spending) (undo func(), wait time.Duration) {
	each := b.per() / time.Duration(b.Limit)
	full := s.at.Add(each)
	if s.full.After(s.at) {
		full = s.full.Add(each)
	}
	if wait = full.Sub(s.at) - time.Duration(b.Burst)*each; wait > 0 {
		return nil, wait
	}
	s.full = full
	return func() { s.full = s.full.Add(-each) }, 0
}

// count takes a use of a limit within any span of Per. The caller holds mu.
func (b *Budget) count(s *spending) (undo func(), wait time.Duration) {
	now, per := s.at, b.per()
	s.uses = slices.DeleteFunc(s.uses, func(t time.Time) bool { return !t.After(now.Add(-per)) })
	if over := len(s.uses) - b.Limit; over >= 0 {
		return nil, s.uses[over].Add(per).Sub(now) // until the one has left the span that keeps another from it
	}
	s.uses, s.full = append(s.uses, now), now.Add(per)
	return func() {
		if i := slices.Index(s.uses, now); i >= 0 {
			s.uses = slices.Delete(s.uses, i, i+1)
		}
	}, 0
}

func (b *Budget) per() time.Duration { return cmp.Or(b.Per, time.Hour) }

// of returns the caller's spending. The caller of it holds mu.
func (b *Budget) of(caller string, now time.Time) *spending {
	s := b.spent[caller]
	if s != nil {
		return s
	}
	if b.spent == nil {
		b.spent = make(map[string]*spending)
	}
	if len(b.spent) >= max(b.sweep, sweepAt) {
		maps.DeleteFunc(b.spent, func(_ string, s *spending) bool { return !s.full.After(now) })
		b.sweep = 2 * len(b.spent)
	}
	s = &spending{}
	b.spent[caller] = s
	return s
}
