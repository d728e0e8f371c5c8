package stdio

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
)

// Conn is one client while it is served.
type Conn struct {
	server        *mcpserver.MCPServer
	direct        *server.Dispatcher
	log           zerolog.Logger
	context       func(context.Context) context.Context
	maxLine       int
	noElicitation bool
	base          context.Context // of all requests
	end           context.CancelCauseFunc
	out           *outbox
	gate          *gate
	session       *connSession
	questions     questions
	onShared      func()
	shared        atomic.Bool
	initialized   bool         // of the reading goroutine
	calledModern  bool         // of the reading goroutine: a client has no need to initialize
	work          chan *call   // to a free worker
	free          atomic.Int32 // workers without a call

	mu     sync.Mutex
	calls  map[string]*call
	tools  int // how many of calls are tool calls
	bytes  int // of the messages of calls
	closed bool
	idle   chan struct{} // set while quiet waits for the last call
}

// Open begins to serve a client whose messages come one at a time, by Dispatch, instead of from In.
// End it with Close.
func (s *Server) Open(ctx context.Context) (*Conn, error) {
	c := &Conn{
		server:        s.MCP,
		direct:        s.Dispatcher,
		log:           s.Log,
		context:       s.Context,
		noElicitation: s.NoElicitation,
		onShared:      s.OnShared,
		maxLine:       cmp.Or(max(s.MaxLine, 0), defaultMaxLine),
		out:           newOutbox(s.Out),
		gate:          newGate(cmp.Or(max(s.MaxConcurrent, 0), defaultMaxConcurrent)),
		calls:         make(map[string]*call),
		work:          make(chan *call),
	}
	c.shared.Store(s.Shared)
	c.base, c.end = context.WithCancelCause(context.WithoutCancel(ctx))
	c.session = &connSession{id: "stdio-" + rand.Text(), shared: &c.shared}
	c.session.feed.send = func(n mcp.JSONRPCNotification) {
		if body, err := jsonrpc.Marshal(n); err == nil {
			_ = c.out.notify(c.base, nil, body)
		}
	}
	if err := s.MCP.RegisterSession(ctx, c.session); err != nil {
		c.end(nil)
		return nil, fmt.Errorf("server: register the session: %w", err)
	}
	go c.out.run()
	return c, nil
}

// Fail says that the client is gone: nothing is written to it any more. The requests in flight go
// on until Cancel or Close.
func (c *Conn) Fail(err error) { c.out.fail(err) }

// Failed is closed when the client is gone, or does not take what is written.
func (c *Conn) Failed() <-chan struct{} { return c.out.failed }

// Cancel ends the requests in flight, and all that come, with a cause.
func (c *Conn) Cancel(cause error) { c.end(cause) }

// Close cancels what is in flight with cause ErrShuttingDown, gives it 2 s to answer, and writes
// what is left. It returns what went wrong with the output.
func (c *Conn) Close(ctx context.Context) error {
	c.shutdown()
	return c.finish(ctx)
}

func (c *Conn) finish(ctx context.Context) error {
	defer c.end(nil)
	defer c.server.UnregisterSession(context.WithoutCancel(ctx), c.session.id)
	return c.flush()
}

// start admits a request and handles it in a goroutine of its own, or refuses it.
func (c *Conn) start(env jsonrpc.Envelope, line []byte) {
	call := c.newCall(env, line)
	call.key, _ = jsonrpc.IDKey(env.ID)
	if env.Method == string(mcp.MethodToolsCall) {
		call.slot = &slot{gate: c.gate}
	}
	if code, message := c.admit(call); message != "" {
		call.cancel(nil)
		c.log.Warn().Str("reason", message).Msg("a request was refused")
		c.refuse(env.ID, code, message)
		return
	}
	select {
	case c.work <- call: // a worker is free
	default:
		go c.worker(call)
	}
}

// worker handles a request, and then others as long as there are not too many free workers: a
// goroutine whose stack has grown to the depth of a call is worth keeping.
func (c *Conn) worker(call *call) {
	for {
		func() {
			defer c.done(call)
			call.handle()
		}()
		c.out.flush() // the call is no longer counted, so a client that does not read blocks only this goroutine
		if c.free.Add(1) > maxFree {
			c.free.Add(-1)
			return
		}
		select {
		case call = <-c.work:
			c.free.Add(-1)
		case <-c.base.Done():
			return
		}
	}
}

// admit counts a request in, or says why not.
func (c *Conn) admit(call *call) (code int, refusal string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return jsonrpc.CodeBusy, "the server is shutting down; retry when it runs again"
	case c.calls[call.key] != nil:
		return jsonrpc.CodeInvalidRequest, "invalid request: a request with this id is not answered yet"
	case call.slot != nil && c.tools >= maxCalls, call.slot == nil && len(c.calls)-c.tools >= maxOthers,
		c.bytes > 0 && c.bytes+len(call.message) > maxPendingBytes:
		return jsonrpc.CodeBusy, "server busy: too many requests wait for their answer; retry after some of them were answered"
	}
	c.calls[call.key] = call
	c.bytes += len(call.message)
	if call.slot != nil {
		c.tools++
	}
	return 0, ""
}

func (c *Conn) done(call *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, call.key)
	c.bytes -= len(call.message)
	if call.slot != nil {
		c.tools--
	}
	if len(c.calls) == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

func (c *Conn) stopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// quiet returns a channel that is closed when no request is in flight. Nothing may be admitted
// after it.
func (c *Conn) quiet() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	idle := make(chan struct{})
	if len(c.calls) == 0 {
		close(idle)
	} else {
		c.idle = idle
	}
	return idle
}

// drain lets the requests in flight finish after the end of input. Questions to the client fail,
// because no answer can come them, and subscriptions end, because they would never.
func (c *Conn) drain(ctx context.Context, timeout time.Duration) {
	c.questions.end()
	c.mu.Lock()
	for _, call := range c.calls {
		if call.env.Method == string(mcp.MethodSubscriptionsListen) {
			call.cancel(ErrInputEnded)
		}
	}
	c.mu.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-c.quiet():
	case <-timer.C:
		c.log.Warn().Dur("after", timeout).Msg("requests still ran long after the end of input, they are cancelled")
	case <-ctx.Done():
	case <-c.out.failed:
	}
}

// shutdown cancels what is still in flight, gives it a moment to answer, and answers for what does
// not.
func (c *Conn) shutdown() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.end(server.ErrShuttingDown)
	c.questions.end()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.quiet():
		return
	case <-timer.C:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log.Warn().Int("calls", len(c.calls)).Msg("requests did not end when they were cancelled")
	for _, call := range c.calls {
		body := jsonrpc.ErrorBody(jsonrpc.CodeBusy, "the server is shutting down and the request did not end in time; whether it took effect is unknown")
		_, _ = c.out.put(call, true, outHard, [][]byte{jsonrpc.Open, call.env.ID, jsonrpc.Failure, body, jsonrpc.Close})
	}
}

// flush writes what is left and reports what went wrong with the output.
func (c *Conn) flush() error {
	c.session.feed.close()
	c.out.close()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.out.done:
	case <-c.out.failed:
	case <-timer.C:
		c.out.fail(errors.New("server: the client does not read its answers"))
		if d, ok := c.out.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
			_ = d.SetWriteDeadline(time.Unix(1, 0))
		}
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if errors.Is(c.out.err, errOutputClosed) {
		return nil // a client that closes both streams has left, and nothing failed
	}
	return c.out.err
}
