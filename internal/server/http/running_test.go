package http_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
)

// SECURITY.md H9: all callers together run only so many calls; further ones are told to retry, of
// any caller. Waits do not count, and a place is free again when its call is over.
func TestRunningCallsAreBounded(t *testing.T) {
	t.Parallel()
	running, release := make(chan struct{}), make(chan struct{})
	e := serve(t, func(e *endpoint) {
		s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(false))
		work := func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			running <- struct{}{}
			<-release
			return mcp.NewToolResultText("finished"), nil
		}
		s.AddTool(mcp.NewTool("work"), work)
		s.AddTool(mcp.NewTool("wait"), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			defer server.Yield(ctx)()
			return work(ctx, r)
		})
		e.MCP = s
		e.Limits.Running = 4
		e.Callers = loadCallers(t, twoCallers())
	})
	alice, bob := e.open(aliceToken), e.open(bobToken)
	for range 3 { // three times over, so that a place that is not given back is missed
		var wait sync.WaitGroup
		begin := func(a *agent, tool string) {
			r := a.request(context.Background(), http.MethodPost, "/mcp", a.message(tool, `{}`, ""))
			wait.Go(func() {
				if response, err := a.client.Do(r); assert.NoError(t, err) {
					assert.Equal(t, http.StatusOK, response.StatusCode)
					assert.Contains(t, read(t, response).body, "finished")
				}
			})
			select {
			case <-running:
			case <-time.After(30 * time.Second):
				close(release)
				require.Fail(t, "a call was not let in, though there is a place")
			}
		}
		for range 6 {
			begin(alice, "wait")
		}
		for range 2 {
			begin(alice, "work")
			begin(bob, "work")
		}
		require.Equal(t, 4, e.Stats().Running)
		ctx, giveUp := context.WithCancel(t.Context())
		go func() { // a call that was let in would hang
			select {
			case <-running:
				giveUp()
			case <-ctx.Done():
			}
		}()
		for _, a := range []*agent{alice, bob} {
			response, err := a.client.Do(a.request(ctx, http.MethodPost, "/mcp", a.message("work", `{}`, "")))
			require.NoError(t, err, "it is answered at once")
			assert.Equal(t, http.StatusServiceUnavailable, read(t, response).status)
			assert.Equal(t, "1", response.Header.Get("Retry-After"))
		}
		giveUp()
		for range 10 {
			release <- struct{}{}
		}
		wait.Wait()
	}
}

// SECURITY.md H11: the waits of the real tools take no place of other calls either.
func TestWaitsForMessagesTakeNoSlot(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) { e.Limits.CallsPerCaller = 2 })
	old, young := e.open(""), e.newest("")
	created := old.call("create_identity", `{"name":"main"}`)
	uuid, cursor := created.field(t, "identity", "uuid"), created.field(t, "cursor")
	ctx, leave := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for i := range 12 {
		a, tool := []*agent{old, young}[i%2], []string{"wait_for_otp", "wait_for_message"}[i/2%2]
		r := a.request(ctx, http.MethodPost, "/mcp", a.message(tool, fmt.Sprintf(`{"cursor":%q,"timeout_seconds":50}`, cursor), ""))
		wait.Go(func() {
			response, err := a.client.Do(r)
			if err == nil {
				response.Body.Close()
			}
			assert.ErrorIs(t, err, context.Canceled, "a wait was refused")
		})
		require.Eventually(t, func() bool { return e.hub.Stats().Waits == i+1 }, 30*time.Second, time.Millisecond)
	}
	for _, a := range []*agent{old, young} {
		assert.Equal(t, "main", a.call("get_identity", fmt.Sprintf(`{"identity":%q}`, uuid)).field(t, "identity", "name"))
	}
	leave()
	wait.Wait()
}
