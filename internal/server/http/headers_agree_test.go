package http

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/server/jsonrpc"
)

// A call whose headers say something else than its message is not for the dispatcher.
func TestHeadersAgree(t *testing.T) {
	env := jsonrpc.Envelope{Method: "tools/call", ProtocolVersion: "2026-07-28"}
	right := http.Header{"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {"show"}}
	assert.True(t, headersAgree(right, env, "show", true))
	for name := range right {
		wrong := right.Clone()
		wrong[name] = []string{"2025-11-25"}
		assert.False(t, headersAgree(wrong, env, "show", true), name)
	}
	right.Set("Last-Event-Id", "1")
	assert.False(t, headersAgree(right, env, "show", true))
	assert.True(t, headersAgree(http.Header{}, jsonrpc.Envelope{}, "show", false))
	assert.False(t, headersAgree(http.Header{"Mcp-Protocol-Version": {"2020-01-01"}}, jsonrpc.Envelope{}, "show", false))
}
