package http_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/internal/server"
	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/internal/test/harness"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// endpoint is a remote endpoint on a real socket, with everything behind it; only Ravi is the
// sandbox.
type endpoint struct {
	*mcphttp.Server
	t        testing.TB
	ravi     *sandboxtest.Instance
	sessions *session.Sessions
	store    *session.Memory
	hub      *inbox.Hub
	// folders are the Ravis of callers with an account of their own, by ravi_config_dir.
	folders map[string]*sandboxtest.Instance
	metrics *server.Metrics
	deps    *tool.Deps
	log     harness.Output
	url     string
	addr    string
	dial    dialFunc // nil: sockets
	stop    context.CancelFunc
	ended   chan error
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// The tokens of the callers alice and bob.
const (
	aliceToken = "rmcp_alice-CANARY-0123456789-0123456789"
	bobToken   = "rmcp_bob-CANARY-01234567890-01234567890"
)

// twoCallers is a callers file with two callers whose identities do not overlap.
func twoCallers() string {
	return fmt.Sprintf("[[caller]]\nname = \"alice\"\ntoken_sha256 = %q\nidentities = [\"alice-*\"]\n\n"+
		"[[caller]]\nname = \"bob\"\ntoken_sha256 = %q\nidentities = [\"bob-*\"]\n",
		session.HashToken(aliceToken), session.HashToken(bobToken))
}

func writeFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "callers.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func loadCallers(t testing.TB, text string) *session.Callers {
	t.Helper()
	callers, err := session.LoadCallers(writeFile(t, text), []string{"identity", "inbox", "credentials", "secrets"})
	require.NoError(t, err)
	return callers
}

// serve starts an endpoint; adjust changes it before.
func serve(t testing.TB, adjust func(*endpoint)) *endpoint {
	t.Helper()
	return serveTraced(t, nil, adjust)
}

// serveTraced is serve with a tracer.
func serveTraced(t testing.TB, tracer *server.Tracer, adjust func(*endpoint)) *endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return serveOn(t, l, nil, tracer, adjust)
}

// serveInMemory is serve without sockets, for a synctest bubble.
func serveInMemory(t testing.TB, adjust func(*endpoint)) *endpoint {
	t.Helper()
	n := newMemoryNet()
	return serveOn(t, n, n.dial, nil, adjust)
}

func serveOn(t testing.TB, l net.Listener, dial dialFunc, tracer *server.Tracer, adjust func(*endpoint)) *endpoint {
	t.Helper()
	e := &endpoint{t: t, dial: dial, ravi: sandboxtest.Memory(t, sandbox.Config{}), store: &session.Memory{}, ended: make(chan error, 1)}
	e.metrics = server.NewMetrics("test")
	log := zerolog.New(&e.log).Level(zerolog.DebugLevel)
	connect := func(to *sandboxtest.Instance) (*ravi.Client, error) {
		return harness.RaviClient(to, ravi.Config{Logger: log, Observe: func(ctx context.Context, r ravi.Request) {
			e.metrics.Ravi(r)
			tracer.Ravi(ctx, r)
		}})
	}
	system := harness.NewSystem(t, harness.SystemConfig{
		Connect: func() (*ravi.Client, error) { return connect(e.ravi) },
		ConnectFolder: func(folder string) (*ravi.Client, error) {
			if e.folders[folder] == nil {
				return nil, config.ErrNoCredentials
			}
			return connect(e.folders[folder])
		},
		Store: e.store,
		Inbox: inbox.Config{Logger: log, ProgressEvery: 20 * time.Millisecond, Observe: e.metrics.Wait},
	})
	e.hub, e.deps = system.Inbox, system.Deps
	e.metrics.Inbox(e.hub.Stats)
	e.sessions = &session.Sessions{}
	s, err := server.New(server.Config{Version: "test", Reveals: server.NewReveals(-1), Metrics: e.metrics, Tracer: tracer, Log: log, Deps: e.deps})
	require.NoError(t, err)
	e.addr = l.Addr().String()
	e.url = "http://" + e.addr
	hosts, origins := mcphttp.LocalNames(l.Addr(), false)
	e.Server = &mcphttp.Server{
		MCP: s.Server, Dispatcher: s.Dispatcher, Sessions: e.sessions, Anyone: &session.Caller{Name: session.LocalCaller},
		Hosts: hosts, Origins: origins, Metrics: e.metrics, Tracer: tracer, Log: log, Drain: e.hub.Shutdown,
	}
	e.sessions.OnEnd = func(key session.Key) {
		_ = e.store.EndSession(context.Background(), key)
		e.SessionEnded(key)
	}
	if adjust != nil {
		adjust(e)
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	go func() { e.ended <- e.Serve(ctx, []net.Listener{l}, nil) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		assert.NoError(t, <-e.ended)
		e.ended <- nil
		system.Close()
	})
	return e
}

// httpClient returns a client with connections of its own.
func (e *endpoint) httpClient() *http.Client {
	transport := &http.Transport{DialContext: e.dial}
	e.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// agent is one client of the endpoint, which speaks plain HTTP so that it can do what no proper
// client would.
type agent struct {
	e       *endpoint
	token   string
	session string
	modern  bool
	host    string // "": that of the URL
	header  http.Header
	next    int
	client  *http.Client
}

func (e *endpoint) agent(token string) *agent {
	return &agent{e: e, token: token, header: http.Header{}, client: e.httpClient()}
}

// open is an agent with a session.
func (e *endpoint) open(token string) *agent {
	e.t.Helper()
	a := e.agent(token)
	r := a.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"tester","version":"1"}}}`)
	require.Equal(e.t, http.StatusOK, r.status, r.body)
	a.session = r.header.Get("Mcp-Session-Id")
	require.NotEmpty(e.t, a.session)
	require.Equal(e.t, http.StatusAccepted, a.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`).status)
	return a
}

