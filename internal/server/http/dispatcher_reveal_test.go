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

// bothPaths is an endpoint whose calls are dispatched directly or go through mcp-go, with an audit
// and a budget of reveals for each.
type bothPaths struct {
	*endpoint
	library string            // the address of the server that leaves all to mcp-go
	audits  map[string]string // the files, by path
	logs    map[string]*harness.Output
}

func serveBothPaths(t *testing.T, callers string, reveals int) *bothPaths {
	t.Helper()
	w := &bothPaths{audits: map[string]string{}, logs: map[string]*harness.Output{}}
	made := map[string]*server.MCP{}
	w.endpoint = serve(t, func(e *endpoint) {
		e.Callers = loadCallers(t, callers)
		now := time.Now()
		e.deps.Now = func() time.Time { return now } // so that both budgets name the same time to wait
		for _, path := range []string{"direct", "library"} {
			w.audits[path], w.logs[path] = filepath.Join(t.TempDir(), "audit"), &harness.Output{}
			audit, err := server.OpenAudit(w.audits[path])
			require.NoError(t, err)
			t.Cleanup(func() { _ = audit.Close() })
			made[path], err = server.New(server.Config{
				Version: "test", Reveals: server.NewReveals(reveals), Audit: audit, Log: zerolog.New(w.logs[path]), Deps: e.deps,
			})
			require.NoError(t, err)
		}
		e.MCP, e.Dispatcher = made["direct"].Server, made["direct"].Dispatcher
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	library := &mcphttp.Server{MCP: made["library"].Server, Sessions: w.sessions, Callers: w.Server.Callers}
	library.Hosts, library.Origins = mcphttp.LocalNames(l.Addr(), false)
	web := &httptest.Server{Listener: l, Config: &http.Server{Handler: library.Handler()}}
	web.Start()
	t.Cleanup(web.Close)
	w.library = l.Addr().String()
	return w
}

// both sends a call to both servers and returns the messages that came back.
func (w *bothPaths) both(a *agent, tool, arguments string) (direct, library json.RawMessage) {
	w.t.Helper()
	message := a.message(tool, arguments, "")
	got := a.post(message)
	request := a.request(w.t.Context(), http.MethodPost, "/mcp", message)
	request.URL.Host, request.Host = w.library, ""
	want := a.do(request)
	assert.Equal(w.t, want.status, got.status)
	assert.Equal(w.t, want.header.Get("Content-Type"), got.header.Get("Content-Type"))
	require.Len(w.t, got.messages, 1)
	require.Len(w.t, want.messages, 1)
	return got.messages[0], want.messages[0]
}

// written is the lines about reads in the audit and log of a path, without what differs from call
// to call.
func (w *bothPaths) written(path string) []string {
	w.t.Helper()
	text, err := os.ReadFile(w.audits[path])
	require.NoError(w.t, err)
	var all []string
	for line := range strings.Lines(string(text) + w.logs[path].String()) {
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

// Calls that show a stored value are dispatched directly where no person is asked. Policy, budget,
// audit, log and the form of every answer are those of mcp-go's path.
func TestRevealsAreDispatchedAlike(t *testing.T) {
	t.Parallel()
	const plain, denied = "rmcp_plain-CANARY-0123456789-0123456789", "rmcp_denied-CANARY-0123456789-012345678"
	caller := func(name, token, more string) string {
		return fmt.Sprintf("[[caller]]\nname = %q\ntoken_sha256 = %q\nidentities = [\"*\"]\n%s\n\n", name, session.HashToken(token), more)
	}
	w := serveBothPaths(t, caller("plain", plain, "")+caller("denied", denied, "reveal = \"deny\""), 12) // 3 at once
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
				direct, library := w.both(a, c.tool, c.arguments)
				assert.JSONEq(t, string(library), string(direct), "%s %s", c.tool, c.arguments)
			}
		}
	}
	written := w.written("direct")
	assert.Equal(t, w.written("library"), written)
	all := strings.Join(written, "\n")
	assert.Contains(t, all, "code:ok decision:allowed event:result")
	assert.Contains(t, all, "code:rate_limited", "the budget holds")
	assert.Contains(t, all, "code:denied")
	assert.NotContains(t, all, "CANARY")
}
