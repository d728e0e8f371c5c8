package harness

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// HTTP is "ravi-mcp http" that serves.
type HTTP struct {
	*Process
	URL string // without a path

	t testing.TB
}

var endpointLine = regexp.MustCompile(`MCP endpoint at (https?://\S+)/mcp`)

// StartHTTP starts the program on a free port and waits until it serves.
func StartHTTP(t testing.TB, env []string, args ...string) *HTTP {
	t.Helper()
	return Serve(t, Command(t, env, append([]string{"http", "--addr", "127.0.0.1:0"}, args...)...))
}

// Serve starts a server and waits until it says where it serves.
func Serve(t testing.TB, cmd *exec.Cmd) *HTTP {
	t.Helper()
	p := Start(t, cmd)
	return &HTTP{Process: p, URL: p.WaitForLog(t, endpointLine)[1], t: t}
}

// At returns a server that is reached by another URL, as through a proxy. It has no process.
func At(t testing.TB, url string) *HTTP { return &HTTP{URL: url, t: t} }

// InitializeMessage opens a session of protocol 2025-11-25.
const InitializeMessage = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`

// ToolMessage is a call of a tool.
func ToolMessage(id int, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, id, tool, arguments)
}

// Request returns a request as a proper client makes it; token and session may be "".
func (h *HTTP) Request(method, path, token, session, body string) *http.Request {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), method, h.URL+path, strings.NewReader(body))
	require.NoError(h.t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json, text/event-stream")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if session != "" {
		request.Header.Set("Mcp-Session-Id", session)
	}
	return request
}

// Post posts a message to /mcp and returns the answer.
func (h *HTTP) Post(client *http.Client, token, session, body string) (*http.Response, string) {
	h.t.Helper()
	return Do(h.t, client, h.Request(http.MethodPost, "/mcp", token, session, body))
}

// Get returns the status and the body of a path, as "200 body".
func (h *HTTP) Get(path string) string {
	h.t.Helper()
	return Fetch(h.t, h.Request(http.MethodGet, path, "", "", ""))
}

// Fetch returns the status and the body of an answer, as "200 body".
func Fetch(t testing.TB, request *http.Request) string {
	t.Helper()
	response, body := Do(t, http.DefaultClient, request)
	return fmt.Sprintf("%d %s", response.StatusCode, body)
}

// Do sends a request and reads the whole answer.
func Do(t testing.TB, client *http.Client, request *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}
