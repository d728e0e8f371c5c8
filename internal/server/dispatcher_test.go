package server

import (
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// Only what has nothing unusual about it goes past mcp-go, and never a call that may ask a person.
func TestDispatcherTakesPlainCallsOnly(t *testing.T) {
	calls, err := newDispatcher(mcp.Implementation{Name: "test", Version: "1"}, session.Policies{Reveal: session.PolicyAsk})
	require.NoError(t, err)
	for _, each := range []tool.Tool{
		{Name: "show", Toolsets: []tool.Toolset{tool.SetIdentity}, Hints: tool.Hints{ReadOnly: true}},
		{Name: "change", Toolsets: []tool.Toolset{tool.SetIdentity}},
		{Name: "reveal", Toolsets: []tool.Toolset{tool.SetIdentity}, Kind: session.KindReveal},
	} {
		calls.tools[each.Name] = &toolHandler{Tool: each}
	}
	const newest = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	for params, want := range map[string]struct{ legacy, modern bool }{
		`"name":"show"`: {legacy: true},
		`"name":"show","arguments":{},"_meta":{"progressToken":1}`: {legacy: true},
		`"name":"show",` + newest:                                  {modern: true},
		`"name":"show","arguments":{"a":[]},` + newest:             {modern: true},
		`"name":"change"`:                                          {},
		`"name":"reveal"`:                                          {},
		`"name":"reveal",` + newest:                                {},
		`"name":"none"`:                                            {},
		`"name":"sho\u0077"`:                                       {},
		`"name":["show"]`:                                          {},
		`"arguments":{}`:                                           {},
		`"name":"show","arguments":null`:                           {},
		`"name":"show","arguments":[]`:                             {},
		`"name":"show","_meta":null`:                               {},
		`"name":"show","task":{}`:                                  {},
		`"name":"show","inputResponses":{},` + newest:              {},
		`"name":"show","requestState":"",` + newest:                {},
		`"name":"show","arguments":{"n":1e9},` + newest:            {},
		`"name":"show","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`: {},
		`"name":"show","_meta":{"io.modelcontextprotocol/protocolVersion":"2025-11-25"}`: {},
	} {
		env, bad := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{` + params + `}}`))
		require.Nil(t, bad, params)
		ctx := session.WithCall(t.Context(), session.Call{Caller: &session.Caller{Name: "c", Rights: session.Rights{ReadOnly: true}}})
		assert.Equal(t, want.legacy, taken(calls.Take(ctx, env, false)), params)
		assert.Equal(t, want.modern, taken(calls.Take(ctx, env, true)), params)
		assert.False(t, taken(calls.Take(t.Context(), env, false)), "there is no caller")
		var none *Dispatcher
		assert.False(t, taken(none.Take(ctx, env, false)))
		env.ID = nil
		assert.False(t, taken(calls.Take(ctx, env, false)), "a notification is no call")
	}
}

// Whether a call may ask a person is for the policy of its caller to say: the stricter of the
// server's and its own.
func TestDispatcherTakesNoCallThatMayAsk(t *testing.T) {
	const none, allow, ask, deny = session.Policy(""), session.PolicyAllow, session.PolicyAsk, session.PolicyDeny
	for _, c := range []struct {
		kind           session.Kind
		server, caller session.Policy
		direct         bool
	}{
		{session.KindReveal, none, none, true}, // its default is to allow
		{session.KindReveal, allow, none, true},
		{session.KindReveal, ask, none, false},
		{session.KindReveal, ask, allow, false},
		{session.KindReveal, allow, ask, false},
		{session.KindReveal, allow, deny, true},
		{session.KindReveal, ask, deny, true},
		{session.KindReveal, deny, ask, true},
		{session.KindDelete, none, none, false},
		{session.KindDelete, allow, none, true},
		{session.KindDelete, none, deny, true},
		{"unheard of", none, none, true}, // it is denied
	} {
		of := func(p session.Policy) session.Policies { return session.Policies{Reveal: p, Delete: p} }
		calls, err := newDispatcher(mcp.Implementation{}, of(c.server))
		require.NoError(t, err)
		calls.tools["it"] = &toolHandler{Tool: tool.Tool{Name: "it", Toolsets: []tool.Toolset{tool.SetIdentity}, Kind: c.kind}}
		env, bad := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"it"}}`))
		require.Nil(t, bad)
		ctx := session.WithCall(t.Context(), session.Call{Caller: &session.Caller{Name: "c", Rights: session.Rights{Policies: of(c.caller)}}})
		assert.Equal(t, c.direct, taken(calls.Take(ctx, env, false)), "%s, server %q, caller %q", c.kind, c.server, c.caller)
	}
}

func TestStringsAreJSON(t *testing.T) {
	for _, text := range []string{"", "plain", "a\"b\\c\n\r\t\x00\x1f\x7f", "Grüße \U0001f600 \u2028", "cut \xe2\x82", "\xff<&>", "\xed\xa0\x80"} {
		want, err := jsonrpc.Marshal(text)
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(appendString(nil, text)), "%q", text)
	}
}

func taken(_ DirectCall, ok bool) bool { return ok }
