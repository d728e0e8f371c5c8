package http_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// page is a response that can be read while it is written.
type page struct {
	mu sync.Mutex
	*httptest.ResponseRecorder
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ResponseRecorder.Write(b)
}

func (p *page) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Body.String()
}

// A stream on which nothing happens says so every 15 seconds, so that no proxy closes it.
func TestIdleStreamIsKeptAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newDirectEndpoint(t, 1)
		defer h.close()
		id := h.post(t.Context(), "", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`).Header().Get("Mcp-Session-Id")
		require.NotEmpty(t, id)
		ctx, leave := context.WithCancel(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}))
		var wait sync.WaitGroup
		pages := map[string]*page{"/mcp": {ResponseRecorder: httptest.NewRecorder()}, "/sse": {ResponseRecorder: httptest.NewRecorder()}}
		for path, w := range pages {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://ravi.test"+path, nil)
			r.Header.Set("Accept", "text/event-stream")
			if path == "/mcp" {
				r.Header.Set("Mcp-Session-Id", id)
			}
			wait.Go(func() { h.Handler().ServeHTTP(w, r) })
		}
		time.Sleep(61 * time.Second)
		for path, w := range pages {
			assert.Equal(t, 4, strings.Count(w.text(), ": keep-alive\n\n"), path)
		}
		leave()
		wait.Wait()
	})
}
