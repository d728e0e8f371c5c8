package stdio_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/stdio"
)

// A cancelled call ends at once and is never answered; its place goes to the next.
func TestCancellingARunningCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools(), MaxConcurrent: 1})
		begin := time.Now()
		c.send(call("1", "wait", `{}`))
		synctest.Wait()
		c.send(call("2", "echo", `{}`), cancellation("1"))
		c.answer("2")
		assert.Zero(t, time.Since(begin))
		require.NoError(t, c.hangUp())
		assert.Zero(t, time.Since(begin))
		assert.Empty(t, c.unread(), "nothing is sent for the cancelled call")
	})
}

// A call that is cancelled while it queues never runs.
func TestCancellingAQueuedCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all, ran := tools(), false
		all.AddTool(mcp.NewTool("run"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			ran = true
			return mcp.NewToolResultText("done"), nil
		})
		c := connect(t, &stdio.Server{MCP: all, MaxConcurrent: 1})
		begin := time.Now()
		c.send(call("1", "wait", `{"seconds":10}`))
		synctest.Wait()
		c.send(call("2", "run", `{}`))
		synctest.Wait()
		c.send(cancellation("2"), call("3", "echo", `{}`))
		c.answer("1")
		c.answer("3")
		require.NoError(t, c.hangUp())
		assert.Equal(t, 10*time.Second, time.Since(begin))
		assert.Empty(t, c.unread())
		assert.False(t, ran)
	})
}

// A wait that has yielded is cancelled as any other.
func TestCancellingAYieldedCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools(), MaxConcurrent: 1})
		begin := time.Now()
		c.send(call("1", "wait", `{"yield":true}`), call("2", "wait", `{"yield":true}`))
		synctest.Wait()
		c.send(cancellation("1"), cancellation("2"), call("3", "echo", `{}`))
		c.answer("3")
		require.NoError(t, c.hangUp())
		assert.Zero(t, time.Since(begin))
		assert.Empty(t, c.unread())
	})
}

// 1 and "1" are two ids, "a" and its escaped spelling are one; what names no call in flight changes
// nothing.
func TestCancellationNamesExactlyOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools()})
		c.send(call("1", "wait", `{}`), call(`"1"`, "wait", `{}`), call(`"a"`, "wait", `{}`))
		synctest.Wait()
		c.send(cancellation(`"1"`), cancellation(`"\u0061"`), cancellation("2"), cancellation("null"), cancellation("[1]"),
			`{"jsonrpc":"2.0","method":"notifications/cancelled"}`)
		require.NoError(t, c.hangUp())
		assert.Equal(t, "waited", c.answer("1").text())
		assert.Empty(t, c.unread())
	})
}

// No progress, either, after the cancellation: the handler that goes on is told so.
func TestCancelledCallSendsNoProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mcp := tools()
		var late error
		addTool(mcp, "deaf", func(report func() error) {
			assert.NoError(t, report())
			time.Sleep(time.Minute)
			late = report()
		})
		c := connect(t, &stdio.Server{MCP: mcp})
		c.send(callWithProgress("1", "deaf", `{}`, `"p"`))
		assert.Equal(t, "notifications/progress", c.next().Method)
		c.send(cancellation("1"))
		require.NoError(t, c.hangUp())
		require.ErrorIs(t, late, server.ErrAnswered)
		assert.Empty(t, c.unread())
	})
}

// A client that does not read its answers can still cancel: 1.5 MiB of answers are stuck, the wait
// ends nevertheless.
func TestCancellationWhileTheClientDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, stuck := io.Pipe()
		mcp := tools()
		ended := make(chan struct{})
		addToolWithContext(mcp, "end", ended)
		c := connect(t, &stdio.Server{MCP: mcp, Out: stuck})
		large := `{"text":"` + strings.Repeat("x", 300<<10) + `"}`
		c.send(call("0", "end", `{}`))
		for _, id := range []string{"1", "2", "3", "4", "5"} {
			c.send(call(id, "echo", large))
			synctest.Wait()
		}
		c.send(ping, cancellation("0"), cancellation("5"))
		<-ended
		synctest.Wait()
		c.send(call("5", "echo", `{"text":"again"}`)) // the id is free, so the finished call does not wait on

		go func() { _, _ = io.Copy(c, &linesOf{r: out}) }()
		synctest.Wait()
		ids := map[string]bool{}
		for _, m := range c.unread() {
			ids[string(m.ID)] = true
			if string(m.ID) == "5" {
				assert.Equal(t, "again", m.text())
			}
		}
		assert.Equal(t, map[string]bool{"1": true, "2": true, "3": true, "4": true, "5": true, `"ping"`: true}, ids,
			"the answer that was finished, but not taken yet, is cancelled too")
		require.NoError(t, c.hangUp())
		require.NoError(t, stuck.Close())
		synctest.Wait()
	})
}

// A client that never reads again does not keep the server alive.
func TestClientThatNeverReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, stuck := io.Pipe()
		c := connect(t, &stdio.Server{MCP: tools(), Out: stuck})
		c.send(ping)
		synctest.Wait()
		begin := time.Now()
		require.ErrorContains(t, c.terminate(), "does not read")
		assert.LessOrEqual(t, time.Since(begin), 5*time.Second)
		require.NoError(t, out.Close()) // ends the Write that nothing else can
	})
}
