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

	"ravi-mcp/internal/test/harness"
)

// eventStream is an event stream that a caller has opened.
type eventStream struct {
	lines *bufio.Reader
	ended chan struct{} // closed when the server ends it
}

// stream opens one, in a session of its own, at /mcp or /sse. It returns nil if the token has
// expired.
func (m *oidcServer) stream(t *testing.T, path, token string) *eventStream {
	t.Helper()
	session := ""
	if path == "/mcp" {
		response, _ := m.Post(http.DefaultClient, token, "", harness.InitializeMessage)
		session = response.Header.Get("Mcp-Session-Id")
	}
	response, err := http.DefaultClient.Do(m.Request(http.MethodGet, path, token, session, ""))
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode == http.StatusUnauthorized {
		return nil
	}
	require.Equal(t, http.StatusOK, response.StatusCode)
	return &eventStream{lines: bufio.NewReader(response.Body), ended: make(chan struct{})}
}

// watch reads the rest of the stream.
func (s *eventStream) watch() {
	defer close(s.ended)
	_, _ = io.Copy(io.Discard, s.lines)
}

// awaitEnd waits until the server ends the stream, which it has to do promptly after that time.
func (s *eventStream) awaitEnd(t *testing.T, from time.Time, message string) {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(max(time.Until(from), 0) + harness.Prompt):
		assert.Fail(t, message)
	}
}

// place is where the messages of an SSE stream are posted; "" if the stream has ended.
func (s *eventStream) place() string {
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return ""
		}
		if path, ok := strings.CutPrefix(line, "data: "); ok {
			return strings.TrimSpace(path)
		}
	}
}

// A stream ends with the token that it was opened with, unless its client has shown a later one
// meanwhile, and with its caller's right to call.
func TestStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	m := startOIDC(t)
	long := m.issuer.Token("auth|alice", nil)
	var expires time.Time
	var short string
	var ending, open map[string]*eventStream
	begin := func(life time.Duration) bool {
		expires = time.Now().Add(life).Truncate(time.Second)
		short = m.issuer.Token("auth|alice", map[string]any{"exp": expires.Unix()})
		ending = map[string]*eventStream{"/mcp": m.stream(t, "/mcp", short), "/sse": m.stream(t, "/sse", short)}
		open = map[string]*eventStream{"/mcp": m.stream(t, "/mcp", long), "/sse": m.stream(t, "/sse", long), "of a token in the file": m.stream(t, "/sse", carolToken)}
		renewed := m.stream(t, "/sse", short)
		if renewed == nil {
			return false
		}
		open["renewed"] = renewed
		answer := harness.Fetch(t, m.Request(http.MethodPost, renewed.place(), long, "", harness.InitializeMessage))
		return time.Now().Before(expires) && assert.Contains(t, answer, "202 ")
	}
	for life := 8 * time.Second; !begin(life); life *= 2 { // until the machine is fast enough for a life
		require.False(t, t.Failed())
	}
	for _, all := range []map[string]*eventStream{ending, open} {
		for _, s := range all {
			go s.watch()
		}
	}
	for path, s := range ending {
		s.awaitEnd(t, expires, path+" outlives its token")
		assert.False(t, time.Now().Before(expires), "%s ended before its token", path)
	}
	for name, s := range open {
		select {
		case <-s.ended:
			assert.Fail(t, "the stream has ended", name)
		default:
		}
	}
	code, _ := m.status(t, "/mcp", "Bearer "+short)
	assert.Equal(t, http.StatusUnauthorized, code)

	m.callers(t, callerOf("bob", "oidc_subject", "auth|bob"))
	removed := time.Now()
	for name, s := range open {
		s.awaitEnd(t, removed, name+" outlives its caller's right")
	}
}
