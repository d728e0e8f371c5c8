package http_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/internal/server"
	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/internal/test/harness"
	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
)

// directEndpoint is an endpoint without sockets, which lives by the clock of a bubble.
type directEndpoint struct {
	*mcphttp.Server
	t        *testing.T
	sessions *session.Sessions
	hub      *inbox.Hub
	close    func()
}

func newDirectEndpoint(t *testing.T, identities int) *directEndpoint {
	fake := sandboxtest.Memory(t, sandbox.Config{KeptRequests: -1, TokenLife: 1000 * time.Hour})
	for i := range identities {
		fake.CreateIdentity(t, sandbox.NewIdentity{Name: fmt.Sprint("inbox-", i)})
	}
	system := harness.NewSystem(t, harness.SystemConfig{
		Connect: func() (*ravi.Client, error) { return harness.RaviClient(fake, ravi.Config{}) },
		Inbox:   inbox.Config{MaxWaitsPerCaller: 10_000},
	})
	h := &directEndpoint{t: t, hub: system.Inbox, sessions: &session.Sessions{}}
	mcp, err := server.New(server.Config{Version: "test", Deps: system.Deps})
	require.NoError(t, err)
	h.Server = &mcphttp.Server{MCP: mcp.Server, Dispatcher: mcp.Dispatcher, Sessions: h.sessions, Anyone: &session.Caller{Name: session.LocalCaller}, Hosts: []string{"ravi.test"},
		Limits: mcphttp.Limits{Rate: -1, CallsPerCaller: 10_000, Running: 10_000}}
	h.sessions.OnEnd = func(key session.Key) {
		assert.NoError(t, system.Store.EndSession(context.Background(), key))
		h.SessionEnded(key)
	}
	running, stop := context.WithCancel(t.Context())
	go h.sessions.Run(running)
	h.close = func() {
		stop()
		h.Close()
		system.Close()
	}
	return h
}

// post sends a message; the answer is there when the call is over.
func (h *directEndpoint) post(ctx context.Context, id, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://ravi.test/mcp", strings.NewReader(body))
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	if id != "" {
		r.Header.Set("Mcp-Session-Id", id)
	}
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	return w
}

// SECURITY.md T6: 5,000 clients open a session and wait for a code. Half of them hang up, the
// others are never heard of again. When the times of calls and sessions are over, nothing of them
// is left: no session here or in mcp-go, no wait, no event stream, no timer or goroutine, and no
// memory.
func TestAbandonedClientsLeaveNothing(t *testing.T) {
	const clients, inboxes = 5000, 50
	synctest.Test(t, func(t *testing.T) {
		h := newDirectEndpoint(t, inboxes)
		defer h.close()
		var ids [clients]string
		round := func(n int) {
			gone, leave := context.WithCancel(t.Context())
			var wait sync.WaitGroup
			for i := range n {
				opened := h.post(t.Context(), "", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`)
				ids[i] = opened.Header().Get("Mcp-Session-Id")
				require.NotEmpty(t, ids[i], opened.Body)
				ctx := t.Context()
				if i%2 == 0 {
					ctx = gone
				}
				wait.Go(func() {
					h.post(ctx, ids[i], fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":1},"name":"wait_for_otp","arguments":{"identity":"inbox-%d","timeout_seconds":45}}}`, i%inboxes))
				})
			}
			time.Sleep(5 * time.Second)
			require.Equal(t, n, h.hub.Stats().Waits)
			require.Equal(t, n, h.sessions.Len())
			leave()
			synctest.Wait()
			require.Equal(t, n/2, h.hub.Stats().Waits, "a client that hangs up waits no longer")
			time.Sleep(time.Minute)
			wait.Wait()
			assert.Zero(t, h.hub.Stats().Waits)
			require.Equal(t, n, h.sessions.Len())
			time.Sleep(session.DefaultIdle + 5*time.Minute)
			assert.Zero(t, h.sessions.Len())
			assert.Zero(t, h.hub.Stats().Watchers)
			assert.Zero(t, h.hub.Stats().Streams)
			for _, id := range ids[:n] {
				require.ErrorIs(t, h.MCP.SendNotificationToSpecificClient(id, "notifications/test", nil), mcpserver.ErrSessionNotFound)
			}
			synctest.Wait()
		}
		round(clients / 5) // what is made once is made now
		goroutines, before := runtime.NumGoroutine(), heap()
		round(clients)
		assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
		assert.Less(t, heap()-before, int64(clients*1024), "bytes that are kept: maps do not shrink")
	})
}

// heap is the memory that is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
