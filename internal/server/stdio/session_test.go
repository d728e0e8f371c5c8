package stdio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server/stdio"
)

// initialize and the first call arrive in one write: the call sees the session initialized, every
// time.
func TestRequestsAfterInitializeSeeIt(t *testing.T) {
	t.Parallel()
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			c := connect(t, &stdio.Server{MCP: tools()})
			c.send(initialize("1", `{"experimental":{"a":{}}}`), `{"jsonrpc":"2.0","method":"notifications/initialized"}`, call("2", "who", `{}`))
			c.answer("1")
			assert.Equal(t, `true tester {"a":{}}`, c.answer("2").text())
			require.NoError(t, c.hangUp())
		})
	}
}

// Four hundred requests of the newest protocol side by side: each sees its own capabilities and no
// session.
func TestModernRequestsSeeOnlyThemselves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools()})
		c.send(modernCall(`"m"`, "session", `{}`, `{}`))
		assert.Empty(t, c.answer(`"m"`).text())
		for i := range 400 {
			c.send(modernCall(fmt.Sprint(i), "who", `{}`, fmt.Sprintf(`{"experimental":{"n%d":{}}}`, i)))
		}
		require.NoError(t, c.hangUp())
		answers := c.unread()
		require.Len(t, answers, 400)
		for _, m := range answers {
			assert.Equal(t, fmt.Sprintf(`true  {"n%s":{}}`, m.ID), m.text())
		}
	})
}

// Two connections on one MCP server: other ids, other facts, and what one is asked the other does
// not see.
func TestServersInOneProcessShareNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := tools()
		a, b := connect(t, &stdio.Server{MCP: shared}), connect(t, &stdio.Server{MCP: shared})
		a.send(initialize("1", `{"elicitation":{}}`), call("2", "session", `{}`), call("3", "session", `{}`))
		b.send(initialize("1", `{}`), call("2", "session", `{}`))
		a.answer("1")
		b.answer("1")
		first, second, other := a.next().text(), a.next().text(), b.answer("2").text()
		assert.Equal(t, first, second)
		assert.NotEqual(t, first, other)
		assert.GreaterOrEqual(t, len(other), 26, "an id that cannot be guessed")

		a.send(call("4", "ask", `{}`))
		question := a.next()
		b.send(call("4", "ask", `{}`))
		assert.Contains(t, b.answer("4").text(), "not asked")
		b.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept"}}`, question.ID))
		synctest.Wait()
		assert.Empty(t, a.unread(), "only its own client can answer a question")
		a.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"decline"}}`, question.ID))
		assert.Equal(t, "decline", a.answer("4").text())

		require.NoError(t, shared.SendNotificationToSpecificClient(first, "notifications/note", nil))
		assert.Equal(t, "notifications/note", a.next().Method)
		require.NoError(t, a.hangUp())
		require.ErrorIs(t, shared.SendNotificationToSpecificClient(first, "notifications/note", nil), mcpserver.ErrSessionNotFound)
		require.NoError(t, b.hangUp())
		assert.Empty(t, b.unread())
	})
}

// Forty questions to a person wait at the same time in one place, and the answers find theirs in
// any order.
func TestElicitationYieldsTheSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools(), MaxConcurrent: 1})
		c.send(initialize(`"i"`, `{"elicitation":{}}`))
		c.answer(`"i"`)
		var questions []message
		for i := range 40 {
			c.send(call(fmt.Sprint(i), "ask", `{}`))
			question := c.next()
			assert.Equal(t, "elicitation/create", question.Method)
			assert.JSONEq(t, `{"message":"Sure?","requestedSchema":{"type":"object","properties":{}}}`, string(question.Params))
			assert.Regexp(t, `^"[A-Z2-7]{26}"$`, string(question.ID), "128 random bits: nobody who was not asked can answer")
			questions = append(questions, question)
		}
		for i := 39; i >= 0; i-- {
			action := []string{"accept", "decline", "cancel"}[i%3]
			c.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":%q}}`, questions[i].ID, action))
			assert.Equal(t, action, c.answer(fmt.Sprint(i)).text())
		}
		require.NoError(t, c.hangUp())
	})
}

