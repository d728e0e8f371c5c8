package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"ravi-mcp/internal/server/jsonrpc"
)

// Defaults and bounds of Stdio.
const (
	defaultMaxLine       = 4 << 20
	defaultMaxConcurrent = 256
	defaultDrain         = 60 * time.Second

	// maxCalls is how many tool calls may run, wait and queue together; maxOthers the same for other requests.
	maxCalls  = 4096
	maxOthers = 1024
	// maxPendingBytes is how large the messages of all of them may be together.
	maxPendingBytes = 32 << 20
	// maxFree is how many goroutines are kept for the next requests.
	maxFree = 32
	// grace is how long requests may take to answer after their cancellation, and the client to read the last answers.
	grace = 2 * time.Second
)

// Stdio serves one client over a pair of streams: one JSON-RPC message a line, protocols up to 2025-11-25 and from
// 2026-07-28 on side by side. Several may run in one process, also on one Server; they share nothing.
//
// Every request has a goroutine of its own. At most MaxConcurrent tool calls run at a time, further ones queue (up to
// 4096 calls or 32 MiB of messages, then jsonrpc.CodeBusy); a call that only waits gives its place back with Yield. All other
// requests run at once, ping, initialize and logging/setLevel even before the next line is read. So neither waits nor
// queues delay a cancellation, a ping, or the answer to a question of ours.
//
// subscriptions/listen is acknowledged, held open and ended properly, but what mcp-go broadcasts reaches sessions up to
// 2025-11-25 only; a Server that is served this way must not advertise listChanged, or never change its lists.
//
// A request's notifications are written before its answer, and none after it. A cancelled request is not answered, queued
// or running. Only the writing goroutine waits for a slow client: 1 MiB of output is kept for it, then finished requests
// wait with their answers, and at 4 MiB the reading stops.
type Stdio struct {
	// Server handles the messages. Required.
	Server *mcpserver.MCPServer
	// Dispatcher takes the calls that it can from Server; nil takes none.
	Dispatcher *Dispatcher
	// In and Out are the client. Out gets whole lines of the protocol and nothing else.
	In  io.Reader
	Out io.Writer
	// Log gets what an operator should know, never any content of a message. The zero value logs nothing.
	Log zerolog.Logger
	// MaxLine is the length in bytes of the longest line that is read (default 4 MiB). A longer one is skipped and
	// answered with jsonrpc.CodeInvalidRequest.
	MaxLine int
	// MaxConcurrent is how many tool calls may run at the same time, waits that have yielded not counted (default 256).
	MaxConcurrent int
	// NoElicitation says that the client takes no request of the server, so that it is never asked anything.
	NoElicitation bool
	// DrainTimeout is how long the requests in hand get to finish after the end of input (default 60 s, which is longer
	// than the longest wait). After it they are cancelled.
	DrainTimeout time.Duration
	// Context, if set, is called for every request and notification, before it is handled, and adds the caller and the
	// session. The mcp-go session in the context has the session id, "" for a request of protocol 2026-07-28 or later.
	Context func(context.Context) context.Context
}

// Serve serves until the input ends and everything is answered, or ctx is cancelled; both are orderly and return nil.
// When ctx is cancelled no message is read any more, the requests in hand are cancelled with cause ErrShuttingDown, and
// have 2 s to answer. It returns an error when In cannot be read, or Out cannot be written or is not read any more; then
// all requests are cancelled.
//
// After Serve nothing of it runs, with three exceptions that no one can end from outside: a handler that ignores its
// context, a Read that In cannot interrupt, and a Write likewise. To end the Read, Serve sets a read deadline if In knows
// one, and else closes In if it is an io.Closer but no file.
func (s *Stdio) Serve(ctx context.Context) error {
	c := s.connect(ctx)
	if err := s.Server.RegisterSession(ctx, c.session); err != nil {
		return fmt.Errorf("server: register the session: %w", err)
	}
	defer s.Server.UnregisterSession(context.WithoutCancel(ctx), c.session.id)
	defer c.end(nil)
	go c.out.run()

	ended := make(chan error, 1)
	go func() { ended <- c.read(s.In) }()

	var err error
	reading := true
	select {
	case err = <-ended:
		reading = false
		c.drain(ctx, or(s.DrainTimeout, defaultDrain))
	case <-ctx.Done():
	case <-c.out.failed:
	}
	c.shutdown()
	if reading {
		interrupt(s.In, ended)
	}
	return errors.Join(err, c.flush())
}

