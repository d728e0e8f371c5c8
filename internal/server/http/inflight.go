package http

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"time"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/session"
)

// inflight is one request of a caller from its authentication to its answer. It is the Transport of
// what it asks for.
type inflight struct {
	server *httpServer
	caller *callerState
	// call says who calls, for which identity, and once it is known in which session.
	call session.Call
	// message is what its body says, from read on.
	message message
	// stream marks a request that is there to listen, and ends at once when the server does.
	stream   bool
	form     answerForm
	until    time.Time // when the caller's token ends; zero: never
	cancel   context.CancelCauseFunc
	response *response
	exchange server.Exchange
	// freeBody gives back the room that the body took; nil if it took none.
	freeBody func()

	mu      sync.Mutex
	counted bool // among the running calls
	yields  int
	over    bool
	// end ends a call of the session that the dispatcher has taken; guarded by caller.mu.
	end context.CancelCauseFunc
}

// start counts a call in, or says why not.
func (f *inflight) start() *refusal {
	s := f.server
	if s.running.Add(1) > int64(cmp.Or(max(s.Limits.Running, 0), DefaultMaxRunning)) {
		s.running.Add(-1)
		return refuseBusy
	}
	f.caller.mu.Lock()
	defer f.caller.mu.Unlock()
	if f.caller.running >= cmp.Or(max(s.Limits.CallsPerCaller, 0), DefaultCallsPerCaller) {
		s.running.Add(-1)
		return refuseCalls
	}
	f.caller.running++
	f.counted = true
	return nil
}

// register makes the request known, so that it can be cancelled from outside, and done ends that.
func (f *inflight) register() {
	f.caller.mu.Lock()
	f.caller.inflight[f] = struct{}{}
	f.caller.mu.Unlock()
}

func (f *inflight) done() {
	f.mu.Lock()
	f.over = true
	counted := f.counted
	f.counted = false
	f.mu.Unlock()
	f.caller.mu.Lock()
	delete(f.caller.inflight, f)
	if counted {
		f.caller.running--
	}
	f.caller.mu.Unlock()
	if counted {
		f.server.running.Add(-1)
	}
	if f.freeBody != nil {
		f.freeBody()
	}
}

func (f *inflight) count(change int) {
	f.caller.mu.Lock()
	f.caller.running += change
	f.caller.mu.Unlock()
	f.server.running.Add(int64(change))
}

// Yield takes the request from the running calls until resume.
func (f *inflight) Yield() (resume func()) {
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

func (f *inflight) Notify(ctx context.Context, method string, params any) error {
	return f.response.send(ctx, "", method, params)
}

// AwaitAcknowledgement returns when the response to a subscription has begun.
func (f *inflight) AwaitAcknowledgement(ctx context.Context) {
	if f.response == nil || f.response.begun == nil {
		return
	}
	select {
	case <-f.response.begun:
	case <-ctx.Done():
	}
}

// cancelCall ends the call of this id, if it is one of the same session.
func (f *inflight) cancelCall(id json.RawMessage) {
	key, ok := jsonrpc.IDKey(id)
	if !ok || f.call.Session == "" {
		return
	}
	f.caller.mu.Lock()
	defer f.caller.mu.Unlock()
	for other := range f.caller.inflight {
		if other.end == nil || other.call.Session != f.call.Session {
			continue
		}
		if is, _ := jsonrpc.IDKey(other.message.env.ID); is == key {
			other.end(server.ErrCancelled)
		}
	}
}
