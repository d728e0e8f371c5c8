package http_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ravi-mcp/internal/test/jsonrpctest"
)

// eventStream is the stream of an SSE client.
type eventStream struct {
	t        testing.TB
	a        *agent
	response *http.Response
	lines    *bufio.Scanner
	leave    context.CancelFunc
	endpoint string
}

// stream opens one; the agent's posts go to the endpoint that it names.
func (a *agent) stream() *eventStream {
	a.e.t.Helper()
	return a.streamAt("/sse")
}

func (a *agent) streamAt(path string) *eventStream {
	t := a.e.t
	t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	response, err := a.client.Do(a.request(ctx, http.MethodGet, path, ""))
	require.NoError(t, err)
	t.Cleanup(func() {
		leave()
		response.Body.Close()
	})
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	s := &eventStream{t: t, a: a, response: response, lines: bufio.NewScanner(response.Body), leave: leave}
	s.lines.Buffer(nil, 4<<20)
	event, data := s.next()
	require.Equal(t, "endpoint", event)
	s.endpoint = data
	return s
}

// next returns the next event.
func (s *eventStream) next() (event, data string) {
	s.t.Helper()
	for s.lines.Scan() {
		switch line := s.lines.Text(); {
		case strings.HasPrefix(line, "event: "):
			event = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			data = line[len("data: "):]
		case line == "" && event != "":
			return event, data
		}
	}
	return "", ""
}

func (s *eventStream) post(body string) reply {
	s.t.Helper()
	return s.a.do(s.a.request(context.Background(), http.MethodPost, s.endpoint, body))
}

// ask posts a request and returns the messages up to its answer.
func (s *eventStream) ask(body string) []string {
	s.t.Helper()
	r := s.post(body)
	require.Equal(s.t, http.StatusAccepted, r.status, r.body)
	var all []string
	for {
		event, data := s.next()
		require.Equal(s.t, "message", event)
		all = append(all, data)
		var m struct{ ID json.RawMessage }
		require.NoError(s.t, json.Unmarshal([]byte(data), &m))
		if m.ID != nil {
			return all
		}
	}
}

const sseInitialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"tester","version":"1"}}}`

func TestLibraryClientSpeaksSSE(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	c, err := mcpclient.NewSSEMCPClient(e.url + "/sse")
	require.NoError(t, err)
	defer c.Close()
	play(t, e, c)
}

func TestSSESessionEndsWithItsStream(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	one, two := e.agent("").stream(), e.agent("").stream()
	for _, s := range []*eventStream{one, two} {
		assert.Contains(t, s.ask(sseInitialize)[0], `"protocolVersion":"2024-11-05"`)
	}
	require.Equal(t, 2, e.sessions.Len())
	one.ask(one.a.message("create_identity", `{"name":"first"}`, ""))
	assert.Contains(t, one.ask(one.a.message("get_identity", `{}`, ""))[0], "first")
	assert.Contains(t, two.ask(two.a.message("get_identity", `{}`, ""))[0], "identity_required")

	pretty := "{\n  \"jsonrpc\": \"2.0\",\r\n  \"id\": 77,\n  \"method\": \"ping\"\n}"
	assert.Contains(t, one.ask(pretty)[0], `"id":77`, "line breaks in a post are no ends of messages")

	one.leave()
	for e.sessions.Len() > 1 { // the server has to notice
		two.ask(`{"jsonrpc":"2.0","id":5,"method":"ping"}`)
	}
	assert.Equal(t, http.StatusNotFound, one.post(`{"jsonrpc":"2.0","id":1,"method":"ping"}`).status)
}

// docs/mcp-go.md#trap-20: the work of a client that has gone ends.
func TestClosingAnSSEStreamEndsItsCalls(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	running, ended := make(chan struct{}, 50), make(chan struct{}, 50)
	e := serve(t, func(e *endpoint) {
		s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(false))
		s.AddTool(mcp.NewTool("work"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			running <- struct{}{}
			<-ctx.Done()
			ended <- struct{}{}
			return nil, ctx.Err()
		})
		e.MCP = s
	})
	s := e.agent("").stream()
	s.ask(sseInitialize)
	for range 20 {
		require.Equal(t, http.StatusAccepted, s.post(s.a.message("work", `{}`, "")).status)
		<-running
	}
	s.leave()
	for range 20 {
		<-ended
	}
	e.stop()
	require.NoError(t, <-e.ended)
	e.ended <- nil
	e.hub.Close()
	s.response.Body.Close()
	s.a.client.CloseIdleConnections()
}

// T3 and H3 for SSE: the id in the URL opens nothing to another caller.
func TestSSEStreamTakesMessagesOfItsCallerOnly(t *testing.T) {
	t.Parallel()
	e := guarded(t)
	alice := e.agent(aliceToken).stream()
	alice.ask(sseInitialize)
	thief := e.agent(bobToken)
	stolen := thief.do(thief.request(t.Context(), http.MethodPost, alice.endpoint, `{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	assert.Equal(t, http.StatusNotFound, stolen.status)
	madeUp := thief.do(thief.request(t.Context(), http.MethodPost, "/message?sessionId="+strings.Repeat("A", 43), `{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	assert.Equal(t, madeUp.body, stolen.body)
	thief.token = ""
	assert.Equal(t, http.StatusUnauthorized, thief.do(thief.request(t.Context(), http.MethodPost, alice.endpoint, `{}`)).status)

	// Nor does it open the other transport, nor the other way round.
	_, id, _ := strings.Cut(alice.endpoint, "sessionId=")
	streamable := e.open(aliceToken)
	assert.Equal(t, http.StatusNotFound, alice.a.do(alice.a.request(t.Context(), http.MethodPost, "/message?sessionId="+streamable.session, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)).status)
	thief.token, thief.session = bobToken, id
	assert.Equal(t, http.StatusNotFound, thief.post(`{"jsonrpc":"2.0","id":1,"method":"ping"}`).status)
}

func TestSSEWaitReportsProgressAndEndsOnShutdown(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	s := e.agent("").stream()
	s.ask(sseInitialize)
	created := s.ask(s.a.message("create_identity", `{"name":"main"}`, ""))
	require.Contains(t, created[0], `"cursor"`)
	require.Equal(t, http.StatusAccepted, s.post(s.a.message("wait_for_otp", `{"timeout_seconds":50}`, `"progressToken":"p"`)).status)
	_, data := s.next()
	assert.Contains(t, data, `"progressToken":"p"`)
	e.stop()
	for {
		event, data := s.next()
		require.NotEmpty(t, event, "the stream ended without the answer")
		if strings.Contains(data, `"id":2`) {
			assert.Contains(t, data, "server_shutting_down")
			assert.Contains(t, data, `"status":"pending"`)
			break
		}
	}
	event, _ := s.next()
	assert.Empty(t, event, "and then it ended")
}

// The stream of a gateway has several agents behind it, from the start.
func TestSharedSSEStreamIgnoresCancellation(t *testing.T) {
	t.Parallel()
	started, finish, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	e := serve(t, func(e *endpoint) {
		s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(false))
		s.AddTool(mcp.NewTool("work"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			close(started)
			<-finish
			ended <- ctx.Err()
			return mcp.NewToolResultText("done"), nil
		})
		e.MCP, e.Anyone.Shared = s, true
	})
	s := e.agent("").stream()
	s.ask(sseInitialize)
	require.Equal(t, http.StatusAccepted, s.post(s.a.message("work", `{}`, "")).status)
	<-started
	require.Equal(t, http.StatusAccepted, s.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`).status)
	close(finish)
	require.NoError(t, <-ended)
	_, data := s.next()
	assert.Contains(t, data, "done")
}

