package tools_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/inbox"
	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/stdio"
	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/token"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/schemas"
	"ravi-mcp/session"
	"ravi-mcp/tools"
	"ravi-mcp/tools/tool"
)

// system is one Ravi with everything behind a server, to which any number of clients connect over
// the real stdio transport. Nothing of it is faked but Ravi, which is the sandbox.
type system struct {
	t       *testing.T
	ravi    *sandboxtest.Instance
	account *session.Account
	store   *session.Memory
	hub     *inbox.Hub
	deps    *tool.Deps
	log     harness.Output
	sealer  *token.Sealer

	readOnly bool
	// through stands before Ravi, if it is set.
	through func(http.RoundTripper) http.RoundTripper
	// configure changes the configuration of the servers that clients connect to.
	configure func(*server.Config)
}

func newSystem(t *testing.T, cfg sandbox.Config) *system {
	t.Helper()
	h := &system{t: t, ravi: sandboxtest.Memory(t, cfg), store: &session.Memory{}, sealer: token.Random()}
	h.build(func() (*ravi.Client, error) { return h.connectRavi(h.credentials()) })
	return h
}

func (h *system) connectRavi(c config.Credentials) (*ravi.Client, error) {
	transport := h.ravi.Server.RoundTripper()
	if h.through != nil {
		transport = h.through(transport)
	}
	return harness.RaviClient(h.ravi, ravi.Config{Credentials: c, Transport: transport, Logger: zerolog.New(&h.log)})
}

func (h *system) credentials() config.Credentials { return harness.Credentials(h.ravi) }

func (h *system) build(connect func() (*ravi.Client, error)) {
	s := harness.NewSystem(h.t, harness.SystemConfig{
		Connect: connect, Store: h.store, Inbox: inbox.Config{Sealer: h.sealer, Logger: zerolog.New(&h.log)},
	})
	h.account, h.hub, h.deps = s.Account, s.Inbox, s.Deps
}

// agent is one client with a session of its own.
type agent struct {
	t      testing.TB
	in     *io.PipeWriter
	served chan error
	stop   context.CancelFunc
	modern bool
	// capabilities are what the client declares, as JSON.
	capabilities string
	// session is the id of a session that others connect to as well; "" is one of its own.
	session string
	// person answers the questions of a server, in protocols where it asks; an empty answer is
	// none.
	person func(question json.RawMessage) string

	// outputs are the schemas of results, by tool.
	outputs map[string]*schemas.Schema

	mu      sync.Mutex
	next    int
	answers map[string]chan json.RawMessage
	called  map[string]string // by id of the request, the tool
	notes   []json.RawMessage
	wire    harness.Output
}

// connect gives a caller a client. It ends with the test.
func (h *system) connect(caller *session.Caller) *agent {
	return h.connectEra(caller, false)
}

// connectModern is connect for protocol 2026-07-28, which has no sessions.
func (h *system) connectModern(caller *session.Caller) *agent {
	return h.connectEra(caller, true)
}

func (h *system) connectEra(caller *session.Caller, modern bool) *agent {
	h.t.Helper()
	return h.connectAs(caller, &agent{modern: modern, capabilities: "{}"})
}

// connectAs connects an agent that says what it can do.
func (h *system) connectAs(caller *session.Caller, a *agent) *agent {
	h.t.Helper()
	cfg := server.Config{Version: "test", Deps: h.deps, ReadOnly: h.readOnly, Toolsets: append(tool.DefaultToolsets(), tool.SetExtra), Log: zerolog.New(&h.log).Level(zerolog.DebugLevel)}
	if h.configure != nil {
		h.configure(&cfg)
	}
	s, err := server.New(cfg)
	require.NoError(h.t, err)
	in, feed := io.Pipe()
	drain, out := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	a.t, a.in, a.stop = h.t, feed, stop
	a.served, a.answers = make(chan error, 1), map[string]chan json.RawMessage{}
	a.called, a.outputs = map[string]string{}, map[string]*schemas.Schema{}
	all, err := tools.All(cfg.Deps)
	require.NoError(h.t, err)
	for _, one := range all {
		a.outputs[one.Name] = one.Output
	}
	context := stdio.Local(caller)
	if a.session != "" {
		context = stdio.InSession(session.Call{Caller: caller, Shared: caller.Shared, Session: a.session})
	}
	transport := stdio.Server{MCP: s.Server, Dispatcher: s.Dispatcher, In: in, Out: out, Log: zerolog.New(&h.log), Context: context}
	go func() {
		a.served <- transport.Serve(ctx)
		_ = out.Close()
	}()
	done := make(chan struct{})
	go func() { defer close(done); a.listen(drain) }()
	h.t.Cleanup(func() {
		_ = feed.Close()
		assert.NoError(h.t, <-a.served)
		stop()
		<-done
	})
	if !a.modern {
		a.request("initialize", `{"protocolVersion":"2025-11-25","capabilities":`+a.capabilities+`,"clientInfo":{"name":"story","version":"1"}}`)
	}
	return a
}

func local(patterns ...string) *session.Caller {
	return &session.Caller{Name: session.LocalCaller, Rights: session.Rights{Identities: patterns}}
}

