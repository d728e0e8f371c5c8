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

// A key that was damaged, as by a backup that was restored, keeps no client over stdio from its
// server: cursors end with the process, and the log says where the file is and what to do. Over
// HTTP, where an operator is there, the server says the same and does not start.
func TestDamagedSealKeyOverStdio(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber"})
	for name, damage := range map[string]func(path string) error{
		"empty":      func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"cut off":    func(path string) error { return os.WriteFile(path, []byte("5e5e5e"), 0o600) },
		"public":     func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("5e", 32)), 0o644) },
		"three keys": func(path string) error { return os.WriteFile(path, []byte("a\nb\nc\n"), 0o600) },
		"folder":     func(path string) error { return os.Mkdir(path, 0o700) },
		"nowhere":    func(path string) error { return os.Symlink("nowhere", path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, home := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
			path := filepath.Join(home, "state", "seal.key")
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			require.NoError(t, damage(path))
			w := harness.StartStdio(t, env, "stdio", "--state-dir", filepath.Dir(path))
			armed := harness.Must[struct{ Cursor string }](t, w, "watch_inbox", args{"identity": "amber"})
			again := harness.Must[struct{ Status string }](t, w, "wait_for_otp", args{"cursor": armed.Cursor, "timeout_seconds": 1})
			assert.Equal(t, "pending", again.Status)
			_, err := w.Close()
			require.NoError(t, err)
			assert.Equal(t, 1, strings.Count(w.Log(), "cursors end with this process"), w.Log())
			assert.Contains(t, w.Log(), "remove "+path)

			cmd := harness.Command(t, env, "http", "--addr", "127.0.0.1:0", "--state-dir", "state")
			cmd.Dir = home
			p := harness.Start(t, cmd)
			code, err := p.Wait()
			require.NoError(t, err)
			assert.NotZero(t, code)
			assert.Contains(t, p.Log(), "remove "+path)
			assert.NotContains(t, p.Log(), "5e5e")
		})
	}
}

// A key that nothing has filled in is said to be that, and not to be of a wrong length.
func TestUnfinishedSealKey(t *testing.T) {
	t.Parallel()
	for value, shape := range map[string]string{
		"${RAVI_MCP_SEAL_KEY}": "RAVI_MCP_SEAL_KEY has the shape ${...}", "<your key>": "has the shape <...>",
		"'5e5e'": "has quotation marks", "5e5e": "want keys of 32 bytes",
	} {
		env, _ := harness.Environment(t, "RAVI_MCP_SEAL_KEY="+value)
		for _, command := range []string{"stdio", "http"} {
			p := harness.Start(t, harness.Command(t, env, command, "--sandbox"))
			code, err := p.Wait()
			require.NoError(t, err)
			assert.NotZero(t, code)
			assert.Contains(t, p.Log(), shape)
		}
	}
}
