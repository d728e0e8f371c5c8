package http_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/sandbox"
)

const byteOrderMark = "\xef\xbb\xbf"

// Encoders of .NET and PowerShell begin with it.
func TestByteOrderMarkIsSkipped(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for name, a := range map[string]*agent{"a session": e.open(""), "2026-07-28": e.newest("")} {
		got := a.post(byteOrderMark + a.message("list_identities", `{}`, ""))
		assert.Equal(t, http.StatusOK, got.status, "%s: %s", name, got.body)
	}
	s := e.agent("").stream()
	assert.Contains(t, s.ask(byteOrderMark + sseInitialize)[0], `"protocolVersion"`)
	assert.Equal(t, -32700, e.open("").post(byteOrderMark+byteOrderMark+`{}`).code(t), "one of them")
}

func TestAnswerHasTheAcceptedForm(t *testing.T) {
	t.Parallel()
	e := withTool(t, reportsOnce)
	for _, c := range []struct {
		accept   []string
		messages int
		form     string
	}{
		{[]string{"application/json, text/event-stream"}, 2, "text/event-stream"},
		{[]string{"text/event-stream", "application/json"}, 2, "text/event-stream"},
		{[]string{"TEXT/Event-Stream;q=0.1,application/*"}, 2, "text/event-stream"},
		{[]string{"text/event-stream"}, 2, "text/event-stream"},
		{[]string{"application/json"}, 1, "application/json"},
		{[]string{"application/json, text/plain, */*"}, 1, "application/json"},
		{[]string{"*/*"}, 1, "application/json"},
		{[]string{"text/html"}, 1, "application/json"},
		{[]string{"application/json, text/event-stream;q=0"}, 1, "application/json"},
		{[]string{"application/json, text/event-stream; q=0.000"}, 1, "application/json"},
		{[]string{""}, 1, "application/json"},
		{nil, 1, "application/json"},
	} {
		for name, a := range map[string]*agent{"a session": e.open(""), "2026-07-28": e.newest("")} {
			r := a.request(t.Context(), http.MethodPost, "/mcp", a.message("work", `{}`, `"progressToken":1`))
			r.Header["Accept"] = c.accept
			got := a.do(r)
			require.Equal(t, http.StatusOK, got.status, "%s %q", name, c.accept)
			assert.Equal(t, c.form, got.header.Get("Content-Type"), "%s %q", name, c.accept)
			assert.Len(t, got.messages, c.messages, "%s %q", name, c.accept)
		}
	}
	a := e.agent("")
	for _, path := range []string{"/mcp", "/sse"} {
		r := a.request(t.Context(), http.MethodGet, path, "")
		r.Header.Set("Accept", "application/json")
		assert.Equal(t, http.StatusNotAcceptable, a.do(r).status, path)
	}
}