// conn is one Serve.
type conn struct {
	server        *mcpserver.MCPServer
	direct        *Dispatcher
	log           zerolog.Logger
	context       func(context.Context) context.Context
	maxLine       int
	noElicitation bool
	base          context.Context // of all requests
	end           context.CancelCauseFunc
	out           *outbox
	gate          *gate
	session       *stdioSession
	questions     questions
	work          chan *call   // to a free worker
	free          atomic.Int32 // workers without a call

	mu     sync.Mutex
	calls  map[string]*call
	tools  int // how many of calls are tool calls
	bytes  int // of the messages of calls
	closed bool
	idle   chan struct{} // set by whoever waits for the last call
}

func (s *Stdio) connect(ctx context.Context) *conn {
	c := &conn{
		server:        s.Server,
		direct:        s.Dispatcher,
		log:           s.Log,
		context:       s.Context,
		noElicitation: s.NoElicitation,
		maxLine:       or(s.MaxLine, defaultMaxLine),
		out:           newOutbox(s.Out),
		gate:          newGate(or(s.MaxConcurrent, defaultMaxConcurrent)),
		calls:         make(map[string]*call),
		work:          make(chan *call),
	}
	c.base, c.end = context.WithCancelCause(context.WithoutCancel(ctx))
	c.session = &stdioSession{conn: c, id: "stdio-" + rand.Text()}
	c.session.feed.send = func(n mcp.JSONRPCNotification) {
		if body, err := jsonrpc.Marshal(n); err == nil {
			_ = c.out.notify(c.base, nil, body)
		}
	}
	return c
}

// start takes a request into hand and handles it in a goroutine of its own, or refuses it.
func (c *conn) start(env jsonrpc.Envelope, line []byte) {
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

// worker handles a request, and then others as long as there are not too many free workers: a goroutine whose stack has
// grown to the depth of a call is worth keeping.
func (c *conn) worker(call *call) {
	for {
		func() {
			defer c.done(call)
			call.handle()
		}()
		c.out.flush() // counted no more: a client that does not read holds only the goroutine that writes
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
func (c *conn) admit(call *call) (code int, refusal string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	others := len(c.calls) - c.tools
	switch {
	case c.closed:
		return jsonrpc.CodeBusy, "the server is shutting down; retry when it runs again"
	case c.calls[call.key] != nil:
		return jsonrpc.CodeInvalidRequest, "invalid request: a request with this id is not answered yet"
	case call.slot != nil && c.tools >= maxCalls, call.slot == nil && others >= maxOthers,
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

// done counts a request out.
func (c *conn) done(call *call) {
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

func (c *conn) stopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// quiet returns a channel that is closed when no request is in hand. Nothing may be admitted after it.
func (c *conn) quiet() <-chan struct{} {
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

// drain lets the requests in hand finish after the end of input. Questions to the client fail, because nobody can answer
// them, and subscriptions end, because they would never.
func (c *conn) drain(ctx context.Context, timeout time.Duration) {
	c.questions.end()
	c.mu.Lock()
	for _, call := range c.calls {
		if call.method == string(mcp.MethodSubscriptionsListen) {
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

// shutdown cancels what is still in hand, gives it a moment to answer, and answers for what does not.
func (c *conn) shutdown() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.end(ErrShuttingDown)
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
		_, _ = c.out.put(call, true, outHard, [][]byte{jsonrpc.Open, call.id, jsonrpc.Failure, body, jsonrpc.Close})
	}
}

// flush writes what is left and reports what went wrong with the output.
func (c *conn) flush() error {
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
	return c.out.err
}

// interrupt ends a Read that is under way, where that is possible.
func interrupt(in io.Reader, ended <-chan error) {
	d, ok := in.(interface{ SetReadDeadline(time.Time) error })
	if !ok || d.SetReadDeadline(time.Unix(1, 0)) != nil {
		closer, ok := in.(io.Closer)
		if _, file := in.(*os.File); file || !ok || closer.Close() != nil {
			return
		}
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}

// or returns value, or the default if it is not above zero.
func or[T int | time.Duration](value, def T) T {
	if value > 0 {
		return value
	}
	return def
}
