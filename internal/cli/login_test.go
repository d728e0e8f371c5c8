package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
)

// loginRavi is a Ravi at which every device login is approved at once for an account, which is
// encrypted if pin is not empty.
func loginRavi(t *testing.T, era sandbox.Era, pin string) (*sandbox.Server, string) {
	t.Helper()
	const email = "user@example.com"
	s, err := sandbox.New(sandbox.Config{Era: era, AutoApprove: email, DeviceInterval: time.Second})
	require.NoError(t, err)
	_, err = s.Account(sandbox.AccountConfig{Email: email, PIN: pin})
	require.NoError(t, err)
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		_ = s.Close()
		web.Close()
	})
	return s, web.URL
}

// login runs "ravi-mcp login" with the given lines on stdin.
func login(t *testing.T, env []string, stdin string, flags ...string) (output string, err error) {
	t.Helper()
	cmd := exec.Command(harness.Binary(t), append([]string{"login"}, flags...)...)
	cmd.Env, cmd.Stdin = env, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func readJSON(t *testing.T, path string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(data, &fields))
	return fields
}

func TestLoginSavesACredentialTheServerFinds(t *testing.T) {
	t.Parallel()
	for era, file := range map[sandbox.Era]string{sandbox.EraTokens: "auth.json", sandbox.EraKeys: "config.json"} {
		t.Run(string(era), func(t *testing.T) {
			_, url := loginRavi(t, era, "")
			env, home := harness.Environment(t, "RAVI_BASE_URL="+url)
			out, err := login(t, env, "")
			require.NoError(t, err, out)
			assert.Contains(t, out, "/device and enter the code")
			assert.Contains(t, out, "Logged in as user@example.com")

			fields := readJSON(t, filepath.Join(home, ".ravi", file))
			for _, secret := range []string{"access_token", "refresh_token", "management_key"} {
				if v, has := fields[secret].(string); has {
					assert.NotContains(t, out, v)
				}
			}
			cmd := harness.Command(t, env, "stdio", "--log-level", "off")
			cmd.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}` + "\n" +
				`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"list_identities","arguments":{}}}` + "\n")
			answers, err := cmd.Output()
			require.NoError(t, err)
			assert.Contains(t, string(answers), `"total":0`)
		})
	}
}

func TestLoginUnlocksTheVaultAndKeepsNoPIN(t *testing.T) {
	t.Parallel()
	const pin = "271828"
	_, url := loginRavi(t, sandbox.EraTokens, pin)
	env, home := harness.Environment(t, "RAVI_BASE_URL="+url)

	out, err := login(t, env, "000000\n", "--pin-fd", "0")
	require.Error(t, err)
	assert.Contains(t, out, "the PIN is wrong; nothing was saved")
	assert.NoFileExists(t, filepath.Join(home, ".ravi", "auth.json"))

	out, err = login(t, env, pin+"\n", "--pin-fd", "0")
	require.NoError(t, err, out)
	fields := readJSON(t, filepath.Join(home, ".ravi", "auth.json"))
	assert.NotEmpty(t, fields["private_key"])
	assert.NotEmpty(t, fields["public_key"])
	assert.NotContains(t, out, fields["private_key"])
	for _, v := range fields {
		assert.NotEqual(t, pin, v)
	}
}

func TestUnlockAddsKeysToAnExistingLogin(t *testing.T) {
	t.Parallel()
	const pin = "314159"
	_, url := loginRavi(t, sandbox.EraTokens, pin)
	env, home := harness.Environment(t, "RAVI_BASE_URL="+url)
	out, err := login(t, env, "", "--unlock", "--pin-fd", "0")
	require.Error(t, err)
	assert.Contains(t, out, "no Ravi credential found")

	_, err = login(t, env, pin+"\n", "--pin-fd", "0")
	require.NoError(t, err)
	path := filepath.Join(home, ".ravi", "auth.json")
	fields := readJSON(t, path)
	delete(fields, "private_key")
	delete(fields, "public_key")
	stripped, err := json.Marshal(fields)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, stripped, 0o600))

	out, err = login(t, env, pin+"\n", "--unlock", "--pin-fd", "0")
	require.NoError(t, err, out)
	assert.NotEmpty(t, readJSON(t, path)["private_key"])
}

// Unlocking a login whose access token has expired rotates the pair; the file must hold the new one
// afterwards.
func TestUnlockKeepsARotatedToken(t *testing.T) {
	t.Parallel()
	const pin = "161803"
	ravi, url := loginRavi(t, sandbox.EraTokens, pin)
	env, home := harness.Environment(t, "RAVI_BASE_URL="+url)
	_, err := login(t, env, pin+"\n", "--pin-fd", "0")
	require.NoError(t, err)
	path := filepath.Join(home, ".ravi", "auth.json")
	before := readJSON(t, path)
	require.NoError(t, ravi.ExpireAccess("user@example.com"))

	out, err := login(t, env, pin+"\n", "--unlock", "--pin-fd", "0")
	require.NoError(t, err, out)
	after := readJSON(t, path)
	assert.NotEqual(t, before["refresh_token"], after["refresh_token"])
	out, err = login(t, env, pin+"\n", "--unlock", "--pin-fd", "0")
	require.NoError(t, err, "the login still works: %s", out)
}

func TestUnlockWritesToTheFileOfTheLogin(t *testing.T) {
	t.Parallel()
	const pin = "141421"
	_, url := loginRavi(t, sandbox.EraTokens, pin)
	env, home := harness.Environment(t, "RAVI_BASE_URL="+url)
	_, err := login(t, env, pin+"\n", "--pin-fd", "0")
	require.NoError(t, err)
	elsewhere := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "config.json"), []byte(`{"identity_uuid":"u-1"}`), 0o600))
	out, err := login(t, append(env, "RAVI_CONFIG_DIR="+elsewhere), pin+"\n", "--unlock", "--pin-fd", "0")
	require.NoError(t, err, out)
	assert.NoFileExists(t, filepath.Join(elsewhere, "auth.json"), "a second copy of the refresh token would break the first")
	assert.Contains(t, out, home)
}

func TestLoginWithoutTerminalNamesThePINFlag(t *testing.T) {
	t.Parallel()
	_, url := loginRavi(t, sandbox.EraTokens, "271828")
	env, home := harness.Environment(t, "RAVI_BASE_URL="+url)
	out, err := login(t, env, "")
	require.Error(t, err)
	assert.Contains(t, out, "--pin-fd")
	assert.NoFileExists(t, filepath.Join(home, ".ravi", "auth.json"), "a login that fails on the way leaves no credential")
}

func TestSandboxCommandPrintsTheClientEnvironment(t *testing.T) {
	t.Parallel()
	for era, name := range map[string]string{"token": "RAVI_ACCESS_TOKEN", "keys": "RAVI_API_KEY"} {
		t.Run(era, func(t *testing.T) {
			env, _ := harness.Environment(t)
			cmd := harness.Command(t, env, "sandbox", "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--era", era, "--data", t.TempDir())
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			t.Cleanup(func() {
				_ = cmd.Process.Signal(os.Interrupt)
				assert.NoError(t, cmd.Wait(), "an interrupt ends it in order")
			})
			printed := make([]byte, 0, 512)
			for bytes.Count(printed, []byte("\n")) < 2 {
				chunk := make([]byte, 512)
				n, err := out.Read(chunk)
				require.NoError(t, err)
				printed = append(printed, chunk[:n]...)
			}
			vars := strings.Fields(string(printed))
			require.Len(t, vars, 2)
			assert.True(t, strings.HasPrefix(vars[1], name+"="), "the credential of the %s era", era)

			client := exec.Command(harness.Binary(t), "stdio", "--log-level", "off")
			client.Env = append(env, vars...)
			client.Stdin = io.MultiReader(
				strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`+"\n"),
				strings.NewReader(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"create_identity","arguments":{"name":"from-elsewhere"}}}`+"\n"),
			)
			answers, err := client.Output()
			require.NoError(t, err)
			assert.Contains(t, string(answers), `"created":true`)
		})
	}
}
