package session

import (
	"sync"
	"time"
)

// Budget is how often each caller may do something (SECURITY.md C6): Burst
// times at once, and beyond that evenly spread so that it is PerHour in the long
// run. Callers are told apart by their name; one cannot use up what another has.
//
// It is kept in memory: several processes have a budget each, and a restart
// fills it. A caller whose budget is full takes no memory. The fields must not
// change after the first use; all methods may be called by any number of
// goroutines.
type Budget struct {
	// PerHour is the long-term rate of one caller. Zero and below set no limit.
	PerHour int
	// Burst is how often a caller that was quiet may do it at once; 0 means
	// PerHour.
	Burst int

	mu    sync.Mutex
	spent map[string]*spending
	sweep int // size of spent at which full budgets are dropped
}

// spending is what a caller has taken at a moment; it shrinks with time.
type spending struct {
	level float64
	at    time.Time
}

// sweepAt is the number of callers from which on those with a full budget are
// forgotten now and then.
const sweepAt = 1024

// Take counts one use by the caller at now. When the budget is used up it
// counts nothing and returns how long to wait, which is above zero. giveBack,
// which may be called once, takes the count back, for what did not come about.
func (b *Budget) Take(caller string, now time.Time) (giveBack func(), wait time.Duration) {
	if b == nil || b.PerHour <= 0 {
		return func() {}, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.of(caller, now)
	if over := s.level + 1 - float64(b.burst()); over > 1e-9 {
		return nil, max(time.Duration(over*float64(b.each())), time.Nanosecond)
	}
	s.level++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		s.level = max(0, s.level-1)
	}, 0
}

// of returns the caller's spending as it is now. The caller of it holds mu.
func (b *Budget) of(caller string, now time.Time) *spending {
	s := b.spent[caller]
	if s == nil {
		b.forgetFull(now)
		s = &spending{at: now}
		if b.spent == nil {
			b.spent = make(map[string]*spending)
		}
		b.spent[caller] = s
	}
	b.settle(s, now)
	return s
}

// settle takes off what time has given back. A clock that goes back and forth
// gives nothing.
func (b *Budget) settle(s *spending, now time.Time) {
	if passed := now.Sub(s.at); passed > 0 {
		s.level = max(0, s.level-float64(passed)/float64(b.each()))
		s.at = now
	}
}

func (b *Budget) forgetFull(now time.Time) {
	if len(b.spent) < max(b.sweep, sweepAt) {
		return
	}
	for caller, s := range b.spent {
		if b.settle(s, now); s.level == 0 {
			delete(b.spent, caller)
		}
	}
	b.sweep = 2 * len(b.spent)
}

// each is the time in which one use grows back.
func (b *Budget) each() time.Duration { return time.Hour / time.Duration(b.PerHour) }

func (b *Budget) burst() int {
	if b.Burst > 0 {
		return b.Burst
	}
	return b.PerHour
}
