package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/session"
	"ravi-mcp/tools"
)

// Calls is the short way of a call, past mcp-go, which reads a message five times and more before it runs anything. It
// takes calls that ask no person, because the tool has nothing to decide or the caller's policy is not to ask, and of
// these only what has nothing unusual about it: every flaw, and everything that depends on the protocol's finer rules,
// goes the long way, so that one place says what is wrong. Both ways lead through the same middleware. The answers are
// the same too, but for the order of members.
//
// New makes it; nil takes no call. It is immutable.
type Calls struct {
	tools    map[string]*served
	policies session.Policies
	info     mcp.Implementation
	// modernTail ends the result of a call of protocol 2026-07-28.
	modernTail []byte
}

// served is a tool with the policy that every call shares.
type served struct {
	tools.Tool
	run handler
	// request is what all requests for the tool have in common.
	request request
}

func newCalls(info mcp.Implementation, policies session.Policies) (*Calls, error) {
	meta := new(mcp.Meta)
	meta.SetServerInfo(info)
	text, err := json.Marshal(meta)
	if err != nil {
		return nil, err
	}
	tail := append([]byte(`,"resultType":"complete","_meta":`), text...)
	return &Calls{tools: make(map[string]*served), policies: policies, info: info, modernTail: append(tail, '}')}, nil
}

func (c *Calls) add(t *served) { c.tools[t.Name] = t }

// find returns the tool that the message calls, or nil if the call has to go the long way. modern says that the request is
// one of protocol 2026-07-28 or later. ctx has the caller, for whom the tool must exist.
func (c *Calls) find(ctx context.Context, env jsonrpc.Envelope, modern bool) *served {
	call := env.Call
	if c == nil || call.Name == nil || env.ID == nil || call.Task != nil || call.Resumed || call.Huge ||
		call.Name[0] != '"' || call.Arguments != nil && call.Arguments[0] != '{' || call.Meta != nil && call.Meta[0] != '{' {
		return nil
	}
	t := c.tools[string(call.Name[1:len(call.Name)-1])] // an escaped name is no tool's
	if t == nil || modern && !declares(env) || !modern && env.ProtocolVersion != "" {
		return nil
	}
	who, ok := session.CallFrom(ctx)
	if !ok || !who.Caller.Rights.AllowsTool(string(t.Toolset), t.Writes()) || c.asks(who.Caller, t) {
		return nil
	}
	return t
}

// asks reports whether a call of the tool may end in a question to a person, which only mcp-go can put.
func (c *Calls) asks(who *session.Caller, t *served) bool {
	return t.Kind != "" && c.policies.Effective(who.Rights, t.Kind) == session.PolicyAsk
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

// headersAgree reports whether the headers of a request over HTTP are those that its message needs.
func headersAgree(h http.Header, env jsonrpc.Envelope, tool string, modern bool) bool {
	version := h.Get(mcp.HeaderProtocolVersion)
	if !modern {
		return version == "" || mcp.IsValidProtocolVersion(version)
	}
	return version == env.ProtocolVersion && h.Get(mcp.HeaderMethod) == env.Method && h.Get(mcp.HeaderName) == tool &&
		h.Get(mcp.HeaderLastEventID) == ""
}

// answer runs the call and returns the result as JSON.
func (c *Calls) answer(ctx context.Context, t *served, env jsonrpc.Envelope, modern bool) []byte {
	result, err := t.call(ctx, env.Call.Arguments, traceOf(env.Call.Meta), mcp.MultiRoundTripParams{})
	done, ok := result.(encoded)
	if err == nil && !ok {
		err = errLostResult
	}
	if err != nil {
		return c.failure(fault.From(err), modern)
	}
	body := make([]byte, 0, 2*len(done.structured)+len(done.structured)/4+len(done.summary)+len(c.modernTail)+128)
	body = append(body, `{"content":[{"type":"text","text":`...)
	body = appendString(body, done.summary)
	body = append(body, `},{"type":"text","text":`...)
	body = appendString(body, done.structured)
	body = append(body, `}],"structuredContent":`...)
	body = append(body, done.structured...)
	if modern {
		return append(body, c.modernTail...)
	}
	return append(body, '}')
}

// failure is the result of a call that failed.
func (c *Calls) failure(e *fault.Error, modern bool) []byte {
	result := failure(e)
	if modern {
		result.SetResultType(mcp.ResultTypeComplete)
		result.EnsureResultMeta().SetServerInfo(c.info)
	}
	body, err := jsonrpc.Marshal(result)
	if err != nil {
		return nil
	}
	return body
}

// call sends a call through the middleware.
func (t *served) call(ctx context.Context, arguments json.RawMessage, meta *mcp.Meta, round mcp.MultiRoundTripParams) (tools.Result, error) {
	r := t.request
	r.Arguments, r.Meta, r.Answers, r.State = arguments, meta, round.InputResponses, round.RequestState
	return t.run(ctx, &r)
}

// handle is the long way of a call: mcp-go has read it, and writes the answer.
func (t *served) handle(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return answerOf(t.call(ctx, arguments(req), req.Params.Meta, req.Params.MultiRoundTripParams)), nil
}

// traceOf returns the _meta of a message if it names a trace, which is all that the middleware reads of it.
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

var _ mcpserver.ToolHandlerFunc = (*served)(nil).handle
