package http_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/internal/test/harness"
	"ravi-mcp/session"
)

// twoWays is an endpoint whose calls can take either way, with an audit and a budget of reveals for each.
type twoWays struct {
	*endpoint
	long   string            // the address of the long way
	audits map[string]string // the files, by way
	logs   map[string]*harness.Output
}

func serveTwoWays(t *testing.T, callers string, reveals int) *twoWays {
	t.Helper()
	w := &twoWays{audits: map[string]string{}, logs: map[string]*harness.Output{}}
	made := map[string]*server.MCP{}
	w.endpoint = serve(t, func(e *endpoint) {
		e.Callers = loadCallers(t, callers)
		now := time.Now()
		e.deps.Now = func() time.Time { return now } // so that both budgets name the same time to wait
		for _, way := range []string{"short", "long"} {
			w.audits[way], w.logs[way] = filepath.Join(t.TempDir(), "audit"), &harness.Output{}
			audit, err := server.OpenAudit(w.audits[way])
			require.NoError(t, err)
			t.Cleanup(func() { _ = audit.Close() })
			made[way], err = server.New(server.Config{
				Version: "test", Reveals: server.NewReveals(reveals), Audit: audit, Log: zerolog.New(w.logs[way]), Deps: e.deps,
			})
			require.NoError(t, err)
		}
		e.MCP, e.Dispatcher = made["short"].Server, made["short"].Dispatcher
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	long := &mcphttp.Server{MCP: made["long"].Server, Sessions: w.sessions, Callers: w.Server.Callers}
	long.Hosts, long.Origins = mcphttp.LocalNames(l.Addr(), false)
	web := &httptest.Server{Listener: l, Config: &http.Server{Handler: long.Handler()}}
	web.Start()
	t.Cleanup(web.Close)
	w.long = l.Addr().String()
	return w
}

// both sends a call on both ways and returns the messages that came back.
func (w *twoWays) both(a *agent, tool, arguments string) (short, long json.RawMessage) {
	w.t.Helper()
	message := a.message(tool, arguments, "")
	got := a.post(message)
	request := a.request(w.t.Context(), http.MethodPost, "/mcp", message)
	request.URL.Host, request.Host = w.long, ""
	want := a.do(request)
	assert.Equal(w.t, want.status, got.status)
	assert.Equal(w.t, want.header.Get("Content-Type"), got.header.Get("Content-Type"))
	require.Len(w.t, got.messages, 1)
	require.Len(w.t, want.messages, 1)
	return got.messages[0], want.messages[0]
}

// written is the lines about reads in a way's audit and log, without what differs from call to call.
func (w *twoWays) written(way string) []string {
	w.t.Helper()
	text, err := os.ReadFile(w.audits[way])
	require.NoError(w.t, err)
	var all []string
	for line := range strings.Lines(string(text) + w.logs[way].String()) {
		var fields map[string]any
		require.NoError(w.t, json.Unmarshal([]byte(line), &fields), line)
		for _, name := range []string{"time", "request_id", "took_ms"} {
			delete(fields, name)
		}
		if text := fmt.Sprint(fields); strings.Contains(text, "get_") {
			all = append(all, text)
		}
	}
	return all
}

// Calls that show a stored value take the short way where no person is asked. Policy, budget, audit, log and the form of
// every answer are those of the long way.
func TestRevealsAreDispatchedAlike(t *testing.T) {
	t.Parallel()
	const plain, denied = "rmcp_plain-CANARY-0123456789-0123456789", "rmcp_denied-CANARY-0123456789-012345678"
	caller := func(name, token, more string) string {
		return fmt.Sprintf("[[caller]]\nname = %q\ntoken_sha256 = %q\nidentities = [\"*\"]\n%s\n\n", name, session.HashToken(token), more)
	}
	w := serveTwoWays(t, caller("plain", plain, "")+caller("denied", denied, "reveal = \"deny\""), 12) // 3 at once
	owner := w.open(plain)
	owner.call("create_identity", `{"name":"main"}`)
	owner.call("save_credential", `{"identity":"main","domain":"one.example","username":"me","password":"CANARY-<&>\u2028\"1"}`)
	owner.call("save_credential", `{"identity":"main","domain":"two.example","username":"a","password":"CANARY-2"}`)
	owner.call("save_credential", `{"identity":"main","domain":"two.example","username":"b","password":"CANARY-3"}`)
	owner.call("set_secret", `{"identity":"main","name":"API_KEY","value":"CANARY-4"}`)

	for _, token := range []string{plain, denied} {
		for _, a := range []*agent{w.open(token), w.newest(token)} {
			for _, c := range []struct{ tool, arguments string }{
				{"get_credential", `{"identity":"main","domain":"one.example","reveal":false}`},
				{"get_credential", `{"identity":"main","domain":"two.example"}`},
				{"get_credential", `{"identity":"main","domain":"none.example"}`},
				{"get_credential", `{"identity":"nobody","domain":"one.example"}`},
				{"get_credential", `{"identity":"main","domain":5}`},
				{"get_credential", `{"identity":"main","domain":"one.example"}`},
				{"get_secret", `{"identity":"main","name":"API_KEY"}`},
			} {
				short, long := w.both(a, c.tool, c.arguments)
				assert.JSONEq(t, string(long), string(short), "%s %s", c.tool, c.arguments)
			}
		}
	}
	written := w.written("short")
	assert.Equal(t, w.written("long"), written)
	all := strings.Join(written, "\n")
	assert.Contains(t, all, "code:ok decision:allowed event:result")
	assert.Contains(t, all, "code:rate_limited", "the budget holds")
	assert.Contains(t, all, "code:denied")
	assert.NotContains(t, all, "CANARY")
}
