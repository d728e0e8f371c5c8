package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// Harnesses exist that start a process for every call. The cursor that one process returned is good
// in the next, for its own identity only.
func TestCursorOutlivesItsStdioProcess(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	amber := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber", ProvisionPhone: true})
	ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "basalt"})
	env, home := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	once := func(tool string, arguments args) harness.ToolResult {
		w := harness.StartStdio(t, env, "stdio")
		result, err := w.Tool(tool, arguments)
		require.NoError(t, err)
		_, err = w.Close()
		require.NoError(t, err)
		return result
	}
	armed := once("watch_inbox", args{"identity": "amber"})
	var watched struct{ Cursor string }
	require.NoError(t, json.Unmarshal(armed.Result, &watched))
	cursor := watched.Cursor
	_, err := ravi.Server.DeliverSMS(sandbox.SMS{To: amber.Phone, From: "32665", Body: "Your code is 271828"})
	require.NoError(t, err)

	found := once("wait_for_otp", args{"cursor": cursor})
	assert.Contains(t, string(found.Result), `"code":"271828"`)
	assert.Contains(t, string(found.Result), `"armed":"cursor"`)
	other := once("wait_for_otp", args{"cursor": cursor, "identity": "basalt"})
	assert.True(t, other.IsError)

	info, err := os.Stat(filepath.Join(home, ".local", "state", "ravi-mcp", "seal.key"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// Without a place for the key the server runs all the same, and says once what that means.
func TestNoStateDirectoryIsSaidOnce(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber"})
	env, home := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	file := filepath.Join(home, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	w := harness.StartStdio(t, env, "stdio", "--state-dir", filepath.Join(file, "state"))
	armed := harness.Must[struct{ Cursor string }](t, w, "watch_inbox", args{"identity": "amber"})
	again := harness.Must[struct{ Status string }](t, w, "wait_for_otp", args{"cursor": armed.Cursor, "timeout_seconds": 1})
	assert.Equal(t, "pending", again.Status)
	_, err := w.Close()
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(w.Log(), "cursors end with this process"), w.Log())
}