func (a *agent) listen(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		line := bytes.Clone(lines.Bytes())
		_, _ = a.wire.Write(append(line, '\n'))
		var m struct {
			ID     json.RawMessage
			Method string
			Params json.RawMessage
			Result struct{ StructuredContent json.RawMessage }
		}
		_ = json.Unmarshal(line, &m)
		if m.Method == "elicitation/create" {
			a.answer(m.ID, m.Params)
			continue
		}
		a.mu.Lock()
		if ch := a.answers[string(m.ID)]; ch != nil {
			a.validate(a.called[string(m.ID)], m.Result.StructuredContent)
			ch <- line
		} else {
			a.notes = append(a.notes, line)
		}
		a.mu.Unlock()
	}
}

// validate compares a result with the output schema of its tool, as clients do, which throw one
// away that does not fit.
func (a *agent) validate(tool string, structured json.RawMessage) {
	if tool == "" || structured == nil {
		return
	}
	problems, err := a.outputs[tool].Validate(structured)
	assert.NoError(a.t, err, tool)
	assert.Empty(a.t, problems, "%s: %s", tool, structured)
}

// answer lets the person answer a question of the server.
func (a *agent) answer(id, question json.RawMessage) {
	if answer := a.person(question); answer != "" {
		_, err := fmt.Fprintf(a.in, `{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", id, answer)
		assert.NoError(a.t, err)
	}
}

// request sends a request and returns its whole answer.
func (a *agent) request(method, params string) json.RawMessage {
	a.t.Helper()
	answer, _ := a.begin(method, params)
	return <-answer
}

// begin sends a request and returns where its answer will be, and its id.
func (a *agent) begin(method, params string) (<-chan json.RawMessage, string) {
	a.t.Helper()
	a.mu.Lock()
	a.next++
	id := fmt.Sprint(a.next)
	ch := make(chan json.RawMessage, 1)
	a.answers[id] = ch
	if method == "tools/call" {
		var call struct{ Name string }
		_ = json.Unmarshal([]byte(params), &call)
		a.called[id] = call.Name
	}
	a.mu.Unlock()
	if a.modern {
		meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` + a.capabilities + `}`
		params = strings.TrimSuffix(params, "}") + map[bool]string{true: "", false: ","}[params == "{}"] + meta + "}"
	}
	_, err := fmt.Fprintf(a.in, `{"jsonrpc":"2.0","id":%s,"method":"%s","params":%s}`+"\n", id, method, params)
	require.NoError(a.t, err)
	return ch, id
}

// result is a tool's result as a client sees it.
type result struct {
	IsError           bool                                        `json:"isError"`
	StructuredContent json.RawMessage                             `json:"structuredContent"`
	Content           []struct{ Type, Text string }               `json:"content"`
	Meta              map[string]json.RawMessage                  `json:"_meta"`
	ResultType        string                                      `json:"resultType"`
	RequestState      string                                      `json:"requestState"`
	InputRequests     map[string]struct{ Params json.RawMessage } `json:"inputRequests"`
	raw               json.RawMessage
}

type args map[string]any

// call calls a tool and returns its result, whatever it is.
func (a *agent) call(tool string, arguments args) result {
	a.t.Helper()
	answer, _ := a.beginCall(tool, arguments)
	return parse(a.t, <-answer)
}

func (a *agent) beginCall(tool string, arguments args) (<-chan json.RawMessage, string) {
	a.t.Helper()
	return a.beginCallWith(tool, arguments, "")
}

// beginCallWith is beginCall with more members of params, each after a comma.
func (a *agent) beginCallWith(tool string, arguments args, more string) (<-chan json.RawMessage, string) {
	a.t.Helper()
	if arguments == nil {
		arguments = args{}
	}
	raw, err := json.Marshal(arguments)
	require.NoError(a.t, err)
	return a.begin("tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s%s}`, tool, raw, more))
}

func parse(t testing.TB, answer json.RawMessage) result {
	t.Helper()
	var m struct {
		Result json.RawMessage
		Error  json.RawMessage
	}
	require.NoError(t, json.Unmarshal(answer, &m))
	require.Empty(t, m.Error, "a protocol error in place of a result: %s", m.Error)
	r := result{raw: answer}
	require.NoError(t, json.Unmarshal(m.Result, &r))
	return r
}

// ok decodes the structured content of a result that must not be an error.
func ok[T any](t testing.TB, r result) T {
	t.Helper()
	var v T
	require.False(t, r.IsError, "%v", r.Content)
	require.NoError(t, json.Unmarshal(r.StructuredContent, &v))
	return v
}

// refused returns the error object of a result that must be one, after checks of what holds for
// every error.
func refused(t testing.TB, r result) fault.Body {
	t.Helper()
	require.True(t, r.IsError, "%s", r.StructuredContent)
	require.Empty(t, r.StructuredContent, "clients validate structured content against the output schema")
	require.Len(t, r.Content, 1)
	var body fault.Body
	require.NoError(t, json.Unmarshal([]byte(r.Content[0].Text), &body))
	require.JSONEq(t, r.Content[0].Text, string(r.Meta["ravi-mcp/error"]))
	require.Contains(t, fault.Codes(), body.Code)
	require.NotEmpty(t, body.Message)
	require.NotEmpty(t, body.Hint)
	return body
}

func (h *system) sms(to, from, body string) {
	h.t.Helper()
	_, err := h.ravi.Server.DeliverSMS(sandbox.SMS{To: to, From: from, Body: body})
	require.NoError(h.t, err)
}

func (h *system) mail(to, from, subject, text, html string) {
	h.t.Helper()
	_, err := h.ravi.Server.DeliverEmail(sandbox.Email{To: to, From: from, Subject: subject, Text: text, HTML: html})
	require.NoError(h.t, err)
}
