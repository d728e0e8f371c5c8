package stdio

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/session"
)

// call is one request of the client, from its arrival to its answer.
type call struct {
	conn     *Conn
	env      jsonrpc.Envelope
	key      string // of conn.calls, "" for a request that is answered while it is read
	modern   bool
	message  []byte
	ctx      context.Context
	cancel   context.CancelCauseFunc
	slot     *slot // of a tool call, else nil
	session  callSession
	exchange server.Exchange

	ended bool // answered or cancelled; guarded by the outbox
}

func (c *Conn) newCall(env jsonrpc.Envelope, message []byte) *call {
	call := &call{conn: c, env: env, modern: mcp.IsModernProtocol(env.ProtocolVersion), message: message}
	call.session.connSession = c.session
	call.session.call = call
	call.session.feed.send = call.relay
	call.ctx, call.cancel = context.WithCancelCause(call.exchange.Begin(c.base, call, &call.env))
	return call
}

// silent reports whether the call may send nothing but its answer: it began before its client was
// known to be one of several, who would all see the rest. A subscription goes on.
func (c *call) silent() bool {
	return c.conn.shared.Load() && c.env.Method != string(mcp.MethodSubscriptionsListen)
}

// Notify sends a notification on behalf of the call, unless several clients would see it.
func (c *call) Notify(ctx context.Context, method string, params any) error {
	if c.silent() {
		return nil
	}
	body, err := jsonrpc.Marshal(params)
	if err != nil {
		return err
	}
	name, _ := jsonrpc.Marshal(method)
	return c.conn.out.notify(ctx, c, []byte(`{"jsonrpc":"2.0","method":`), name, []byte(`,"params":`), body, jsonrpc.Close)
}

// Yield gives the call's slot back until resume.
func (c *call) Yield() (resume func()) {
	if c.slot == nil {
		return func() {}
	}
	c.slot.yield()
	return sync.OnceFunc(func() { c.slot.resume(c.ctx) })
}

// AwaitAcknowledgement returns at once: everything is written in order.
func (c *call) AwaitAcknowledgement(context.Context) {}

// relay sends a notification that mcp-go handed over through the channel of the call's session.
func (c *call) relay(n mcp.JSONRPCNotification) {
	if c.silent() {
		return
	}
	if body, err := jsonrpc.Marshal(n); err == nil {
		if err = c.conn.out.notify(c.ctx, c, body); err != nil && !errors.Is(err, server.ErrAnswered) {
			c.conn.log.Debug().Err(err).Msg("a notification could not be sent")
		}
	}
}

// handle runs the request through the MCP server and sends its answer, after every notification
// that it caused.
func (c *call) handle() {
	growStack()
	defer c.cancel(nil)
	if !c.slot.enter(c.ctx) {
		c.refuse(jsonrpc.CodeBusy, "the server is shutting down; the request was not begun, retry when it runs again")
		return
	}
	body, isError := c.run()
	c.session.feed.close()
	c.slot.leave()
	if body == nil {
		body, isError = server.InternalError(c.conn.log, "a request got no answer", "", nil), true
	}
	c.conn.out.answer(c, jsonrpc.Open, c.env.ID, memberOf(isError), body, jsonrpc.Close)
}

// growStack makes room for a call on a fresh stack. A call needs nearly 16 KB, and a stack that
// grows step by step is copied with all frames that are on it, which took a fifth of its time.
//
//go:noinline
func growStack() {
	var room [12 << 10]byte
	runtime.KeepAlive(&room)
}

func memberOf(isError bool) []byte {
	if isError {
		return jsonrpc.Failure
	}
	return jsonrpc.Result
}

func (c *call) refuse(code int, message string) {
	c.conn.out.answer(c, jsonrpc.Open, c.env.ID, jsonrpc.Failure, jsonrpc.ErrorBody(code, message), jsonrpc.Close)
}

// run returns the answer's result or error as JSON, nil for a notification. A panic anywhere below
// becomes an internal error, told apart by an id that stands in the log as well; what was panicked
// with may hold anything and goes nowhere.
func (c *call) run() (body []byte, isError bool) {
	defer func() {
		if p := recover(); p != nil {
			body, isError = server.PanicError(c.conn.log, p, debug.Stack()), true
		}
	}()
	ctx := c.context()
	if direct, ok := c.conn.direct.Take(ctx, c.env, c.modern); ok {
		return direct.Run(ctx), false
	}
	var value any
	what := "an answer"
	switch answer := c.conn.server.HandleMessage(ctx, c.message).(type) {
	case nil:
		return nil, false
	case mcp.JSONRPCResponse:
		value = answer.Result
	case mcp.JSONRPCError:
		if override := c.exchange.ErrorOverride(); override != nil {
			return override.Body, true
		}
		value, what, isError = answer.Error, "an error", true
	default:
		return server.InternalError(c.conn.log, "an answer of unknown type", fmt.Sprintf("%T", answer), nil), true
	}
	body, err := jsonrpc.Marshal(value)
	if err != nil {
		return server.InternalError(c.conn.log, what+" could not be encoded", fmt.Sprintf("%T", errors.Unwrap(err)), nil), true
	}
	return body, isError
}

func (c *call) context() context.Context {
	ctx := c.conn.server.WithContext(c.ctx, &c.session)
	if c.modern {
		ctx = mcpserver.WithRequestProtocolInfo(ctx, &mcpserver.RequestProtocolInfo{Modern: true, ProtocolVersion: c.env.ProtocolVersion})
	}
	if c.conn.context != nil {
		ctx = c.conn.context(ctx)
	}
	if call, ok := session.CallFrom(ctx); ok && !call.Shared && c.conn.shared.Load() {
		call.Shared = true
		ctx = session.WithCall(ctx, call)
	}
	return ctx
}
