package stdio_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/stdio"
	"ravi-mcp/session"
)

// sharedServer is a server with the tools, and one that says whether its call is shared.
func sharedServer(notify *int) *stdio.Server {
	all := tools()
	all.AddTool(mcp.NewTool("shared"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		call, _ := session.CallFrom(ctx)
		return mcp.NewToolResultText(map[bool]string{true: "shared", false: "alone"}[call.Shared]), nil
	})
	all.AddTool(mcp.NewTool("tick"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 10 {
			time.Sleep(time.Second)
			if err := server.Progress(ctx).Report(ctx, float64(i+1), 10, "working"); err != nil {
				return nil, err
			}
			if err := all.SendNotificationToClient(ctx, "notifications/note", nil); err != nil {
				return nil, err
			}
		}
		return mcp.NewToolResultText("done"), nil
	})
	all.AddTool(mcp.NewTool("level"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(string(mcpserver.ClientSessionFromContext(ctx).(mcpserver.SessionWithLogging).GetLogLevel())), nil
	})
	return &stdio.Server{
		MCP: all, MaxConcurrent: 1, OnShared: func() { *notify++ },
		Context: stdio.Local(&session.Caller{Name: session.LocalCaller}),
	}
}

func TestSecondInitializeMakesTheClientShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		notified := 0
		c := connect(t, sharedServer(&notified))
		c.send(`{"jsonrpc":"2.0","id":"bad","method":"initialize","params":[]}`, initialize("0", `{"elicitation":{}}`), call("1", "shared", `{}`))
		require.NotNil(t, c.next().Error)
		c.answer("0")
		assert.Equal(t, "alone", c.answer("1").text(), "what failed began no session")
		assert.Zero(t, notified)

		c.send(call("2", "ask", `{}`))
		assert.Equal(t, "elicitation/create", c.next().Method)
		c.send(initialize("4", `{"elicitation":{}}`), call("3", "shared", `{}`), call("5", "ask", `{}`), initialize("6", `{}`))
		got := map[string]string{}
		for range 5 {
			m := c.next()
			require.Nil(t, m.Error)
			got[string(m.ID)] = m.text()
		}
		assert.Contains(t, got["2"], "not asked", "any of the clients could answer")
		assert.Equal(t, "shared", got["3"])
		assert.Contains(t, got["5"], "not asked")
		assert.Contains(t, got, "4")
		assert.Contains(t, got, "6")
		assert.Equal(t, 1, notified)
		require.NoError(t, c.hangUp())
		assert.Empty(t, c.unread())
	})
}

// One client speaks protocols with initialize or without it. Where both come, several clients do.
func TestBothKindsOfProtocolMakeTheClientShared(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{
		"initialize first": {initialize("0", `{}`), modernCall("1", "echo", `{}`, `{}`)},
		"a call first":     {modernCall("1", "echo", `{}`, `{}`), initialize("0", `{}`)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				notified := 0
				c := connect(t, sharedServer(&notified))
				c.send(lines...)
				c.next()
				c.next()
				c.send(call("2", "shared", `{}`))
				assert.Equal(t, "shared", c.answer("2").text())
				assert.Equal(t, 1, notified)
				require.NoError(t, c.hangUp())
			})
		})
	}
}

// Ids in cancellations are those that a client gave its requests, and here another's may have them.
func TestSharedClientCancelsNothing(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"the start", "the second initialize"} {
		t.Run(from, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				notified := 0
				s := sharedServer(&notified)
				s.Shared = from == "the start"
				c := connect(t, s)
				c.send(initialize("0", `{}`))
				c.answer("0")
				if !s.Shared {
					c.send(initialize("9", `{}`))
					c.next()
				}
				begin := time.Now()
				c.send(call("1", "wait", `{"seconds":10}`))
				synctest.Wait()
				c.send(call("2", "echo", `{}`), modernCall("3", "echo", `{}`, `{}`), cancellation("1"), cancellation("2"), cancellation("3"))
				answered := map[string]bool{}
				for range 3 {
					m := c.next()
					require.Nil(t, m.Error)
					answered[string(m.ID)] = true
				}
				assert.Len(t, answered, 3)
				assert.Equal(t, 10*time.Second, time.Since(begin))
				require.NoError(t, c.hangUp())
			})
		})
	}
}

// A pool sends to all of its clients what is no answer, also what a call says that began when there
// was one.
func TestRunningCallsFallSilentOnceShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		notified := 0
		c := connect(t, sharedServer(&notified))
		c.send(initialize("0", `{}`))
		c.answer("0")
		c.send(callWithProgress("1", "tick", `{}`, `"CANARY"`))
		time.Sleep(3500 * time.Millisecond)
		assert.Len(t, c.unread(), 6, "three times progress and a note")
		c.send(initialize("2", `{}`))
		c.answer("2")
		assert.Equal(t, "done", c.answer("1").text(), "nothing comes before it")
		require.NoError(t, c.hangUp())
		assert.Empty(t, c.unread())
	})
}

// What answers a request in the form of a notification still comes.
func TestSharedClientGetsItsAcknowledgement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(true))
		c := connect(t, &stdio.Server{MCP: s, Shared: true})
		c.send(`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},` + modern(`{}`) + `}}`)
		assert.Equal(t, "notifications/subscriptions/acknowledged", c.next().Method)
		require.NoError(t, c.hangUp())
		c.answer("1")
	})
}

// What one client says of itself and of the log holds for no other.
func TestSharedClientsHaveNoFacts(t *testing.T) {
	t.Parallel()
	const setLevel = `{"jsonrpc":"2.0","id":"l","method":"logging/setLevel","params":{"level":"debug"}}`
	const capabilities = `{"elicitation":{},"experimental":{"a":{}}}`
	for name, second := range map[string]string{
		"from the start": "", "second initialize": initialize("9", `{"experimental":{"b":{}}}`),
		"second initialize fails": `{"jsonrpc":"2.0","id":"9","method":"initialize","params":{"protocolVersion":7}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				notified := 0
				s := sharedServer(&notified)
				s.Shared = second == ""
				c := connect(t, s)
				c.send(initialize("0", capabilities))
				c.answer("0")
				if second != "" {
					c.send(setLevel, call("1", "level", `{}`))
					c.answer(`"l"`)
					assert.Equal(t, "debug", c.answer("1").text())
					c.send(call("2", "who", `{}`))
					assert.Equal(t, `true tester {"a":{}}`, c.answer("2").text())
					c.send(second)
					c.next()
				}
				c.send(setLevel, call("3", "level", `{}`))
				c.answer(`"l"`)
				assert.Equal(t, "error", c.answer("3").text())
				c.send(call("4", "who", `{}`))
				assert.Equal(t, "true  null", c.answer("4").text())
				c.send(call("5", "ask", `{}`))
				assert.Contains(t, c.answer("5").text(), mcpserver.ErrElicitationNotSupported.Error())
				c.send(modernCall("6", "who", `{}`, `{"experimental":{"c":{}}}`))
				assert.Equal(t, `true  {"c":{}}`, c.answer("6").text(), "a request that says it itself means itself")
				require.NoError(t, c.hangUp())
				assert.Empty(t, c.unread())
			})
		})
	}
}

func TestFirstLineMayBeginWithAByteOrderMark(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools()})
		c.send("\xef\xbb\xbf"+initialize("1", `{}`), ping)
		c.answer("1")
		c.answer(`"ping"`)
		c.send("\xef\xbb\xbf" + ping)
		require.NotNil(t, c.next().Error, "only the first line can have one")
		require.NoError(t, c.hangUp())
	})
}
