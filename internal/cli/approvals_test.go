package cli_test

import (
	"encoding/json"
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
)

// client calls tools of one process by protocol 2026-07-28, and can ask its user. more is further
// members of the params, each with a comma behind it.
type client func(tool, arguments, more string) answered

// neighbours are processes of one machine with one state directory: two over stdio and one over
// HTTP, which are the one caller "local".
func neighbours(t *testing.T, ravi *sandboxtest.Instance, env []string, args ...string) []client {
	t.Helper()
	web := &peer{asks: true, replicas: &replicas{t: t, ravi: ravi, client: &http.Client{Timeout: harness.Patience}}}
	web.all = append(web.all, harness.StartHTTP(t, env, args...))
	return []client{stdioClient(t, env, args...), stdioClient(t, env, args...), func(tool, arguments, more string) answered {
		request := web.toolCall(0, tool, arguments, more)
		request.Header.Del("Authorization")
		return web.do(request)
	}}
}

func stdioClient(t *testing.T, env []string, args ...string) client {
	t.Helper()
	s, err := harness.Dial(harness.Command(t, env, append([]string{"stdio"}, args...)...))
	require.NoError(t, err)
	t.Cleanup(func() { _, err := s.Close(); assert.NoError(t, err) })
	return func(tool, arguments, more string) answered {
		m := send(t, s, "tools/call", json.RawMessage(fmt.Sprintf(`{"name":%q,%s"arguments":%s,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
			`"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}`, tool, more, arguments)))
		a := answered{body: fmt.Sprintf(`{"result":%s}`, m.Result)}
		a.parse(t)
		return a
	}
}

func send(t *testing.T, s *harness.Stdio, method string, params any) harness.Message {
	t.Helper()
	sent, err := s.Send(method, params)
	require.NoError(t, err)
	m, err := s.Receive(sent)
	require.NoError(t, err, "%s", s.Log())
	return m
}

// What a person has allowed once is done once, whichever process of the machine is given the
// approval: the one that asked, another, and again.
func TestApprovalWorksOnceInAllProcesses(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber"})
	env, home := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	all := neighbours(t, ravi, env, "--reveal", "ask")
	require.Empty(t, all[0]("set_secret", `{"identity":"amber","name":"KEY","value":"value-of-key"}`, "").code)

	const arguments = `{"identity":"amber","name":"KEY"}`
	for asks := range all {
		for redeems := range all {
			state := all[asks]("get_secret", arguments, "").state
			require.NotEmpty(t, state)
			approval := fmt.Sprintf(`"inputResponses":{"confirm":{"action":"accept","content":{"confirm":true}}},"requestState":%q,`, state)
			got := all[redeems]("get_secret", arguments, approval)
			assert.Contains(t, got.body, "value-of-key", "asked by %d, used at %d", asks, redeems)
			for at, again := range append(all, stdioClient(t, env, "--reveal", "ask")) {
				got := again("get_secret", arguments, approval)
				assert.NotContains(t, got.body, "value-of-key", "asked by %d, used at %d, then at %d", asks, redeems, at)
				assert.Equal(t, "confirmation_required", got.code, got.body)
			}
		}
	}

	// What cannot be noted is not done.
	state := all[0]("get_secret", arguments, "").state
	used := filepath.Join(home, ".local", "state", "ravi-mcp", "used")
	require.NoError(t, os.RemoveAll(used))
	require.NoError(t, os.WriteFile(used, nil, 0o600))
	got := all[1]("get_secret", arguments, fmt.Sprintf(`"inputResponses":{"confirm":{"action":"accept","content":{"confirm":true}}},"requestState":%q,`, state))
	assert.Equal(t, "unavailable", got.code, got.body)
}

// The list of a dry run is carried out once, by whichever process.
func TestCleanupTokenWorksOnceInAllProcesses(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	env, _ := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	all := neighbours(t, ravi, env, "--cleanup", "allow", "--toolsets", "default,extra")
	for lists := range all {
		for deletes := range all {
			ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "test-1"})
			listed := all[lists]("cleanup_identities", `{"prefixes":["test-"],"min_age_minutes":0}`, "")
			require.NotEmpty(t, listed.result["token"], listed.body)
			token := fmt.Sprintf(`{"token":%q}`, listed.text("token"))
			got := all[deletes]("cleanup_identities", token, "")
			assert.Empty(t, got.code, got.body)
			assert.Empty(t, identityNames(ravi))
			for at, again := range all {
				assert.Equal(t, "confirmation_required", again("cleanup_identities", token, "").code, "listed by %d, deleted by %d, then %d", lists, deletes, at)
			}
		}
	}
}

// A server with the operator's key, in a container where nothing can be written, has approvals that
// end with the process, and cursors that do not.
func TestApprovalWithoutAPlaceForMarks(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "test-1"})
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	env, _ := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken,
		"XDG_STATE_HOME="+file, "RAVI_MCP_SEAL_KEY=5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e")
	all := neighbours(t, ravi, env, "--cleanup", "allow", "--toolsets", "default,extra")
	cursor := all[0]("watch_inbox", `{"identity":"test-1"}`, "").text("cursor")
	assert.Empty(t, all[2]("wait_for_otp", fmt.Sprintf(`{"cursor":%q,"timeout_seconds":1}`, cursor), "").code)

	listed := all[0]("cleanup_identities", `{"prefixes":["test-"],"min_age_minutes":0}`, "")
	require.NotEmpty(t, listed.result["token"], listed.body)
	token := fmt.Sprintf(`{"token":%q}`, listed.text("token"))
	for _, other := range all[1:] {
		assert.Equal(t, "confirmation_required", other("cleanup_identities", token, "").code)
	}
	assert.Equal(t, []string{"test-1"}, identityNames(ravi))
	assert.Empty(t, all[0]("cleanup_identities", token, "").code)
	assert.Equal(t, "confirmation_required", all[0]("cleanup_identities", token, "").code)
}
