package http_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
)

// withTool gives an endpoint one tool of the test's own, instead of all others.
func withTool(t testing.TB, handle mcpserver.ToolHandlerFunc) *endpoint {
	t.Helper()
	return serve(t, func(e *endpoint) {
		s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(false))
		s.AddTool(mcp.NewTool("work"), handle)
		e.MCP = s
	})
}

// docs/mcp-go.md#trap-11: every report is on the stream of its own call, in order, before the
// answer, and the last is there too.
func TestProgressStaysWithItsCall(t *testing.T) {
	t.Parallel()
	const calls, reports = 60, 20
	for name, open := range map[string]func(*endpoint) *agent{
		"one session": func(e *endpoint) *agent { return e.open("") },
		"2026-07-28":  func(e *endpoint) *agent { return e.newest("") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := withTool(t, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				for i := range reports {
					if err := server.Progress(ctx).Report(ctx, float64(i+1), reports, "step"); err != nil {
						return nil, err
					}
				}
				return mcp.NewToolResultText("done"), nil
			})
			a := open(e)
			bodies := make([]string, calls)
			for i := range bodies {
				bodies[i] = a.message("work", `{}`, fmt.Sprintf(`"progressToken":"call-%d"`, i))
			}
			var wait sync.WaitGroup
			for i, body := range bodies {
				r := a.request(context.Background(), http.MethodPost, "/mcp", body)
				wait.Go(func() {
					response, err := a.client.Do(r)
					if !assert.NoError(t, err) {
						return
					}
					got := read(t, response)
					if !assert.Len(t, got.messages, reports+1) {
						return
					}
					for n, m := range got.messages[:reports] {
						var note struct {
							Params struct {
								ProgressToken string
								Progress      int
							}
						}
						assert.NoError(t, json.Unmarshal(m, &note))
						assert.Equal(t, fmt.Sprintf("call-%d", i), note.Params.ProgressToken)
						assert.Equal(t, n+1, note.Params.Progress)
					}
					assert.Contains(t, string(got.messages[reports]), `"done"`)
				})
			}
			wait.Wait()
			// docs/mcp-go.md#trap-12: a call without progress is answered as plain JSON, also after
			// one with.
			plain := a.post(a.message("work", `{}`, ""))
			assert.Equal(t, "application/json", plain.header.Get("Content-Type"))
		})
	}
}

func TestNothingIsSentAfterTheAnswer(t *testing.T) {
	t.Parallel()
	late := make(chan error, 1)
	answered := make(chan struct{})
	e := withTool(t, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		progress := server.Progress(ctx)
		go func() {
			<-answered
			late <- progress.Report(context.WithoutCancel(ctx), 1, 1, "late")
		}()
		return mcp.NewToolResultText("done"), nil
	})
	a := e.open("")
	got := a.post(a.message("work", `{}`, `"progressToken":1`))
	close(answered)
	assert.Len(t, got.messages, 1)
	assert.ErrorIs(t, <-late, server.ErrAnswered)
}

// docs/mcp-go.md#trap-2: a client ends no call of another, whatever its id.
func TestCancellationReachesOnlyItsCall(t *testing.T) {
	t.Parallel()
	running := make(chan struct{}, 2)
	release := make(chan struct{})
	e := withTool(t, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		running <- struct{}{}
		select {
		case <-release:
			return mcp.NewToolResultText("finished"), nil
		case <-ctx.Done():
			return mcp.NewToolResultText("cancelled"), nil
		}
	})
	begin := func(a *agent) chan reply {
		done := make(chan reply, 1)
		r := a.request(context.Background(), http.MethodPost, "/mcp", a.message("work", `{}`, ""))
		go func() {
			response, err := a.client.Do(r)
			if assert.NoError(t, err) {
				done <- read(t, response)
			}
		}()
		<-running
		return done
	}
	victim, young := e.open(""), e.newest("")
	first, second := begin(victim), begin(young)

	attacker := e.open("")
	for _, a := range []*agent{attacker, e.newest(""), e.agent("")} {
		if a.modern {
			a.header.Set("Mcp-Protocol-Version", "2026-07-28")
			a.header.Set("Mcp-Method", "notifications/cancelled")
		}
		for _, id := range []string{"1", `"1"`} {
			a.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`)
			a.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id +
				`,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`)
		}
	}
	select {
	case got := <-first:
		t.Fatal("another client ended the call: " + got.body)
	case got := <-second:
		t.Fatal("another client ended the call: " + got.body)
	default:
	}
	close(release)
	assert.Contains(t, (<-first).body, "finished")
	assert.Contains(t, (<-second).body, "finished")
}

func TestSessionCancelsItsOwnCall(t *testing.T) {
	t.Parallel()
	running, ended, answered := make(chan struct{}), make(chan struct{}), make(chan struct{})
	e := withTool(t, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		close(running)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	a := e.open("")
	r := a.request(t.Context(), http.MethodPost, "/mcp", a.message("work", `{}`, ""))
	go func() {
		defer close(answered)
		if response, err := a.client.Do(r); assert.NoError(t, err) {
			response.Body.Close()
		}
	}()
	<-running
	assert.Equal(t, http.StatusAccepted, a.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`).status)
	<-ended
	<-answered // the end of the test would cut it off
}