// A client that takes events only, as a hosted one's proxy does, gets every answer as one.
func TestEventsAloneAreEnough(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	a := e.agent("")
	a.header.Set("Accept", "text/event-stream")
	got := a.post(sseInitialize)
	require.Equal(t, http.StatusOK, got.status, got.body)
	assert.Equal(t, "text/event-stream", got.header.Get("Content-Type"))
	a.session = got.header.Get("Mcp-Session-Id")
	require.NotEmpty(t, a.session)
	assert.Equal(t, http.StatusAccepted, a.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`).status)
	listed := a.post(a.message("list_identities", `{}`, ""))
	require.Len(t, listed.messages, 1, listed.body)
	assert.NotEmpty(t, listed.outcome(t).StructuredContent)
}

// No client is asked that could not be told the question.
func TestQuestionNeedsAnEventStream(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	e.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "existing"})
	a := e.agent("")
	a.header.Set("Accept", "application/json")
	a.session = a.post(strings.Replace(sseInitialize, `"capabilities":{}`, `"capabilities":{"elicitation":{}}`, 1)).header.Get("Mcp-Session-Id")
	began := time.Now()
	denied := a.call("delete_identity", `{"identity":"existing"}`)
	assert.Equal(t, "denied", denied.failure(t))
	assert.Contains(t, denied.Content[0].Text, `"impossible"`)
	assert.Less(t, time.Since(began), 30*time.Second, "at once, and not when the question would have ended")
}

func TestSlashAtTheEndIsServed(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	a := e.agent("")
	got := a.do(a.request(t.Context(), http.MethodPost, "/mcp/", sseInitialize))
	require.Equal(t, http.StatusOK, got.status, "and not sent elsewhere")
	a.session = got.header.Get("Mcp-Session-Id")
	assert.Equal(t, http.StatusNoContent, a.do(a.request(t.Context(), http.MethodDelete, "/mcp/", "")).status)
	a.session = ""
	s := a.streamAt("/sse/")
	s.endpoint = strings.Replace(s.endpoint, "/message?", "/message/?", 1)
	assert.Contains(t, s.ask(sseInitialize)[0], `"protocolVersion"`)
}

func TestInitializeNegotiatesByItsBody(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for _, version := range []string{"2026-07-28", "2027-01-01", "DRAFT-2026-v1", "2020-01-01", "1.0", "2024-11-05"} {
		a := e.agent("")
		a.header.Set("Mcp-Protocol-Version", version)
		got := a.post(strings.Replace(sseInitialize, "2024-11-05", "2025-06-18", 1))
		require.Equal(t, http.StatusOK, got.status, "%s: %s", version, got.body)
		assert.Contains(t, got.body, `"protocolVersion":"2025-06-18"`, version)
		a.session = got.header.Get("Mcp-Session-Id")
		want := http.StatusBadRequest
		if mcp.IsValidProtocolVersion(version) { // the one that it asked for, and not the one that it got
			want = http.StatusOK
		}
		assert.Equal(t, want, a.post(a.message("list_identities", `{}`, "")).status, version)
	}
}

// The client of a stream behind a proxy posts where the proxy is.
func TestEndpointEventHasThePublicPrefix(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) {
		e.Public = []*url.URL{publicURL(t, "https://mcp.example.com/ravi/")}
		hosts, _ := mcphttp.PublicNames(e.Public[0])
		e.Hosts = append(e.Hosts, hosts...)
	})
	for _, path := range []string{"/sse", "/ravi/sse", "/ravi/sse/"} { // the proxy takes the prefix off, or not
		a := e.agent("")
		a.host = "mcp.example.com"
		s := a.streamAt(path)
		assert.True(t, strings.HasPrefix(s.endpoint, "/ravi/message?sessionId="), s.endpoint)
		assert.Contains(t, s.ask(sseInitialize)[0], `"protocolVersion"`)
	}
	assert.True(t, strings.HasPrefix(e.agent("").stream().endpoint, "/message?"), "without the proxy there is no prefix")
}

// length is a body with its length, and hexLength one as a chunk.
func length(body string) string {
	return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

func hexLength(body string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(body), body) }

func reportsOnce(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	_ = server.Progress(ctx).Report(ctx, 1, 2, "half")
	return mcp.NewToolResultText("done"), nil
}

// What public clients and programs between them and the server send, and nothing is to refuse.
func TestHarmlessOddityIsServed(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	head := "POST /mcp HTTP/1.1\r\nHost: " + e.addr + "\r\nConnection: close\r\nContent-Type: application/json\r\n"
	chunk := "4\r\n" + sseInitialize[:4] + "\r\n"
	for name, message := range map[string]string{
		"an empty session":        head + "Mcp-Session-Id:\r\n" + length(sseInitialize),
		"a session of yesterday":  head + "mcp-session-id: 0123456789\r\n" + length(sseInitialize),
		"a line break at the end": head + length(sseInitialize+"\r\n \n"),
		"Expect":                  head + "Expect: 100-continue\r\n" + length(sseInitialize),
		"Upgrade of Java":         strings.Replace(head, "close", "Upgrade, HTTP2-Settings", 1) + "Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAA\r\n" + length(sseInitialize),
		"chunks":                  head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + hexLength(sseInitialize[4:]) + "0\r\n\r\n",
	} {
		status := e.raw(message)
		assert.Contains(t, []int{http.StatusOK, http.StatusContinue}, status, name)
	}
}

// The id in a cancellation of one agent behind a gateway may be that of another's call. Any of the
// clients of a shared session may send DELETE, and the others are in it.
func TestSharedSessionOutlivesDelete(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{true, false} {
		e := serve(t, func(e *endpoint) { e.Anyone.Shared = shared })
		a := e.open("")
		status := a.do(a.request(t.Context(), http.MethodDelete, "/mcp", "")).status
		after := a.post(a.message("echo", `{"text":"x"}`, "")).status
		assert.Equal(t, map[bool][]int{true: {405, 200}, false: {204, 404}}[shared], []int{status, after})
	}
}

func TestSharedSessionIgnoresCancellation(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{true, false} {
		started, finish := make(chan struct{}), make(chan struct{})
		e := serve(t, func(e *endpoint) {
			s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(false))
			s.AddTool(mcp.NewTool("work"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				close(started)
				select {
				case <-finish:
					return mcp.NewToolResultText("done"), nil
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			})
			e.MCP, e.Anyone.Shared = s, shared
		})
		a := e.open("")
		body, answered := a.message("work", `{}`, ""), make(chan reply)
		go func() { answered <- a.post(body) }()
		<-started
		assert.Equal(t, http.StatusAccepted, a.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`).status)
		var got reply
		if !shared {
			got = <-answered // cancelled
		}
		close(finish)
		if shared {
			got = <-answered
		}
		assert.Equal(t, shared, strings.Contains(got.body, "done"), "%v: %s", shared, got.body)
	}
}
