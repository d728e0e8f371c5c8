package http_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
)

// A question to the person goes out on the stream of the call that asks, between its reports of
// progress, and only the session that was asked can answer it.
func TestElicitationIsAnsweredByItsSessionOnly(t *testing.T) {
	t.Parallel()
	for name, reportFirst := range map[string]bool{"progress first": true, "question first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := serve(t, func(e *endpoint) {
				s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(false), mcpserver.WithElicitation())
				s.AddTool(mcp.NewTool("work"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
					if reportFirst {
						assert.NoError(t, server.Progress(ctx).Report(ctx, 1, 3, "before"))
					}
					answer, err := server.TransportFrom(ctx).Elicit(ctx, mcp.ElicitationParams{
						Message: "may I?", RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}},
					})
					if err != nil {
						return nil, err
					}
					assert.NoError(t, server.Progress(ctx).Report(ctx, 2, 3, "after"))
					return mcp.NewToolResultText("the person said " + string(answer.Action)), nil
				})
				e.MCP = s
				e.Callers = loadCallers(t, twoCallers())
			})
			a := e.agent(aliceToken)
			opened := a.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"tester","version":"1"}}}`)
			a.session = opened.header.Get("Mcp-Session-Id")
			a.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)

			response, err := a.client.Do(a.request(t.Context(), http.MethodPost, "/mcp", a.message("work", `{}`, `"progressToken":1`)))
			require.NoError(t, err)
			defer response.Body.Close()
			lines := bufio.NewScanner(response.Body)
			next := func() (m struct {
				ID     json.RawMessage
				Method string
				Result json.RawMessage
				Params struct{ Message string }
			}) {
				for lines.Scan() {
					if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
						require.NoError(t, json.Unmarshal([]byte(data), &m))
						return m
					}
				}
				t.Fatal("the stream ended")
				return m
			}
			if reportFirst {
				assert.Equal(t, "before", next().Params.Message)
			}
			question := next()
			require.Equal(t, "elicitation/create", question.Method)
			answer := func(action string) string {
				return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":%q,"content":{}}}`, question.ID, action)
			}
			var id string
			require.NoError(t, json.Unmarshal(question.ID, &id))
			process, one, _ := strings.Cut(id, ".")
			assert.Regexp(t, `^[A-Z2-7]{26}$`, one, "128 random bits of its own")
			for _, guess := range []string{`1`, `"1"`, `"` + process + `.1"`} {
				assert.NotEqual(t, http.StatusAccepted, a.post(strings.Replace(answer("accept"), string(question.ID), guess, 1)).status, guess)
			}
			bob := e.open(bobToken)
			assert.NotEqual(t, http.StatusAccepted, bob.post(answer("accept")).status, "another caller was not asked")
			bob.session = a.session
			assert.Equal(t, http.StatusNotFound, bob.post(answer("accept")).status)
			other := e.open(aliceToken)
			assert.NotEqual(t, http.StatusAccepted, other.post(answer("accept")).status, "not another session either")
			assert.Equal(t, http.StatusAccepted, a.post(answer("decline")).status)

			assert.Equal(t, "after", next().Params.Message)
			assert.Contains(t, string(next().Result), "the person said decline")
			for lines.Scan() {
				assert.Empty(t, lines.Text(), "nothing comes after the answer")
			}
		})
	}
}

// No agent behind one session of a gateway is asked, whatever the gateway says that it can show.
func TestAgentsBehindAGatewayAreNotAsked(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{true, false} {
		e := serve(t, func(e *endpoint) {
			s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(false))
			s.AddTool(mcp.NewTool("work"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				ctx, giveUp := context.WithCancel(ctx)
				giveUp() // so that no answer is waited for
				transport := server.TransportFrom(ctx)
				_, err := transport.Elicit(ctx, mcp.ElicitationParams{Message: "CANARY"})
				return mcp.NewToolResultText(fmt.Sprint(transport.ShowsForms(ctx), err)), nil
			})
			e.MCP, e.Anyone.Shared = s, shared
		})
		a := e.agent("")
		opened := a.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"tester","version":"1"}}}`)
		a.session = opened.header.Get("Mcp-Session-Id")
		want := map[bool]error{true: mcpserver.ErrElicitationNotSupported, false: context.Canceled}[shared]
		assert.Contains(t, a.post(a.message("work", `{}`, "")).body, fmt.Sprint(!shared, want))
	}
}

func TestPanicValueIsNotDisclosed(t *testing.T) {
	t.Parallel()
	e := withTool(t, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { panic("CANARY") })
	for _, a := range []*agent{e.open(""), e.newest("")} {
		got := a.post(a.message("work", `{}`, ""))
		assert.Contains(t, got.body, "internal error")
		assert.NotContains(t, got.body, "CANARY")
		assert.Equal(t, http.StatusOK, a.do(a.request(t.Context(), "GET", "/healthz", "")).status)
	}
	assert.NotContains(t, e.log.String(), "CANARY")
}

// A session that could not be opened is not there.
func TestFailedInitializeOpensNoSession(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	a := e.agent("")
	got := a.post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":7}}`)
	assert.NotZero(t, got.code(t))
	assert.Empty(t, got.header.Get("Mcp-Session-Id"))
	assert.Zero(t, e.sessions.Len())
}

