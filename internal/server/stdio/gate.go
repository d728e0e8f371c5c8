package stdio

import (
	"context"
	"slices"
	"sync"
)

// gate hands out a bounded number of slots, first come first served; calls that yielded theirs and
// come back go first.
type gate struct {
	mu      sync.Mutex
	free    int
	resumed []chan struct{}
	queued  []chan struct{}
}

func newGate(slots int) *gate { return &gate{free: slots} }

// acquire waits for a slot as long as ctx lives and reports whether it got one.
func (g *gate) acquire(ctx context.Context, first bool) bool {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return true
	}
	turn := make(chan struct{})
	line := &g.queued
	if first {
		line = &g.resumed
	}
	*line = append(*line, turn)
	g.mu.Unlock()

	select {
	case <-turn:
		return true
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(*line, turn); i >= 0 {
		*line = slices.Delete(*line, i, i+1)
		return false
	}
	return true // the slot came at the same moment
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, line := range []*[]chan struct{}{&g.resumed, &g.queued} {
		if len(*line) > 0 {
			close((*line)[0])
			*line = slices.Delete(*line, 0, 1)
			return
		}
	}
	g.free++
}

// slot is the place of one call in the gate. A nil slot is that of a request that needs none.
type slot struct {
	gate *gate

	mu     sync.Mutex
	held   bool
	yields int
	over   bool
}

// enter waits for the slot and reports whether the call has one and may begin. One that is
// cancelled already may not.
func (s *slot) enter(ctx context.Context) bool {
	if s == nil {
		return true
	}
	got := s.gate.acquire(ctx, false)
	if got && ctx.Err() != nil {
		s.gate.release()
		got = false
	}
	s.mu.Lock()
	s.held = got
	s.mu.Unlock()
	return got
}

// leave gives the slot back for good.
func (s *slot) leave() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.drop()
}

func (s *slot) drop() {
	if s.held {
		s.held = false
		s.gate.release()
	}
}

func (s *slot) yield() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.yields++
	s.drop()
}

func (s *slot) resume(ctx context.Context) {
	s.mu.Lock()
	s.yields--
	back := s.yields == 0 && !s.over
	s.mu.Unlock()
	if !back || !s.gate.acquire(ctx, true) {
		return // a call that ends anyway goes on without a slot
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.yields > 0 || s.over || s.held {
		s.gate.release()
		return
	}
	s.held = true
}
