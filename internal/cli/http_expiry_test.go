package cli_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// opened is an event stream of a caller's.
type opened struct {
	lines *bufio.Reader
	ended chan struct{} // closed when the server ends it
}

// stream opens one, in a session of its own, at /mcp or /sse.
func (m *realm) stream(t *testing.T, path, token string) *opened {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.url+path, nil)
	require.NoError(t, err)
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+token)
	if path == "/mcp" {
		begun, _ := m.ask(http.DefaultClient, token, "", initializeBody)
		request.Header.Set("Mcp-Session-Id", begun.Header.Get("Mcp-Session-Id"))
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	require.Equal(t, http.StatusOK, response.StatusCode)
	return &opened{lines: bufio.NewReader(response.Body), ended: make(chan struct{})}
}

// watch reads the rest of the stream.
func (o *opened) watch() *opened {
	go func() {
		defer close(o.ended)
		_, _ = io.Copy(io.Discard, o.lines)
	}()
	return o
}

func (o *opened) open() bool {
	select {
	case <-o.ended:
		return false
	default:
		return true
	}
}

// place is where the messages of an SSE stream are posted.
func (o *opened) place(t *testing.T) string {
	t.Helper()
	for {
		line, err := o.lines.ReadString('\n')
		require.NoError(t, err)
		if path, ok := strings.CutPrefix(line, "data: "); ok {
			return strings.TrimSpace(path)
		}
	}
}

// A stream ends with the token that it was opened with, unless its client has shown a later one meanwhile, and with its
// caller's right to call.
func TestAStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	m := openRealm(t)
	const life = 8 * time.Second
	expires := time.Now().Add(life).Truncate(time.Second)
	short := m.issuer.Token("auth|alice", map[string]any{"exp": expires.Unix()})
	long := m.issuer.Token("auth|alice", nil)
	ending := map[string]*opened{"/mcp": m.stream(t, "/mcp", short), "/sse": m.stream(t, "/sse", short)}
	lasting := map[string]*opened{"/mcp": m.stream(t, "/mcp", long), "/sse": m.stream(t, "/sse", long), "no issuer's": m.stream(t, "/sse", carolToken)}
	renewed := m.stream(t, "/sse", short)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.url+renewed.place(t), strings.NewReader(initializeBody))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+long)
	require.Contains(t, fetch(t, request), "202 ")
	lasting["renewed"] = renewed
	for _, all := range []map[string]*opened{ending, lasting} {
		for _, o := range all {
			o.watch()
		}
	}
	require.True(t, time.Now().Before(expires), "the machine is too slow for this test")
	for path, o := range ending {
		select {
		case <-o.ended:
			assert.False(t, time.Now().Before(expires), "%s ended before its token", path)
		case <-time.After(time.Until(expires) + 20*time.Second):
			assert.Fail(t, "it outlives its token", path)
		}
	}
	for name, o := range lasting {
		assert.True(t, o.open(), name)
	}
	code, _ := m.status(t, "/mcp", "Bearer "+short)
	assert.Equal(t, http.StatusUnauthorized, code)

	m.callers(t, callerOf("bob", "oidc_subject", "auth|bob"))
	for name, o := range lasting {
		select {
		case <-o.ended:
		case <-time.After(20 * time.Second):
			assert.Fail(t, "it outlives its caller's right", name)
		}
	}
}