func TestReadinessFollowsRavi(t *testing.T) {
	t.Parallel()
	down := fmt.Errorf("CANARY: connection refused")
	e := serve(t, func(e *endpoint) { e.Ready = func(context.Context) error { return down } })
	a := e.agent("")
	got := a.do(a.request(t.Context(), "GET", "/readyz", ""))
	assert.Equal(t, http.StatusServiceUnavailable, got.status)
	assert.NotContains(t, got.body, "CANARY")
	assert.Equal(t, http.StatusOK, a.do(a.request(t.Context(), "GET", "/healthz", "")).status)
}

// X-Ravi-Identity is the identity of a client's configuration, where nothing nearer names one.
func TestIdentityHeader(t *testing.T) {
	t.Parallel()
	e := guarded(t)
	for _, a := range []*agent{e.open(aliceToken), e.newest(aliceToken)} {
		a.call("create_identity", `{"name":"alice-one","if_exists":"reuse"}`)
		a.call("create_identity", `{"name":"alice-two","if_exists":"reuse"}`)
	}
	for _, a := range []*agent{e.open(aliceToken), e.newest(aliceToken)} {
		a.header.Set("X-Ravi-Identity", "alice-two")
		got := a.call("get_identity", `{}`)
		assert.Equal(t, "alice-two", got.field(t, "identity", "name"))
		assert.Equal(t, "header", got.field(t, "resolved_by"))
		assert.Equal(t, "alice-one", a.call("get_identity", `{"identity":"alice-one"}`).field(t, "identity", "name"))
		a.header.Set("X-Ravi-Identity", "bob-main")
		assert.Equal(t, "identity_not_found", a.call("get_identity", `{}`).failure(t))
		for _, odd := range []string{"a\tb", "", " ", strings.Repeat("x", 400)} {
			r := a.request(t.Context(), "POST", "/mcp", a.message("get_identity", `{}`, ""))
			r.Header["X-Ravi-Identity"] = []string{odd}
			assert.Equal(t, http.StatusBadRequest, a.do(r).status)
		}
	}
}

// Rights of the callers file hold in lists and in calls, on both eras.
func TestCallerSeesOnlyItsToolsets(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) {
		e.Callers = loadCallers(t, strings.Replace(twoCallers(), "identities = [\"alice-*\"]",
			"identities = [\"alice-*\"]\ntoolsets = [\"identity\", \"secrets\"]\nread_only = true", 1))
	})
	for _, a := range []*agent{e.open(aliceToken), e.newest(aliceToken)} {
		body := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`
		if a.modern {
			a.header.Set("Mcp-Protocol-Version", "2026-07-28")
			a.header.Set("Mcp-Method", "tools/list")
			body = strings.Replace(body, `{}`, `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}`, 1)
		}
		listed := a.post(body).body
		for tool, there := range map[string]bool{"list_identities": true, "get_secret": true, "create_identity": false, "set_secret": false, "wait_for_otp": false, "get_credential": false} {
			assert.Equal(t, there, strings.Contains(listed, `"name":"`+tool+`"`), tool)
			if !there {
				assert.NotZero(t, a.post(a.message(tool, `{}`, "")).code(t), "%s cannot be called by name either", tool)
			}
		}
	}
	bob := e.open(bobToken)
	bob.call("create_identity", `{"name":"bob-main"}`)
}
