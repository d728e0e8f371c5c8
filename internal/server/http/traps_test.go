package http_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
)

// docs/mcp-go.md#trap-3: what is said about a call goes to the client that made it, and never to a
// listener, in the same session or in another.
func TestListeningStreamGetsNoProgress(t *testing.T) {
	t.Parallel()
	e := withTool(t, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 20 {
			if err := server.Progress(ctx).Report(ctx, float64(i+1), 20, "CANARY"); err != nil {
				return nil, err
			}
		}
		return mcp.NewToolResultText("CANARY"), nil
	})
	a, other, young := e.open(""), e.open(""), e.newest("")
	heard := make(chan string, 3)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for _, r := range []*http.Request{
		a.request(ctx, http.MethodGet, "/mcp", ""), other.request(ctx, http.MethodGet, "/mcp", ""), other.request(ctx, http.MethodGet, "/sse", ""),
	} {
		response, err := a.client.Do(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		go func() {
			defer response.Body.Close()
			var text strings.Builder
			for lines := bufio.NewScanner(response.Body); lines.Scan(); {
				text.WriteString(lines.Text() + "\n")
			}
			heard <- text.String()
		}()
	}
	for range 10 {
		for _, caller := range []*agent{a, young} {
			assert.Len(t, caller.post(caller.message("work", `{}`, `"progressToken":1`)).messages, 21)
		}
	}
	e.Shutdown() // ends the streams, so that all that was sent has come
	for range 3 {
		select {
		case text := <-heard:
			assert.NotContains(t, text, "CANARY")
		case <-time.After(time.Minute):
			require.Fail(t, "a stream did not end")
		}
	}
}

// docs/mcp-go.md#trap-8: there are no tasks, whose state all clients would share: no method of
// theirs, and a call that asks to be one is answered as any other, or not at all.
func TestTasksAreNotSupported(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for name, a := range map[string]*agent{"a session": e.open(""), "2026-07-28": e.newest("")} {
		for _, method := range []string{"tasks/list", "tasks/get", "tasks/result", "tasks/cancel", "tasks/update"} {
			body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{"taskId":"1"}}`, method)
			if a.modern {
				a.header.Set("Mcp-Protocol-Version", "2026-07-28")
				a.header.Set("Mcp-Method", method)
				body = strings.Replace(body, `{"taskId":"1"}`, `{"taskId":"1",`+modernMeta+`}`, 1)
			}
			assert.Equal(t, -32601, a.post(body).code(t), "%s: %s", name, method)
		}
		got := a.post(strings.Replace(a.message("list_identities", `{}`, ""), `"arguments":{}`, `"arguments":{},"task":{"ttl":60000}`, 1))
		assert.NotContains(t, got.body, "taskId", name)
		assert.NotContains(t, got.body, "working", name)
	}
}
