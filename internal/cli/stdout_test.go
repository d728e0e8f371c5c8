package cli_test

import (
	"encoding/json"
	"io"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
)

// H10: whatever is called, and however much is logged, stdout carries JSON-RPC and nothing else.
// The wire of these tests checks every line.
func TestStdoutCarriesTheProtocolOnly(t *testing.T) {
	t.Parallel()
	env, _ := harness.Environment(t)
	w := harness.StartStdio(t, env, "stdio", "--sandbox", "--log-level", "debug", "--toolsets", "default,extra,mail,contacts,account,export",
		"--allow-export", t.TempDir(), "--reveal", "allow", "--send", "allow", "--delete", "allow", "--cleanup", "allow")
	harness.Must[struct{}](t, w, "create_identity", args{"name": "amber"})

	callEverything(t, w)
	for _, line := range []string{"not JSON", `{"jsonrpc":"2.0"}`, `{"JSONRPC":"2.0","id":1,"method":"ping"}`, `[]`, "", "\x00"} {
		_, err := io.WriteString(w.In, line+"\n")
		require.NoError(t, err)
	}
	_, err := w.Tool("no_such_tool", args{})
	require.Error(t, err)
	code, err := w.Close()
	require.NoError(t, err, "every line on stdout is JSON-RPC")
	assert.Zero(t, code)
	assert.Contains(t, w.Log(), `"level":"debug"`)
}

// callEverything calls every tool with what it wants, as far as that can be known, and with what it
// does not want.
func callEverything(t *testing.T, w *harness.Stdio) {
	t.Helper()
	arguments := map[string]args{
		"create_identity":  {"name": "basalt", "ephemeral": true},
		"use_identity":     {"identity": "amber"},
		"wait_for_otp":     {"timeout_seconds": 1},
		"wait_for_message": {"timeout_seconds": 1},
		"read_message":     {"message_id": "sms:1"},
		"save_credential":  {"domain": "example.com", "username": "amber", "show": true},
		"get_credential":   {"domain": "example.com"},
		"set_totp":         {"domain": "example.com", "uri": "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"},
		"get_totp":         {"domain": "example.com"},
		"use_backup_code":  {"domain": "example.com"},
		"set_secret":       {"name": "KEY", "value": "v"},
		"get_secret":       {"name": "KEY"},
		"send_email":       {"to": []string{"someone@example.com"}, "subject": "Hello", "text": "Hello"},
		"send_sms":         {"to": "+15551230000", "text": "Hello"},
		"find_contact":     {"query": "someone"},
		"delete_identity":  {"identity": "unknown"},
	}
	answered, err := w.Send("tools/list", args{})
	require.NoError(t, err)
	m, err := w.Receive(answered)
	require.NoError(t, err)
	var list struct {
		Tools []struct {
			Name        string
			InputSchema struct{ Properties map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal(m.Result, &list))
	names := map[string]bool{}
	for range 2 { // the second time what the first has made is there
		for _, tool := range list.Tools {
			names[tool.Name] = true
			with := args{}
			if tool.InputSchema.Properties["identity"] != nil { // after basalt the session has no default
				with["identity"] = "amber"
			}
			maps.Copy(with, arguments[tool.Name])
			_, err := w.Tool(tool.Name, with)
			require.NoError(t, err, tool.Name)
			_, err = w.Tool(tool.Name, args{"unknown": true})
			require.NoError(t, err, tool.Name)
		}
	}
	for name := range arguments {
		assert.True(t, names[name], "there is no tool %s any more", name)
	}
}
