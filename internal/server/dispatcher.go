package server

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// Dispatcher answers a tools/call from its envelope, without mcp-go, which reads a message five
// times and more before it runs anything. It takes calls that ask no person, because the tool has
// nothing to decide or the caller's policy is not to ask, and of these only what has nothing
// unusual about it: every flaw, and everything that depends on the protocol's finer rules, is for
// mcp-go, so that one place says what is wrong. Both lead through the same middleware, and the
// answers are the same too, but for the order of members
// (docs/decisions.md#direct-dispatch-of-tools-call).
//
// New makes it; nil takes no call. It is immutable.
type Dispatcher struct {
	tools    map[string]*toolHandler
	policies session.Policies
	info     mcp.Implementation
	// modernTail ends the result of a call of protocol 2026-07-28.
	modernTail []byte
}

// DirectCall is a call that a Dispatcher has taken.
type DirectCall struct {
	dispatcher *Dispatcher
	tool       *toolHandler
	call       jsonrpc.ToolCall
	modern     bool
}

// Tool is the name of the tool that is called.
func (c DirectCall) Tool() string { return c.tool.Name }

// toolHandler is a tool behind the middleware.
type toolHandler struct {
	tool.Tool
	run handler
	// request is what all requests for the tool have in common.
	request request
}

func newDispatcher(info mcp.Implementation, policies session.Policies) (*Dispatcher, error) {
	meta := new(mcp.Meta)
	meta.SetServerInfo(info)
	text, err := json.Marshal(meta)
	if err != nil {
		return nil, err
	}
	tail := append([]byte(`,"resultType":"complete","_meta":`), text...)
	return &Dispatcher{tools: make(map[string]*toolHandler), policies: policies, info: info, modernTail: append(tail, '}')}, nil
}

// Take returns the call that the message makes, and false if that is for mcp-go. modern says that
// the request is one of protocol 2026-07-28 or later. ctx has the caller, for whom the tool must
// exist.
func (d *Dispatcher) Take(ctx context.Context, env jsonrpc.Envelope, modern bool) (DirectCall, bool) {
	call := env.Call
	if d == nil || call.Name == nil || env.ID == nil || call.Task != nil || call.Resumed || call.Huge ||
		call.Name[0] != '"' || call.Arguments != nil && call.Arguments[0] != '{' || call.Meta != nil && call.Meta[0] != '{' {
		return DirectCall{}, false
	}
	t := d.tools[string(call.Name[1:len(call.Name)-1])] // an escaped name is no tool's
	if t == nil || modern && !declares(env) || !modern && env.ProtocolVersion != "" {
		return DirectCall{}, false
	}
	who, ok := session.CallFrom(ctx)
	if !ok || !who.Caller.Rights.AllowsTool(t.Toolsets, t.Writes()) || d.asks(who.Caller, t) {
		return DirectCall{}, false
	}
	return DirectCall{dispatcher: d, tool: t, call: call, modern: modern}, true
}

// asks reports whether a call of the tool may end in a question to a person, which only mcp-go can
// put.
func (d *Dispatcher) asks(who *session.Caller, t *toolHandler) bool {
	return t.Kind != "" && d.policies.Effective(who.Rights, t.Kind) == session.PolicyAsk
}

// declares reports whether a request says what one of protocol 2026-07-28 has to say in _meta.
func declares(env jsonrpc.Envelope) bool {
	if !mcp.IsModernProtocol(env.ProtocolVersion) || !mcp.IsValidProtocolVersion(env.ProtocolVersion) {
		return false
	}
	given := env.Call.Capabilities
	if string(given) == "{}" {
		return true
	}
	var capabilities mcp.ClientCapabilities
	return len(given) > 0 && given[0] == '{' && json.Unmarshal(given, &capabilities) == nil
}

// Run runs the call and returns its result as JSON.
func (c DirectCall) Run(ctx context.Context) []byte {
	result, err := c.tool.call(ctx, c.call.Arguments, traceOf(c.call.Meta), mcp.MultiRoundTripParams{})
	done, ok := result.(encoded)
	if err == nil && !ok {
		err = errLostResult
	}
	if err != nil {
		return c.dispatcher.failure(fault.From(err), c.modern)
	}
	body := make([]byte, 0, 2*len(done.structured)+len(done.structured)/4+len(c.dispatcher.modernTail)+128)
	body = append(body, `{"content":[{"type":"text","text":`...)
	body = appendString(body, done.structured)
	body = append(body, `}],"structuredContent":`...)
	body = append(body, done.structured...)
	if c.modern {
		return append(body, c.dispatcher.modernTail...)
	}
	return append(body, '}')
}

// failure is the result of a call that failed.
func (d *Dispatcher) failure(e *fault.Error, modern bool) []byte {
	result := failure(e)
	if modern {
		result.SetResultType(mcp.ResultTypeComplete)
		result.EnsureResultMeta().SetServerInfo(d.info)
	}
	body, err := jsonrpc.Marshal(result)
	if err != nil {
		return nil
	}
	return body
}

func (t *toolHandler) call(ctx context.Context, arguments json.RawMessage, meta *mcp.Meta, round mcp.MultiRoundTripParams) (tool.Result, error) {
	r := t.request
	r.Arguments, r.Meta, r.Answers, r.State = arguments, meta, round.InputResponses, round.RequestState
	return t.run(ctx, &r)
}

// handle is the handler for calls that mcp-go has read and answers.
func (t *toolHandler) handle(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return callResult(t.call(ctx, arguments(req), req.Params.Meta, req.Params.MultiRoundTripParams)), nil
}

// traceOf returns the _meta of a message if it names a trace, which is all that the middleware
// reads of it.
func traceOf(raw []byte) *mcp.Meta {
	if !bytes.Contains(raw, []byte("trace")) {
		return nil
	}
	var meta mcp.Meta
	if json.Unmarshal(raw, &meta) != nil {
		return nil
	}
	return &meta
}
