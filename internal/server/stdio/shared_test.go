package stdio_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