// SECURITY.md H9: a client that disconnects ends the work, down to Ravi.
func TestDisconnectEndsTheCall(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*endpoint) *agent{
		"2025-11-25": func(e *endpoint) *agent { return e.open("") },
		"2026-07-28": func(e *endpoint) *agent { return e.newest("") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			running, ended := make(chan struct{}), make(chan struct{})
			e := withTool(t, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				close(running)
				<-ctx.Done()
				close(ended)
				return nil, ctx.Err()
			})
			a := open(e)
			ctx, leave := context.WithCancel(t.Context())
			r := a.request(ctx, http.MethodPost, "/mcp", a.message("work", `{}`, ""))
			go func() {
				<-running
				leave()
			}()
			_, err := a.client.Do(r)
			require.ErrorIs(t, err, context.Canceled)
			<-ended
		})
	}
}

// On SIGTERM waits are pending with their cursor, streams end, new calls are refused, and nothing
// is left.
func TestShutdownEndsWaitsAsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := serveInMemory(t, nil)
		old, young := e.open(""), e.newest("")
		cursor := old.call("create_identity", `{"name":"main"}`).field(t, "cursor")

		// Streams that have no end of their own: GET and SSE.
		var streams sync.WaitGroup
		for _, r := range []*http.Request{
			old.request(context.Background(), http.MethodGet, "/mcp", ""),
			old.request(context.Background(), http.MethodGet, "/sse", ""),
		} {
			response, err := old.client.Do(r)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, response.StatusCode)
			streams.Go(func() { read(t, response) })
		}
		waits := make(chan reply, 2)
		for _, a := range []*agent{old, young} {
			r := a.request(context.Background(), http.MethodPost, "/mcp",
				a.message("wait_for_otp", fmt.Sprintf(`{"cursor":%q,"timeout_seconds":50}`, cursor), `"progressToken":1`))
			response, err := a.client.Do(r) // returns with the first progress
			require.NoError(t, err)
			go func() { waits <- read(t, response) }()
		}

		start := time.Now()
		e.stop()
		for range 2 {
			o := (<-waits).outcome(t)
			assert.Equal(t, "pending", o.field(t, "status"))
			assert.Equal(t, "server_shutting_down", o.field(t, "reason"))
			assert.NotEmpty(t, o.field(t, "cursor"))
		}
		require.NoError(t, <-e.ended)
		e.ended <- nil
		streams.Wait()
		assert.Less(t, time.Since(start), time.Second, "the streams and waits ended, so nothing was waited for")
		e.hub.Close()
		old.client.CloseIdleConnections()
		young.client.CloseIdleConnections()
	})
}

