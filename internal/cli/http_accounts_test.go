package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
)

// tokenOf is the token of a caller in these tests.
func tokenOf(name string) string { return "rmcp_CANARY-0123456789-0123456789-0123456789-" + name }

// callerAt is a caller with a Ravi account of its own; folder "" means the server's.
func callerAt(name, folder string) string {
	text := fmt.Sprintf("[[caller]]\nname = %q\ntoken_sha256 = %q\nidentities = [\"*\"]\n", name, session.HashToken(tokenOf(name)))
	if folder != "" {
		text += fmt.Sprintf("ravi_config_dir = %q\n", folder)
	}
	return text
}

// Callers of one server belong to different Ravi accounts, by what lies in their folders. One that
// is broken affects no other caller, and says what to do.
func TestCallersUseTheirOwnRaviAccounts(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	second, err := ravi.Server.Account(sandbox.AccountConfig{Email: "second@example.com"})
	require.NoError(t, err)
	folder := func(a *sandbox.Account) string {
		return writeConfig(t, map[string]any{"auth.json": args{"access_token": a.AccessToken, "refresh_token": a.RefreshToken}})
	}
	alices := folder(second)
	open := folder(second)
	require.NoError(t, os.Chmod(filepath.Join(open, "auth.json"), 0o644))
	broken := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(broken, "config.json"), []byte(`{"management_key": CANARY`), 0o600))
	missing := filepath.Join(t.TempDir(), "none")

	file := filepath.Join(t.TempDir(), "callers.toml")
	write := func(text string) {
		require.NoError(t, os.WriteFile(file+".next", []byte(text), 0o600))
		require.NoError(t, os.Rename(file+".next", file))
	}
	rest := callerAt("carol", "") + callerAt("open", open) + callerAt("broken", broken) + callerAt("missing", missing) +
		// Tokens that are credentials at Ravi, by mistake: the server's own, and one of a folder.
		fmt.Sprintf("[[caller]]\nname = \"mistake\"\ntoken_sha256 = %q\nidentities = [\"*\"]\n", session.HashToken(ravi.Account.AccessToken)) +
		fmt.Sprintf("[[caller]]\nname = \"mistake2\"\ntoken_sha256 = %q\nidentities = [\"*\"]\nravi_config_dir = %q\n", session.HashToken(second.AccessToken), alices)
	write(callerAt("alice", alices) + rest)
	env, home := harness.Environment(t, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken, "RAVI_BASE_URL="+ravi.URL)
	m := &oidcServer{HTTP: harness.StartHTTP(t, env, "--callers", file, "--log-level", "trace")}

	call := func(who, tool, arguments string) string { return m.newest(t, tokenOf(who), tool, arguments) }
	assert.Contains(t, call("alice", "create_identity", `{"name":"main"}`), `"main"`)
	assert.Contains(t, call("carol", "create_identity", `{"name":"carols"}`), `"carols"`)
	assert.NotContains(t, call("carol", "list_identities", `{}`), `"main"`, "not the account of the environment")
	assert.NotContains(t, call("alice", "list_identities", `{}`), `"carols"`)
	for who, wants := range map[string][]string{
		"open":    {"invalid_config", "chmod 600 " + filepath.Join(open, "auth.json")},
		"broken":  {"invalid_config", filepath.Join(broken, "config.json"), "line 1"},
		"missing": {"not_authenticated", "RAVI_CONFIG_DIR=" + missing + " ravi-mcp login"},
	} {
		said := call(who, "list_identities", `{}`)
		for _, want := range wants {
			assert.Contains(t, said, want, who)
		}
		assert.NotContains(t, said, "CANARY")
	}
	assert.Contains(t, call("alice", "get_identity", `{"identity":"main"}`), `"main"`)
	for _, token := range []string{ravi.Account.AccessToken, second.AccessToken} {
		assert.Contains(t, m.newest(t, token, "list_identities", `{}`), "401 ")
	}
	assert.Contains(t, m.Get("/readyz"), "200 ")

	// Alice gets another account: her sessions belong to the old one.
	response, _ := m.Post(http.DefaultClient, tokenOf("alice"), "", harness.InitializeMessage)
	id := response.Header.Get("Mcp-Session-Id")
	third, err := ravi.Server.Account(sandbox.AccountConfig{Email: "third@example.com"})
	require.NoError(t, err)
	write(callerAt("alice", folder(third)) + rest)
	harness.Eventually(t, func() bool {
		response, _ := m.Post(http.DefaultClient, tokenOf("alice"), id, harness.ToolMessage(1, "list_identities", `{}`))
		return response.StatusCode == http.StatusNotFound
	})
	assert.NotContains(t, call("alice", "list_identities", `{}`), `"main"`)

	m.End(t, os.Interrupt)
	for _, secret := range []string{ravi.Account.AccessToken, second.AccessToken, third.AccessToken, second.RefreshToken, tokenOf("alice")} {
		assert.NotContains(t, m.Log(), secret)
	}
	_, err = os.Stat(filepath.Join(home, ".ravi"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// A server that has no account of its own is ready when one of its callers' works.
func TestServerNeedsNoAccountOfItsOwn(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	good := writeConfig(t, map[string]any{"auth.json": args{"access_token": ravi.Account.AccessToken, "refresh_token": ravi.Account.RefreshToken}})
	bad := writeConfig(t, map[string]any{"config.json": args{}})
	env, _ := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL)
	for name, c := range map[string]struct{ callers, status string }{
		"two, one of which works":    {callerAt("alice", good) + callerAt("bob", bad), "200 "},
		"one, which does not":        {callerAt("bob", bad), "503 "},
		"one who needs the server's": {callerAt("alice", good) + callerAt("carol", ""), "503 "},
	} {
		file := callersFile(t, c.callers)
		m := harness.StartHTTP(t, env, "--callers", file)
		assert.Contains(t, m.Get("/readyz"), c.status, name)
	}
}
