package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
)

// clientToken is the token of the one caller, where one is needed.
const clientToken = "rmcp_CLIENTS-0123456789-0123456789-0123456789"

var sandboxLine = regexp.MustCompile(`(http://\S+)/sms`)

// signUps starts the real program twice, open to every process on the machine and with a token, and
// lets play live through a sign-up at each.
func signUps(t *testing.T, play func(t *testing.T, flow signUp)) {
	t.Helper()
	for name, token := range map[string]string{"open": "", "with a token": clientToken} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signUpAt(t, token, play)
		})
	}
}

// signUpAt is signUps at one server, which is open if the token is "".
func signUpAt(t *testing.T, token string, play func(t *testing.T, flow signUp)) {
	t.Helper()
	flow := signUp{token: token}
	flow.env, flow.home = harness.Environment(t)
	own := flow.env
	if token != "" {
		own = append([]string{"RAVI_MCP_TOKEN=" + token}, own...)
	}
	r := harness.StartHTTP(t, own, "--sandbox", "--log-level", "info")
	flow.url = r.URL
	line := sandboxLine.FindStringSubmatch(r.Log())
	require.NotNil(t, line, r.Log())
	flow.sandbox = line[1]
	play(t, flow)
	r.Stop(t)
	assert.NotContains(t, r.Log(), clientToken)
}

// signUp is what a client needs to live through one.
type signUp struct {
	url, token string
	sandbox    string            // where the embedded Ravi takes messages
	env        []string          // of a client
	account    map[string]string // variables that a server needs which the client starts
	home       string
}

// authorization is the header's value, "" where none is needed.
func (s signUp) authorization() string {
	if s.token == "" {
		return ""
	}
	return "Bearer " + s.token
}

// signUpTools are the tools that the sign-ups of these tests call.
var signUpTools = []string{"create_identity", "wait_for_otp", "save_credential", "get_credential"}

// story is what a client has to make of each call.
type story func(tool string, arguments args) json.RawMessage

// play is the sign-up of a client that makes one call at a time.
func (s signUp) play(t *testing.T, name string, call story) {
	t.Helper()
	var created struct {
		Identity        struct{ UUID string }
		Address, Cursor string
	}
	require.NoError(t, json.Unmarshal(call("create_identity", args{"name": name}), &created))
	s.deliver(t, created.Address)
	var waited struct{ Status, Code string }
	require.NoError(t, json.Unmarshal(call("wait_for_otp", args{"cursor": created.Cursor, "timeout_seconds": 40}), &waited))
	assert.Equal(t, "271828", waited.Code)
	who := created.Identity.UUID
	call("save_credential", args{"identity": who, "domain": "example.com", "username": "me", "password": "correct horse"})
	var kept struct{ Credential struct{ Password string } }
	require.NoError(t, json.Unmarshal(call("get_credential", args{"identity": who, "domain": "example.com"}), &kept))
	assert.Equal(t, "correct horse", kept.Credential.Password)
}

// deliver has a site send its code.
func (s signUp) deliver(t *testing.T, address string) {
	t.Helper()
	post(t, s.sandbox+"/email", "Content-Type", "application/json",
		fmt.Sprintf(`{"to":%q,"from":"no-reply@example.com","subject":"Sign up","text":"Your code is 271828"}`, address))
}

func TestTypeScriptSDKsOverHTTP(t *testing.T) {
	t.Parallel()
	dir, node := clients(t)
	signUps(t, func(t *testing.T, flow signUp) {
		for _, c := range []struct{ how, wire, protocol string }{
			{"1.x", "http", ""}, {"1.x", "sse", ""},
			{"legacy", "http", "2025-11-25"}, {"legacy", "sse", "2025-11-25"},
			{"auto", "http", "2026-07-28"}, {"2026-07-28", "http", "2026-07-28"},
		} {
			t.Run(c.how+" "+c.wire, func(t *testing.T) {
				run := runClient(t, dir, flow.env, node, "remote.mjs", c.how, c.wire, flow.url, flow.sandbox, flow.authorization())
				require.Zero(t, run.code, "%s%s", run.out, run.err)
				var got struct {
					Protocol, Code, Password string
					Tools                    []string
				}
				require.NoError(t, json.Unmarshal([]byte(run.out), &got), run.out)
				assert.Equal(t, c.protocol, got.Protocol)
				assert.Subset(t, got.Tools, signUpTools)
				assert.Equal(t, "271828", got.Code)
				assert.Equal(t, "correct horse", got.Password)
			})
		}
	})
}

func TestInspectorOverHTTP(t *testing.T) {
	t.Parallel()
	dir, node := clients(t)
	signUps(t, func(t *testing.T, flow signUp) {
		for transport, path := range map[string]string{"http": "/mcp", "sse": "/sse"} {
			flow.play(t, "inspector-"+transport, func(tool string, arguments args) json.RawMessage {
				given, err := json.Marshal(arguments)
				require.NoError(t, err)
				command := []string{
					filepath.Join(dir, "node_modules", ".bin", "mcp-inspector"), "--cli", flow.url + path, "--transport", transport,
					"--method", "tools/call", "--tool-name", tool, "--tool-args-json", string(given),
				}
				if flow.token != "" {
					command = append(command, "--header", "Authorization: "+flow.authorization())
				}
				run := runClient(t, dir, flow.env, node, command...)
				require.Zero(t, run.code, "%s%s", run.out, run.err)
				var called struct{ StructuredContent json.RawMessage }
				require.NoError(t, json.Unmarshal([]byte(run.out), &called), run.out)
				return called.StructuredContent
			})
		}
	})
}

func TestClaudeCodeOverHTTP(t *testing.T) {
	t.Parallel()
	dir, _ := clients(t)
	signUps(t, func(t *testing.T, flow signUp) {
		project := filepath.Join(flow.home, "project")
		require.NoError(t, os.Mkdir(project, 0o700))
		env := append([]string{"DISABLE_AUTOUPDATER=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1"}, flow.env...)
		claude := func(args ...string) finished {
			return runClient(t, project, env, filepath.Join(dir, "node_modules", ".bin", "claude"), args...)
		}
		for transport, path := range map[string]string{"http": "/mcp", "sse": "/sse"} {
			command := []string{"mcp", "add", "--transport", transport, "ravi-" + transport, flow.url + path}
			if flow.token != "" {
				command = append(command, "--header", "Authorization: "+flow.authorization())
			}
			added := claude(command...)
			require.Zero(t, added.code, "%s%s", added.out, added.err)
		}
		list := claude("mcp", "list")
		require.Zero(t, list.code, "%s%s", list.out, list.err)
		for transport := range strings.SplitSeq("http sse", " ") {
			assert.Regexp(t, `(?m)^ravi-`+transport+`: .* - [✔✓] Connected$`, list.out)
		}
	})
}