func TestNewCallsAreRefusedDuringShutdown(t *testing.T) {
	t.Parallel()
	running, release := make(chan struct{}), make(chan struct{})
	e := withTool(t, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		close(running)
		<-release
		return mcp.NewToolResultText("finished"), nil
	})
	a := e.open("")
	done := make(chan reply, 1)
	r := a.request(context.Background(), http.MethodPost, "/mcp", a.message("work", `{}`, ""))
	go func() {
		if response, err := a.client.Do(r); assert.NoError(t, err) {
			done <- read(t, response)
		}
	}()
	<-running
	e.Shutdown()
	got := a.post(a.message("work", `{}`, ""))
	assert.Equal(t, http.StatusServiceUnavailable, got.status)
	assert.Equal(t, "1", got.header.Get("Retry-After"))
	assert.Equal(t, http.StatusServiceUnavailable, a.do(a.request(t.Context(), "GET", "/readyz", "")).status)
	assert.Equal(t, http.StatusOK, a.do(a.request(t.Context(), "GET", "/healthz", "")).status)
	close(release)
	assert.Contains(t, (<-done).body, "finished", "what ran could finish")
}

// SECURITY.md H9 and H11: a caller who fills its places is refused at once, waits take none, and
// the places come back.
func TestOverloadIsRefusedAndWaitsTakeNoSlot(t *testing.T) {
	t.Parallel()
	running, release := make(chan struct{}), make(chan struct{})
	e := serve(t, func(e *endpoint) {
		s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(false))
		s.AddTool(mcp.NewTool("work"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			running <- struct{}{}
			<-release
			return mcp.NewToolResultText("finished"), nil
		})
		s.AddTool(mcp.NewTool("wait"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			defer server.Yield(ctx)()
			running <- struct{}{}
			<-release
			return mcp.NewToolResultText("finished"), nil
		})
		e.MCP = s
		e.Limits.CallsPerCaller = 4
		e.Callers = loadCallers(t, twoCallers())
	})
	a := e.open(aliceToken)
	var wait sync.WaitGroup
	begin := func(tool string) {
		r := a.request(context.Background(), http.MethodPost, "/mcp", a.message(tool, `{}`, ""))
		wait.Go(func() {
			if response, err := a.client.Do(r); assert.NoError(t, err) {
				assert.Contains(t, read(t, response).body, "finished")
			}
		})
		<-running
	}
	for range 20 {
		begin("wait")
	}
	for range 4 {
		begin("work")
	}
	// The body is not even read: it never comes.
	head := fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n", e.addr, aliceToken)
	assert.Equal(t, http.StatusTooManyRequests, e.raw(head))
	bob := e.open(bobToken)
	assert.Equal(t, http.StatusOK, bob.post(`{"jsonrpc":"2.0","id":9,"method":"ping"}`).status, "another caller has places of its own")
	close(release)
	wait.Wait()
	assert.Equal(t, http.StatusOK, a.post(`{"jsonrpc":"2.0","id":9,"method":"ping"}`).status, "the places came back")
}

func TestTooManyOpenRequestsAreRefusedFirst(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) {
		e.Limits.Open = 2
		e.Callers = loadCallers(t, twoCallers())
	})
	a := e.open(aliceToken)
	for range 2 {
		response, err := a.client.Do(a.request(t.Context(), http.MethodGet, "/mcp", ""))
		require.NoError(t, err)
		defer response.Body.Close()
	}
	unknown := e.agent("")
	got := unknown.do(unknown.request(t.Context(), "GET", "/mcp", ""))
	assert.Equal(t, http.StatusServiceUnavailable, got.status, "not even the token is looked at")
	assert.NotEmpty(t, got.header.Get("Retry-After"))
}

func TestSubscriptionEndsOnShutdown(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) {
		s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(true))
		s.AddTool(mcp.NewTool("work"), nil)
		e.MCP = s
	})
	a := e.newest("")
	a.header.Set("Mcp-Protocol-Version", "2026-07-28")
	a.header.Set("Mcp-Method", "subscriptions/listen")
	r := a.request(t.Context(), http.MethodPost, "/mcp", `{"jsonrpc":"2.0","id":7,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},`+
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`)
	response, err := a.client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	var text strings.Builder
	for lines.Scan() && !strings.Contains(text.String(), "data:") {
		text.WriteString(lines.Text())
	}
	assert.Contains(t, text.String(), "notifications/subscriptions/acknowledged")
	e.Shutdown()
	for lines.Scan() {
		text.WriteString(lines.Text())
	}
	assert.NoError(t, lines.Err())
}
