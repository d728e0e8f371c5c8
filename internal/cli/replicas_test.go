package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
)

// replicas are servers that share a Redis, a sealing key and a Ravi. Their callers are alice and
// bob, who see no identities but those whose names begin with theirs.
type replicas struct {
	t     *testing.T
	ravi  *sandboxtest.Instance
	redis *redistest.Server
	all   []*harness.HTTP
	// client reaches them.
	client *http.Client
}

// startReplicas starts two of them. What their Redis keeps outlives its Stop.
func startReplicas(t *testing.T, args ...string) *replicas {
	t.Helper()
	return startReplicasOn(t, redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always"), args...)
}

func startReplicasOn(t *testing.T, redis *redistest.Server, args ...string) *replicas {
	t.Helper()
	var callers string
	for _, name := range []string{"alice", "bob"} {
		callers += callerOf(name, "token_sha256", session.HashToken(tokenOf(name)).String())
	}
	r := newReplicas(t, redis)
	for range 2 {
		r.start(r.environment(), callers, args...)
	}
	return r
}

// newReplicas has none yet.
func newReplicas(t *testing.T, redis *redistest.Server) *replicas {
	t.Helper()
	return &replicas{t: t, redis: redis, client: &http.Client{Timeout: harness.Patience}, ravi: sandboxtest.New(t, sandbox.Config{TokenLife: time.Hour})}
}

// environment is that of one of them, or of several on one machine.
func (r *replicas) environment() []string {
	env, _ := harness.Environment(r.t, "RAVI_ACCESS_TOKEN="+r.ravi.Account.AccessToken, "RAVI_BASE_URL="+r.ravi.URL,
		"RAVI_MCP_SESSION_STORE="+r.redis.URL(), "RAVI_MCP_SEAL_KEY="+strings.Repeat("5e", 32))
	return env
}

// start adds a replica.
func (r *replicas) start(env []string, callers string, args ...string) {
	r.t.Helper()
	r.all = append(r.all, harness.StartHTTP(r.t, env, append([]string{"--callers", callersFile(r.t, callers)}, args...)...))
}

// callersFile writes a callers file.
func callersFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "callers.toml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// peer is a client that reaches any replica: of a session, or, without one, of protocol 2026-07-28.
type peer struct {
	*replicas
	caller, session string
	asks            bool // can ask its user
}

// open opens a session at a replica. Its client can ask its user.
func (r *replicas) open(caller string, at int) *peer {
	r.t.Helper()
	p := &peer{replicas: r, caller: caller, asks: true}
	got := p.post(at, strings.Replace(harness.InitializeMessage, `"capabilities":{}`, `"capabilities":{"elicitation":{}}`, 1))
	require.Equal(r.t, http.StatusOK, got.status, got.body)
	p.session = got.header.Get("Mcp-Session-Id")
	require.NotEmpty(r.t, p.session)
	require.Equal(r.t, http.StatusAccepted, p.post(at, `{"jsonrpc":"2.0","method":"notifications/initialized"}`).status)
	return p
}

// answered is what a replica said to a message.
type answered struct {
	status int
	header http.Header
	body   string
	result map[string]any // of the tool
	code   string         // with which the tool failed
	reason string
	state  string // of a question of protocol 2026-07-28
	took   time.Duration
}

func (a answered) text(field string) string { return fmt.Sprint(a.result[field]) }

// request is a message for a replica.
func (p *peer) request(at int, body string) *http.Request {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.all[at].URL+"/mcp", strings.NewReader(body))
	require.NoError(p.t, err)
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"Authorization": "Bearer " + tokenOf(p.caller)} {
		request.Header.Set(name, value)
	}
	if p.session != "" {
		request.Header.Set("Mcp-Session-Id", p.session)
	}
	return request
}

// post sends a message and reads the whole answer.
func (p *peer) post(at int, body string) answered {
	p.t.Helper()
	return p.do(p.request(at, body))
}

// do may be called by any goroutine of the test.
func (p *peer) do(request *http.Request) answered {
	began := time.Now()
	response, err := p.client.Do(request)
	if !assert.NoError(p.t, err) {
		return answered{}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	assert.NoError(p.t, err)
	a := answered{status: response.StatusCode, header: response.Header, body: string(text), took: time.Since(began)}
	a.parse(p.t)
	return a
}

// parse reads the answer, which may be the last event of a stream.
func (a *answered) parse(t *testing.T) {
	text := []byte(a.body)
	for line := range bytes.Lines(text) {
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			text = data
		}
	}
	var m struct {
		Result struct {
			StructuredContent map[string]any
			RequestState      string
			IsError           bool
			Content           []struct{ Text string }
		}
	}
	_ = json.Unmarshal(text, &m)
	a.result, a.state = m.Result.StructuredContent, m.Result.RequestState
	if m.Result.IsError && len(m.Result.Content) > 0 {
		var failed struct{ Code, Reason string }
		assert.NoError(t, json.Unmarshal([]byte(m.Result.Content[0].Text), &failed))
		a.code, a.reason = failed.Code, failed.Reason
	}
}

// call calls a tool at a replica.
func (p *peer) call(at int, tool, arguments string) answered {
	return p.do(p.toolCall(at, tool, arguments, ""))
}

// reaches reports whether a call of the tool is answered in full, for the time in which a proxy may
// not have seen yet that a replica is gone.
func (p *peer) reaches(at int, tool, arguments string) bool {
	response, err := p.client.Do(p.toolCall(at, tool, arguments, ""))
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}

// toolCall is the request of a call. more is further members of its params, each with a comma
// behind it.
func (p *peer) toolCall(at int, tool, arguments, more string) *http.Request {
	body := harness.ToolMessage(7, tool, arguments)
	if p.session != "" {
		return p.request(at, strings.Replace(body, `"arguments"`, more+`"arguments"`, 1))
	}
	capabilities := `{}`
	if p.asks {
		capabilities = `{"elicitation":{}}`
	}
	request := p.request(at, strings.Replace(body, `"arguments"`, more+`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
		`"io.modelcontextprotocol/clientCapabilities":`+capabilities+`},"arguments"`, 1))
	request.Header.Set("Mcp-Protocol-Version", "2026-07-28")
	request.Header.Set("Mcp-Method", "tools/call")
	request.Header.Set("Mcp-Name", tool)
	return request
}

// create makes an identity of the caller's and returns its uuid.
func (p *peer) create(at int, name string) string {
	p.t.Helper()
	got := p.call(at, "create_identity", fmt.Sprintf(`{"name":%q}`, name))
	require.Empty(p.t, got.code, got.body)
	identity, _ := got.result["identity"].(map[string]any)
	require.NotEmpty(p.t, identity["uuid"], got.body)
	return fmt.Sprint(identity["uuid"])
}

// phone is the number of an identity.
func (r *replicas) phone(name string) string {
	r.t.Helper()
	for _, i := range r.ravi.Server.Identities() {
		if i.Name == name {
			return i.Phone
		}
	}
	require.Fail(r.t, "no such identity", name)
	return ""
}