// Whatever leaves a question without a valid answer ends it, and the client learns when it no
// longer stands.
func TestUnansweredElicitation(t *testing.T) {
	t.Parallel()
	ask := func(t *testing.T, capabilities string) *client {
		c := connect(t, &stdio.Server{MCP: tools()})
		c.send(initialize(`"i"`, capabilities), call("1", "ask", `{}`))
		c.answer(`"i"`)
		return c
	}
	for name, reply := range map[string]string{
		"error":          `"error":{"code":-1,"message":"CANARY"}`,
		"unknown action": `"result":{"action":"CANARY"}`,
		"no object":      `"result":"CANARY"`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := ask(t, `{"elicitation":{}}`)
				c.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, c.next().ID, reply))
				text := c.answer("1").text()
				assert.Contains(t, text, "not asked")
				assert.NotContains(t, text, "CANARY")
				require.NoError(t, c.hangUp())
			})
		})
	}
	t.Run("the client cannot ask", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := ask(t, `{}`)
			begin := time.Now()
			assert.Contains(t, c.answer("1").text(), mcpserver.ErrElicitationNotSupported.Error())
			assert.Zero(t, time.Since(begin))
			require.NoError(t, c.hangUp())
		})
	})
	t.Run("time passes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := ask(t, `{"elicitation":{}}`)
			question, begin := c.next(), time.Now()
			withdrawn := c.next()
			assert.Equal(t, "notifications/cancelled", withdrawn.Method)
			assert.JSONEq(t, fmt.Sprintf(`{"requestId":%s}`, question.ID), string(withdrawn.Params))
			c.answer("1")
			assert.Equal(t, 45*time.Second, time.Since(begin))
			c.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept"}}`, question.ID)) // too late
			require.NoError(t, c.hangUp())
			assert.Empty(t, c.unread())
		})
	})
	t.Run("the input ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := ask(t, `{"elicitation":{}}`)
			c.next()
			begin := time.Now()
			require.NoError(t, c.hangUp())
			assert.Zero(t, time.Since(begin))
			assert.Contains(t, c.answer("1").text(), stdio.ErrInputEnded.Error())
		})
	})
}

// The log level of an older client is that of its connection; a modern request names its own.
func TestLogMessagesFollowTheRequestedLevel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := tools()
		s.AddTool(mcp.NewTool("log"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			n := mcp.NewLoggingMessageNotification(mcp.LoggingLevelInfo, "test", "hello")
			return mcp.NewToolResultText("logged"), s.SendLogMessageToClient(ctx, n)
		})
		modern := connect(t, &stdio.Server{MCP: s})
		modern.send(modernCall("3", "log", `{}`, `{}`))
		synctest.Wait()
		assert.Len(t, modern.unread(), 1, "nothing at all for a modern request without a level")
		require.NoError(t, modern.hangUp())

		c := connect(t, &stdio.Server{MCP: s})
		setLevel := `{"jsonrpc":"2.0","id":"l","method":"logging/setLevel","params":{"level":"info"}}`
		c.send(initialize("1", `{}`), call("2", "log", `{}`))
		c.answer("1")
		synctest.Wait()
		assert.Len(t, c.unread(), 1, "errors only")
		c.send(setLevel, call("4", "log", `{}`))
		c.answer(`"l"`)
		assert.Equal(t, "notifications/message", c.next().Method)
		c.answer("4")
		require.NoError(t, c.hangUp())
	})
}

// Context is called once for each message, with the session that the message belongs to.
func TestEveryRequestGetsItsContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		s := tools()
		s.AddTool(mcp.NewTool("caller"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(fmt.Sprint(ctx.Value(key{}))), nil
		})
		c := connect(t, &stdio.Server{MCP: s, Context: func(ctx context.Context) context.Context {
			session := mcpserver.ClientSessionFromContext(ctx).(mcpserver.SessionWithClientInfo)
			return context.WithValue(ctx, key{}, fmt.Sprintln("local", mcpserver.IsModernRequest(ctx), session.SessionID() != "", session.GetClientInfo().Name))
		}})
		c.send(initialize("0", `{}`), call("1", "caller", `{}`))
		c.answer("0")
		assert.Equal(t, "local false true tester\n", c.answer("1").text())
		c.send(modernCall("2", "caller", `{}`, `{}`))
		assert.Equal(t, "local true false \n", c.answer("2").text())
		require.NoError(t, c.hangUp())
	})
}

// The newest protocol works without initialize, discovery included.
func TestDiscover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools()})
		c.send(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + modern(`{}`) + `}}`)
		var result struct {
			ResultType        string
			SupportedVersions []string
		}
		require.NoError(t, json.Unmarshal(c.answer("1").Result, &result))
		assert.Equal(t, "complete", result.ResultType)
		assert.Contains(t, result.SupportedVersions, "2026-07-28")
		require.NoError(t, c.hangUp())
	})
}

// A subscription of the newest protocol is acknowledged first, stays open, and ends with the input,
// or silently when it is cancelled.
func TestSubscriptionEndsWithTheInput(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(true))
		c := connect(t, &stdio.Server{MCP: s})
		begin := time.Now()
		listen := func(id string) string {
			return `{"jsonrpc":"2.0","id":` + id + `,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},` + modern(`{}`) + `}}`
		}
		for _, id := range []string{"1", "2"} {
			c.send(listen(id))
			assert.Equal(t, "notifications/subscriptions/acknowledged", c.next().Method)
		}
		synctest.Wait()
		assert.Empty(t, c.unread())
		c.send(cancellation("1"))
		require.NoError(t, c.hangUp())
		assert.Zero(t, time.Since(begin))
		c.answer("2")
		assert.Empty(t, c.unread())
	})
}
