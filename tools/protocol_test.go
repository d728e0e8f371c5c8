package tools_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

// A call that is not of the protocol's shape is answered in fixed words: no
// Go types, and nothing of what was sent.
func TestMalformedCallsGetProtocolErrors(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	for era, a := range map[string]*agent{"legacy": h.connect(local()), "modern": h.connectModern(local())} {
		for _, params := range []string{
			`{"name":5,"arguments":{}}`,
			`{"name":"get_identity","arguments":"CANARY"}`,
			`{"name":"get_identity","arguments":["CANARY"]}`,
			`{"name":"get_identity","arguments":{"identity":1e9999}}`,
			`{"name":"get_identity","arguments":{},"task":"CANARY"}`,
			`{"name":"CANARY <b>\u202e no such","arguments":{}}`,
			`{"name":"` + strings.Repeat("CANARY", 100) + `","arguments":{}}`,
			`{"name":"","arguments":{}}`,
			`{"arguments":{}}`,
		} {
			var m struct {
				Error *struct {
					Code    int
					Message string
				}
			}
			require.NoError(t, json.Unmarshal(a.request("tools/call", params), &m))
			if !assert.NotNil(t, m.Error, "%s %s", era, params) {
				continue
			}
			for _, leak := range []string{"CANARY", "1e9999", "Go ", "unmarshal", "mcp.", "struct", "\u202e"} {
				assert.NotContains(t, m.Error.Message, leak, "%s %s", era, params)
			}
		}
		ok[map[string]any](t, a.call("list_identities", nil))
		absent := a.request("tools/call", `{"name":"list_identities"}`)
		assert.False(t, parse(t, absent).IsError, "arguments may be left out")
	}
}
