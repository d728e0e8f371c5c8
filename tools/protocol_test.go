package tools_test

import (
	"cmp"
	"encoding/json"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

// A call that is not of the protocol's shape is answered in fixed words: no Go types, and nothing
// of what was sent.
func TestMalformedCallsGetProtocolErrors(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	for era, a := range map[string]*agent{"legacy": h.connect(local()), "modern": h.connectModern(local())} {
		for _, c := range []struct{ method, params, want string }{
			{`tools\/call`, `{"name":1}`, "params of tools/call must be an object"},
			{`tools/cal\u006c`, `{"name":1}`, "params of tools/call must be an object"},
			{params: `{"name":5,"arguments":{}}`},
			{params: `{"name":"get_identity","arguments":"CANARY"}`},
			{params: `{"name":"get_identity","arguments":["CANARY"]}`},
			{params: `{"name":"get_identity","arguments":{"identity":1e9999}}`},
			{params: `{"name":"get_identity","arguments":{},"task":"CANARY"}`},
			{params: `{"name":"CANARY <b>\u202e no such","arguments":{}}`},
			{params: `{"name":"` + strings.Repeat("CANARY", 100) + `","arguments":{}}`},
			{params: `{"name":"","arguments":{}}`},
			{params: `{"arguments":{}}`},
		} {
			var m struct {
				Error *struct {
					Code    int
					Message string
				}
			}
			require.NoError(t, json.Unmarshal(a.request(cmp.Or(c.method, "tools/call"), c.params), &m))
			if !assert.NotNil(t, m.Error, "%s %s", era, c.params) {
				continue
			}
			assert.Contains(t, m.Error.Message, c.want, "%s %s", era, c.method)
			for _, leak := range []string{"CANARY", "1e9999", "Go ", "unmarshal", "mcp.", "struct", "\u202e"} {
				assert.NotContains(t, m.Error.Message, leak, "%s %s", era, c.params)
			}
		}
		ok[map[string]any](t, a.call("list_identities", nil))
		absent := a.request("tools/call", `{"name":"list_identities"}`)
		assert.False(t, parse(t, absent).IsError, "arguments may be left out")
	}
}

// Every list is one page, so that no cursor is one of its.
func TestListCursorIsRefusedInOwnWords(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	for era, a := range both(h, local()) {
		for _, method := range []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list"} {
			for _, cursor := range []string{`"zzz"`, `"CANARY"`, `"Q0FOQVJZ"`, `7`, `true`, `["CANARY"]`, `{"a":"CANARY"}`} {
				e := a.fails(method, `{"cursor":`+cursor+`}`)
				assert.Equal(t, mcp.INVALID_PARAMS, e.Code, "%s %s %s", era, method, cursor)
				assert.Equal(t, "`cursor` is none of this server's: every list is one page. Ask for the list again without `cursor`.", e.Message)
				assert.Equal(t, fault.InvalidArgument, e.Data.Code)
			}
			for _, params := range []string{`{}`, `{"cursor":""}`, `{"cursor":null}`} {
				all := rpc[map[string]json.RawMessage](a, method, params)
				assert.NotContains(t, all, "nextCursor", method)
			}
		}
	}
}
