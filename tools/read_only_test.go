package tools_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

// Every tool of a read-only server is called with what makes it do its work; and every tool that
// such a server does not have is called by name.
func TestAReadOnlyServerSendsNothingButGET(t *testing.T) {
	for _, era := range []sandbox.Era{sandbox.EraTokens, sandbox.EraKeys} {
		h := newSystem(t, sandbox.Config{Era: era})
		writer := h.connect(local())
		all := definitions(t, writer)
		me := ok[created](t, writer.call("create_identity", args{"name": "x", "provision_phone": true}))
		calls := revealingCalls(t, writer)
		h.sms(me.Phone, "32665", "Your code is "+canaryCode)
		message := ok[waited](t, writer.call("wait_for_otp", args{"cursor": me.Cursor, "identity": "x"})).MessageID

		h.readOnly = true
		reader := h.connect(local())
		h.ravi.Server.ClearRequests()
		calls["wait_for_otp"] = args{"cursor": me.Cursor}
		calls["wait_for_message"] = args{"cursor": me.Cursor}
		calls["read_message"] = args{"identity": "x", "message_id": message}
		listed := map[string]bool{}
		for _, d := range definitions(t, reader) {
			listed[d.Name] = true
			arguments := calls[d.Name]
			if arguments == nil {
				arguments = args{}
				if strings.Contains(string(d.InputSchema), `"identity"`) {
					arguments["identity"] = "x"
				}
			}
			r := reader.call(d.Name, arguments)
			require.False(t, r.IsError, "%s: %v", d.Name, r.Content)
		}
		for _, d := range all {
			if !listed[d.Name] {
				answer := string(reader.request("tools/call", `{"name":"`+d.Name+`","arguments":{}}`))
				assert.Contains(t, answer, `"error"`, d.Name)
			}
		}
		requests := h.ravi.Server.Requests()
		require.NotEmpty(t, requests)
		for _, r := range requests {
			if !strings.HasPrefix(r.Path, "/api/auth/") {
				assert.Equal(t, "GET", r.Method, "%s %s", r.Method, r.Path)
			}
		}
	}
}
