package http

import (
	"cmp"
	"math"
	"sync"

	"golang.org/x/time/rate"

	"ravi-mcp/session"
)

// callerState is what one caller does at the moment.
type callerState struct {
	name    string
	limiter *rate.Limiter // nil: no limit

	mu       sync.Mutex
	running  int // calls that do not wait
	inflight map[*inflight]struct{}
}

func (s *httpServer) callerOf(caller *session.Caller) *callerState {
	if c, ok := s.callers.Load(caller.Name); ok {
		return c.(*callerState)
	}
	c, _ := s.callers.LoadOrStore(caller.Name, &callerState{
		name: caller.Name, limiter: newLimiter(cmp.Or(s.Limits.Rate, DefaultRate)), inflight: make(map[*inflight]struct{}),
	})
	return c.(*callerState)
}

// newLimiter allows so many requests a second in the long run, and bursts of twice as many.
func newLimiter(perSecond int) *rate.Limiter {
	if perSecond < 0 {
		return nil
	}
	burst := perSecond + min(perSecond, math.MaxInt-perSecond)
	return rate.NewLimiter(rate.Limit(perSecond), burst)
}

// allowed takes one request from the caller's rate, or reports false.
func (c *callerState) allowed() bool { return c.limiter == nil || c.limiter.Allow() }

// cancelAll cancels the requests in flight that match.
func (c *callerState) cancelAll(cause error, match func(*inflight) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := range c.inflight {
		if match(f) {
			f.cancel(cause)
		}
	}
}
