package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"

	"ravi-mcp/internal/fault"
	"ravi-mcp/schemas"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// request is one call of something that reaches Ravi, on its way through the middleware. Tools are
// such calls; resources, prompts and completions come to the same chain.
type request struct {
	session.Call
	// Method names what is called, e.g. "tools/call wait_for_otp". It holds nothing that the client
	// made up.
	Method string
	// Schema is what Arguments must fit.
	Schema *schemas.Schema
	// Arguments are as sent until the middleware has checked them.
	Arguments json.RawMessage
	// Start is when the call came, and Deadline bounds the handler.
	Start    time.Time
	Deadline time.Duration
	// Waits marks a call that mostly waits; it gives up its place among the running calls
	// meanwhile.
	Waits bool

	// Tool is the name of the called tool, and Writes whether it changes anything.
	Tool   string
	Writes bool
	// Kind is the kind of decision that the call may need, "" for none, and Decide what there is to
	// decide.
	Kind   session.Kind
	Decide func(context.Context, tool.Call, json.RawMessage) (*tool.Decision, error)
	// Shows reports whether the call shows a stored value; nil is no.
	Shows func(json.RawMessage) bool
	// Unshown says that the tool does its work also where policy denies to show the value, and
	// Hides that it is to do that in this call.
	Unshown, Hides bool
	// Meta is the request's _meta; it may be nil.
	Meta *mcp.Meta
	// Answers and State are what a client of protocol 2026-07-28 sends with a call whose question
	// was answered.
	Answers mcp.InputResponses
	State   string
	// Decided and Verdict are what was decided about, and how.
	Decided *tool.Decision
	Verdict string

	subject tool.Subject // for the audit
}

// handler runs a request and returns its structured result.
type handler func(ctx context.Context, r *request) (tool.Result, error)

// middleware wraps a handler with one policy.
type middleware func(handler) handler

// chain wraps h so that the first middleware is the outermost.
func chain(h handler, all ...middleware) handler {
	for _, middleware := range slices.Backward(all) {
		h = middleware(h)
	}
	return h
}

// identify gives the request an id, refuses one that no transport vouches for, counts it, and logs
// its end: one line, without arguments.
func identify(log zerolog.Logger, metrics *Metrics) middleware {
	return func(next handler) handler {
		return func(ctx context.Context, r *request) (tool.Result, error) {
			call, ok := session.CallFrom(ctx)
			if !ok {
				id := session.NewID()
				log.Error().Str("request_id", id).Str("method", r.Method).Msg("the transport named no caller")
				return nil, fault.New(fault.Internal, "This server failed in a way it did not expect. Its id is "+id+".", "Report it with that id.")
			}
			if call.RequestID == "" {
				call.RequestID = session.NewID()
			}
			r.Call = call
			r.Start = time.Now()
			result, err := next(session.WithCall(ctx, call), r)
			took, code := time.Since(r.Start), codeOf(result, err)
			metrics.call(r, took, code)
			logEnd(log, r, took, code, err)
			return result, err
		}
	}
}

// countCalls tells the leases of ephemeral identities that a call has come, and whether it failed,
// other than by the end of the client or the server. Resources and prompts are read by hosts.
func countCalls(deps *tool.Deps) middleware {
	return func(next handler) handler {
		return func(ctx context.Context, r *request) (tool.Result, error) {
			if !strings.HasPrefix(r.Method, "tools/call ") {
				return next(ctx, r)
			}
			deps.Leases.Called()
			result, err := next(ctx, r)
			if err != nil && ctx.Err() == nil {
				deps.Leases.CallFailed()
			}
			return result, err
		}
	}
}

// codeOf says in one word how a call ended: "ok", "input_required" where a person is asked, or the
// code of its error.
func codeOf(result tool.Result, err error) string {
	if err != nil {
		return string(fault.From(err).Code)
	}
	if _, asks := result.(question); asks {
		return "input_required"
	}
	return "ok"
}

func logEnd(log zerolog.Logger, r *request, took time.Duration, code string, err error) {
	event := log.Info()
	if code == string(fault.Internal) {
		event = log.Error()
	}
	if event == nil {
		return
	}
	if err != nil {
		event = event.AnErr("cause", fault.From(err).Cause) // nil is left out
	}
	if r.HasSession() {
		event = event.Str("session", r.sessionHash())
	}
	event.Str("request_id", r.RequestID).Str("caller", r.Caller.Name).Str("method", r.Method).Str("code", code).Dur("took_ms", took).Msg("call")
}

func (r *request) sessionHash() string {
	sum := sha256.Sum256([]byte(r.Caller.Name + "\x00" + r.Session))
	return hex.EncodeToString(sum[:8])
}

// recoverPanics turns a panic into an internal error. Neither the client nor the log sees the
// panic's value, which may hold anything; the log has its type and the stack.
func recoverPanics(log zerolog.Logger) middleware {
	return func(next handler) handler {
		return func(ctx context.Context, r *request) (result tool.Result, err error) {
			defer func() {
				if v := recover(); v != nil {
					log.Error().Str("request_id", r.RequestID).Str("method", r.Method).
						Str("panic_type", fmt.Sprintf("%T", v)).Str("stack", frames(debug.Stack())).Msg("panic")
					result, err = nil, fault.From(errPanic)
				}
			}()
			return next(ctx, r)
		}
	}
}

var errPanic = errors.New("the handler panicked")

// frames keeps the function and file lines of a stack and drops the line that repeats the panic's
// value and the arguments of functions.
func frames(stack []byte) string {
	var kept []string
	for line := range strings.SplitSeq(string(stack), "\n") {
		if strings.HasPrefix(line, "panic(") || strings.HasPrefix(line, "goroutine ") {
			continue
		}
		if i := strings.LastIndexByte(line, '('); i > 0 && !strings.HasPrefix(line, "\t") {
			line = line[:i]
		}
		if line != "" {
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept, " < ")
}

// checkArguments lets only arguments through that fit the schema.
func checkArguments(next handler) handler {
	return func(ctx context.Context, r *request) (tool.Result, error) {
		args, problems, err := r.Schema.Arguments(r.Arguments)
		switch {
		case errors.Is(err, schemas.ErrNotObject):
			return nil, fault.New(fault.InvalidArgument, "The arguments are not a JSON object.", "Send the arguments as an object, as the tool's input schema describes.")
		case err != nil:
			return nil, err
		case len(problems) > 0:
			texts := make([]string, len(problems))
			for i, p := range problems {
				texts[i] = p.String()
			}
			return nil, fault.New(fault.InvalidArgument, strings.Join(texts, "; ")+".", "Correct the arguments named in the message and call again.")
		}
		r.Arguments = args
		return next(ctx, r)
	}
}

// bound ends a handler that takes longer than the call may.
func bound(next handler) handler {
	return func(ctx context.Context, r *request) (tool.Result, error) {
		ctx, cancel := context.WithTimeout(ctx, r.Deadline)
		defer cancel()
		return next(ctx, r)
	}
}

// shapeErrors makes every error a fault.Error, so that nothing but its safe text can leave, ties
// internal ones to the log by the request's id, and tells the caller's account what an error says
// about its cache.
func shapeErrors(deps *tool.Deps) middleware {
	return func(next handler) handler {
		return func(ctx context.Context, r *request) (tool.Result, error) {
			result, err := next(ctx, r)
			if err == nil {
				return result, nil
			}
			deps.AccountOf(r.Call).Observe(err)
			e := *fault.From(err)
			if e.Code == fault.Internal {
				e.Message += " Its id is " + r.RequestID + "."
			}
			return nil, &e
		}
	}
}