// newest is an agent of protocol 2026-07-28, which has no session.
func (e *endpoint) newest(token string) *agent {
	a := e.agent(token)
	a.modern = true
	return a
}

// reply is an HTTP answer, and the JSON-RPC messages in it.
type reply struct {
	status   int
	header   http.Header
	body     string
	messages []json.RawMessage
}

// request is an HTTP request as a proper client makes it.
func (a *agent) request(ctx context.Context, method, path, body string) *http.Request {
	a.e.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, a.e.url+path, strings.NewReader(body))
	require.NoError(a.e.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", "application/json, text/event-stream")
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	if a.session != "" {
		r.Header.Set("Mcp-Session-Id", a.session)
		r.Header.Set("Mcp-Protocol-Version", "2025-11-25")
	}
	maps.Copy(r.Header, a.header)
	r.Host = a.host
	return r
}

// do sends a request and reads the whole answer.
func (a *agent) do(r *http.Request) reply {
	a.e.t.Helper()
	response, err := a.client.Do(r)
	require.NoError(a.e.t, err)
	return read(a.e.t, response)
}

func read(t testing.TB, response *http.Response) reply {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	out := reply{status: response.StatusCode, header: response.Header, body: string(body)}
	if response.Header.Get("Content-Type") == "text/event-stream" {
		for line := range bytes.Lines(body) {
			if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
				out.messages = append(out.messages, json.RawMessage(bytes.TrimSpace(data)))
			}
		}
	} else if len(body) > 0 {
		out.messages = []json.RawMessage{bytes.TrimSpace(body)}
	}
	return out
}

func (a *agent) post(body string) reply {
	a.e.t.Helper()
	return a.do(a.request(context.Background(), http.MethodPost, "/mcp", body))
}

// message is the JSON of a tool call, and name the headers that 2026-07-28 wants with it.
func (a *agent) message(tool, arguments, meta string) string {
	a.next++
	if a.modern {
		a.header.Set("Mcp-Protocol-Version", "2026-07-28")
		a.header.Set("Mcp-Method", "tools/call")
		a.header.Set("Mcp-Name", tool)
		own := `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}`
		if meta != "" {
			own += ","
		}
		meta = own + meta
	}
	if meta != "" {
		meta = `,"_meta":{` + meta + `}`
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s%s}}`, a.next, tool, arguments, meta)
}

// outcome is a tool's result.
type outcome struct {
	IsError           bool                          `json:"isError"`
	StructuredContent json.RawMessage               `json:"structuredContent"`
	Content           []struct{ Type, Text string } `json:"content"`
}

// call calls a tool and returns its result.
func (a *agent) call(tool, arguments string) outcome {
	a.e.t.Helper()
	r := a.post(a.message(tool, arguments, ""))
	require.Equal(a.e.t, http.StatusOK, r.status, r.body)
	return r.outcome(a.e.t)
}

// outcome is the result in the last message of a reply.
func (r reply) outcome(t testing.TB) outcome {
	t.Helper()
	require.NotEmpty(t, r.messages, "status %d", r.status)
	var m struct {
		Result *outcome
		Error  json.RawMessage
	}
	require.NoError(t, json.Unmarshal(r.messages[len(r.messages)-1], &m), r.body)
	require.NotNil(t, m.Result, "no result: %s", r.body)
	return *m.Result
}

// code is the error code of a JSON-RPC answer, 0 for a result.
func (r reply) code(t testing.TB) int {
	t.Helper()
	var m struct{ Error struct{ Code int } }
	require.NotEmpty(t, r.messages, "status %d", r.status)
	require.NoError(t, json.Unmarshal(r.messages[len(r.messages)-1], &m), r.body)
	return m.Error.Code
}

// fields are the named members of a tool's structured content, as text.
func (o outcome) field(t testing.TB, path ...string) string {
	t.Helper()
	require.False(t, o.IsError, "%v", o.Content)
	raw := o.StructuredContent
	for _, name := range path {
		var object map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &object), "%s", raw)
		raw = object[name]
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	return text
}

// failure is the code of a tool's error.
func (o outcome) failure(t testing.TB) string {
	t.Helper()
	require.True(t, o.IsError, "%s", o.StructuredContent)
	var body struct{ Code string }
	require.NoError(t, json.Unmarshal([]byte(o.Content[0].Text), &body))
	return body.Code
}

func (e *endpoint) sms(to sandbox.IdentityInfo, text string) {
	e.t.Helper()
	_, err := e.ravi.Server.DeliverSMS(sandbox.SMS{To: to.Phone, From: "32665", Body: text})
	require.NoError(e.t, err)
}

// raw writes bytes to a connection of its own and returns the status line's code of what comes
// back.
func (e *endpoint) raw(head string) int {
	e.t.Helper()
	c, err := net.Dial("tcp", e.addr)
	require.NoError(e.t, err)
	defer c.Close()
	_, err = io.WriteString(c, head)
	require.NoError(e.t, err)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(e.t, err)
	defer r.Body.Close()
	return r.StatusCode
}

// parseResult is a result as the library's client has it.
func parseResult(t testing.TB, result any) outcome {
	t.Helper()
	raw, err := json.Marshal(result)
	require.NoError(t, err)
	var o outcome
	require.NoError(t, json.Unmarshal(raw, &o))
	return o
}
