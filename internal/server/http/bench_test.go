package http_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	mcphttp "ravi-mcp/internal/server/http"
)

// BenchmarkHTTP measures a tool that needs no upstream call, get_identity, behind everything that a
// call passes, against the bare echo tool of mcp-go on the same transport. The client is this
// process in both cases.
func BenchmarkHTTP(b *testing.B) {
	for _, concurrency := range []int{1, 32, 256} {
		for _, modern := range []bool{false, true} {
			era := map[bool]string{false: "2025-11-25", true: "2026-07-28"}[modern]
			b.Run(fmt.Sprintf("bare/%s/c%d", era, concurrency), func(b *testing.B) {
				s := mcpserver.NewMCPServer("bare", "1", mcpserver.WithToolCapabilities(false))
				s.AddTool(mcp.NewTool("echo", mcp.WithString("text")), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
					return mcp.NewToolResultText(r.GetString("text", "")), nil
				})
				web := httptest.NewServer(mcpserver.NewStreamableHTTPServer(s, mcpserver.WithStateful(true)))
				defer web.Close()
				e := &endpoint{t: b, url: web.URL}
				load(b, e, modern, concurrency, "echo", `{"text":"hello"}`)
			})
			b.Run(fmt.Sprintf("ours/%s/c%d", era, concurrency), func(b *testing.B) {
				e := serve(b, func(e *endpoint) {
					e.Limits = mcphttp.Limits{Rate: -1}
					e.Log = zerolog.New(io.Discard)
				})
				e.open("").call("create_identity", `{"name":"main"}`)
				load(b, e, modern, concurrency, "get_identity", `{"identity":"main"}`)
			})
		}
	}
}

func load(b *testing.B, e *endpoint, modern bool, concurrency int, tool, arguments string) {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: concurrency}
	defer transport.CloseIdleConnections()
	a := &agent{e: e, header: http.Header{}, client: &http.Client{Transport: transport}, modern: modern}
	if !modern {
		r := a.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"b","version":"1"}}}`)
		a.session = r.header.Get("Mcp-Session-Id")
	}
	body := []byte(a.message(tool, arguments, ""))
	template := a.request(context.Background(), http.MethodPost, "/mcp", "")
	template.Header.Set("Content-Type", "application/json")
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var wait sync.WaitGroup
	for range concurrency {
		wait.Go(func() {
			for left.Add(-1) >= 0 {
				r := template.Clone(context.Background())
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				response, err := a.client.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				n, _ := io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if response.StatusCode != http.StatusOK || n < 50 {
					b.Errorf("status %d, %d bytes", response.StatusCode, n)
					return
				}
			}
		})
	}
	wait.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	require.False(b, b.Failed())
}