func TestSSECanBeDisabled(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) { e.NoSSE = true })
	a := e.agent("")
	assert.Equal(t, http.StatusNotFound, a.do(a.request(t.Context(), "GET", "/sse", "")).status)
	assert.Equal(t, http.StatusNotFound, a.do(a.request(t.Context(), "POST", "/message?sessionId=x", "{}")).status)
}

func TestSSEMessagesPassTheGuard(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	s := e.agent("").stream()
	for _, bad := range jsonrpctest.BadMessages() {
		assert.Equal(t, http.StatusBadRequest, s.post(bad.Raw).status, bad.Name)
	}
	assert.Equal(t, http.StatusRequestEntityTooLarge, s.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"%s"}`, strings.Repeat("x", 2<<20))).status)
	assert.Equal(t, http.StatusMethodNotAllowed, s.a.do(s.a.request(t.Context(), "GET", s.endpoint, "")).status)
	assert.Equal(t, http.StatusMethodNotAllowed, s.a.do(s.a.request(t.Context(), "POST", "/sse", "{}")).status)
}

// stuckStream is the stream of a client that has gone: the write of an answer takes a while, and
// fails.
type stuckStream struct {
	*httptest.ResponseRecorder
	opened   chan string
	writing  chan struct{}
	returned chan struct{} // closed when the handler has returned
	outlived chan bool     // whether the write ended after that
}

func (s *stuckStream) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), "event: endpoint") {
		s.opened <- string(p)
		return len(p), nil
	}
	close(s.writing)
	select {
	case <-s.returned:
		s.outlived <- true
	case <-time.After(200 * time.Millisecond):
		s.outlived <- false
	}
	return 0, net.ErrClosed
}

// net/http finishes a response as soon as its handler returns.
func TestNoWriteOutlivesTheSSEHandler(t *testing.T) {
	h := newDirectEndpoint(t, 0)
	defer h.close()
	ctx, leave := context.WithCancel(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}))
	defer leave()
	s := &stuckStream{httptest.NewRecorder(), make(chan string, 1), make(chan struct{}), make(chan struct{}), make(chan bool, 1)}
	go func() {
		defer close(s.returned)
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://ravi.test/sse", nil)
		r.Header.Set("Accept", "text/event-stream")
		h.Handler().ServeHTTP(s, r)
	}()
	_, endpoint, _ := strings.Cut(<-s.opened, "data: ")
	post := httptest.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, "http://ravi.test"+strings.TrimSpace(endpoint),
		strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	post.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, post)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	<-s.writing
	leave()
	assert.False(t, <-s.outlived)
	<-s.returned
}
