package http

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/session"
)

// callerState is what one caller does at the moment.
type callerState struct {
	name string

	mu      sync.Mutex
	running int // calls that do not wait
	flights map[*flight]struct{}
	// The bucket of the rate limit: what is left in it, and when that was.
	left   float64
	filled time.Time
}

func (s *site) stateOf(caller *session.Caller) *callerState {
	if c, ok := s.callers.Load(caller.Name); ok {
		return c.(*callerState)
	}
	c, _ := s.callers.LoadOrStore(caller.Name, &callerState{name: caller.Name, flights: make(map[*flight]struct{}), left: -1})
	return c.(*callerState)
}

func (s *site) eachCaller(visit func(*callerState)) {
	s.callers.Range(func(_, c any) bool {
		visit(c.(*callerState))
		return true
	})
}

// authenticate returns who makes the request, and takes the token out of it, so that nothing behind the guard ever sees
// it (SECURITY.md H3, H4), and when that token ends, zero for never. No token ever comes from anywhere but the Authorization header.
func (s *site) authenticate(r *http.Request) (caller *session.Caller, until time.Time, no *refusal) {
	given := r.Header["Authorization"]
	delete(r.Header, "Authorization")
	delete(r.Header, "Proxy-Authorization")
	delete(r.Header, "Cookie")
	if s.Callers == nil {
		return s.Anyone, until, nil
	}
	if len(given) > 1 {
		return nil, until, &refusal{status: http.StatusBadRequest, message: "more than one Authorization header"}
	}
	if len(given) == 0 {
		return nil, until, refuseToken
	}
	scheme, token, ok := strings.Cut(given[0], " ")
	if token = strings.TrimSpace(token); !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, until, refuseInvalid
	}
	// A Ravi credential is never a caller's token, not even by an operator's mistake.
	if strings.HasPrefix(token, "ravi_") {
		return nil, until, refuseInvalid
	}
	switch caller, until, err := s.whose(r.Context(), token); {
	case err != nil:
		return nil, until, refuseUnknown
	case caller == nil:
		return nil, until, refuseInvalid
	default:
		return caller, until, nil
	}
}

var (
	// No token was given, or one that is nobody's; whose it might be is never said.
	refuseToken = &refusal{status: http.StatusUnauthorized, message: "a caller's token is needed: Authorization: Bearer TOKEN. " +
		"The operator makes one (`ravi-mcp token new NAME`), or the resource metadata says who issues it; a Ravi credential is none"}
	refuseInvalid = &refusal{status: http.StatusUnauthorized, message: refuseToken.message}
	refuseUnknown = &refusal{status: http.StatusServiceUnavailable, retry: true, message: "whether the token is valid cannot be told at the moment; retry"}
	refuseRate    = &refusal{status: http.StatusTooManyRequests, retry: true, message: "too many requests of this caller; slow down"}
	refuseCalls   = &refusal{status: http.StatusTooManyRequests, retry: true, message: "too many calls of this caller run at the same time; retry after some of them ended"}
	refuseBusy    = &refusal{status: http.StatusServiceUnavailable, retry: true, message: "the server is busy; retry in a moment"}
	refuseEnding  = &refusal{status: http.StatusServiceUnavailable, retry: true, message: "the server is shutting down; retry when it runs again"}
	refuseSession = &refusal{status: http.StatusNotFound, message: "no such session; send initialize to open one"}
)

// spend takes one request from the caller's rate, or reports false.
func (c *callerState) spend(rate int, now time.Time) bool {
	if rate < 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	burst := 2 * float64(rate)
	if c.left < 0 {
		c.left = burst
	} else {
		c.left = min(burst, c.left+now.Sub(c.filled).Seconds()*float64(rate))
	}
	c.filled = now
	if c.left < 1 {
		return false
	}
	c.left--
	return true
}

// flight is one request of a caller on its way through the server.
type flight struct {
	site    *site
	who     *callerState
	session string
	// stream marks a request that is there to listen, and ends at once when the server does.
	stream   bool
	until    time.Time // when the caller's token ends; zero: never
	cancel   context.CancelCauseFunc
	answer   *answer
	exchange server.Exchange

	mu      sync.Mutex
	counted bool // among the running calls
	yields  int
	over    bool
	// id is that of the call of the session that takes the short way, and end what ends it; guarded by who.mu.
	id  json.RawMessage
	end context.CancelCauseFunc
}

// take counts a call in, or says why not.
func (s *site) take(f *flight) *refusal {
	if s.running.Add(1) > int64(cmp.Or(max(s.Limits.Running, 0), DefaultMaxRunning)) {
		s.running.Add(-1)
		return refuseBusy
	}
	f.who.mu.Lock()
	defer f.who.mu.Unlock()
	if f.who.running >= cmp.Or(max(s.Limits.CallsPerCaller, 0), DefaultCallsCaller) {
		s.running.Add(-1)
		return refuseCalls
	}
	f.who.running++
	f.counted = true
	return nil
}

// register makes the flight known, so that it can be cancelled from outside, and done ends that.
func (f *flight) register() {
	f.who.mu.Lock()
	f.who.flights[f] = struct{}{}
	f.who.mu.Unlock()
}

func (f *flight) done() {
	f.mu.Lock()
	f.over = true
	counted := f.counted
	f.counted = false
	f.mu.Unlock()
	f.who.mu.Lock()
	delete(f.who.flights, f)
	if counted {
		f.who.running--
	}
	f.who.mu.Unlock()
	if counted {
		f.site.running.Add(-1)
	}
}

// count changes whether the flight is among the running calls.
func (f *flight) count(change int) {
	f.who.mu.Lock()
	f.who.running += change
	f.who.mu.Unlock()
	f.site.running.Add(int64(change))
}

// Yield takes the flight from the running calls until resume.
func (f *flight) Yield() (resume func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.yields++
	if f.counted {
		f.counted = false
		f.count(-1)
	}
	return sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.yields--; f.yields == 0 && !f.over && !f.counted && !f.stream {
			f.counted = true
			f.count(1)
		}
	})
}

// cancellable lets the session cancel the call, which has this id.
func (f *flight) cancellable(id json.RawMessage, end context.CancelCauseFunc) {
	f.who.mu.Lock()
	defer f.who.mu.Unlock()
	f.id, f.end = id, end
}

// cancelCall ends the call of this id, if it is one of the same session.
func (f *flight) cancelCall(id json.RawMessage) {
	key, ok := jsonrpc.IDKey(id)
	if !ok || f.session == "" {
		return
	}
	f.who.mu.Lock()
	defer f.who.mu.Unlock()
	for other := range f.who.flights {
		if other.end == nil || other.session != f.session {
			continue
		}
		if is, _ := jsonrpc.IDKey(other.id); is == key {
			other.end(server.ErrCancelled)
		}
	}
}

// cancelAll cancels the caller's flights that are meant.
func (c *callerState) cancelAll(cause error, meant func(*flight) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := range c.flights {
		if meant(f) {
			f.cancel(cause)
		}
	}
}

// flightFrom returns the HTTP request that ctx belongs to, or nil.
func flightFrom(ctx context.Context) *flight {
	f, _ := server.TransportFrom(ctx).(*flight)
	return f
}
