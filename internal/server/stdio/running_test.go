package stdio_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/internal/server/stdio"
	"ravi-mcp/internal/test/harness"
)

// Whatever number of calls waits for a message, another call is answered at once: the clock of the
// bubble does not move.
func TestWaitsDoNotDelayAnotherCall(t *testing.T) {
	t.Parallel()
	for _, waits := range []int{0, 1, 40, 200} {
		t.Run(fmt.Sprint(waits), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := connect(t, &stdio.Server{MCP: tools()})
				for i := range waits {
					c.send(call(fmt.Sprint(i), "wait", `{}`))
				}
				synctest.Wait()
				begin := time.Now()
				c.send(call(`"other"`, "echo", `{"text":"quick"}`))
				assert.Equal(t, "quick", c.answer(`"other"`).text())
				assert.Zero(t, time.Since(begin), "the answer did not wait")

				for range waits {
					assert.Equal(t, "waited", c.next().text())
				}
				assert.LessOrEqual(t, time.Since(begin), 30*time.Second, "the waits ran side by side")
				require.NoError(t, c.hangUp())
			})
		})
	}
}

// Far more waits than slots: a wait that yields gives its slot back, so the next call still does
// not wait.
func TestYieldedWaitsNeedNoSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools(), MaxConcurrent: 2})
		for i := range 1000 {
			c.send(call(fmt.Sprint(i), "wait", `{"yield":true}`))
		}
		begin := time.Now()
		c.send(call(`"other"`, "echo", `{}`))
		c.answer(`"other"`)
		assert.Zero(t, time.Since(begin))
		require.NoError(t, c.hangUp())
		assert.Len(t, c.unread(), 1000)
		assert.Equal(t, 30*time.Second, time.Since(begin))
	})
}

// A wait that has found its message comes back before calls that have not begun.
func TestResumedWaitGoesBeforeTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools(), MaxConcurrent: 1})
		begin := time.Now()
		for _, line := range []string{
			call(`"waits"`, "wait", `{"yield":true,"seconds":1}`), call(`"runs"`, "wait", `{"seconds":5}`), call(`"queues"`, "wait", `{"seconds":5}`),
		} {
			c.send(line)
			synctest.Wait()
		}
		for _, want := range []struct {
			id string
			at time.Duration
		}{{`"runs"`, 5 * time.Second}, {`"waits"`, 5 * time.Second}, {`"queues"`, 10 * time.Second}} {
			c.answer(want.id)
			assert.Equal(t, want.at, time.Since(begin), want.id)
		}
		require.NoError(t, c.hangUp())
	})
}

// Calls beyond the bound queue in their order; everything that is no tool call passes them.
func TestCallsBeyondTheBoundQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools(), MaxConcurrent: 1})
		begin := time.Now()
		for i := range 4 {
			c.send(call(fmt.Sprint(i), "wait", `{"seconds":1}`))
			synctest.Wait()
		}
		c.send(ping)
		c.answer(`"ping"`)
		c.send(`{"jsonrpc":"2.0","id":"list","method":"tools/list"}`)
		c.answer(`"list"`)
		assert.Zero(t, time.Since(begin), "ping and tools/list do not queue")
		for i := range 4 {
			c.answer(fmt.Sprint(i))
			assert.Equal(t, time.Duration(i+1)*time.Second, time.Since(begin))
		}
		require.NoError(t, c.hangUp())
	})
}

// A client that opens more calls than the server holds is told to retry, and the calls in flight
// are not disturbed.
func TestTooManyCallsAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools(), MaxConcurrent: 1})
		for i := range 4096 {
			c.send(call(fmt.Sprint(i), "wait", `{}`))
		}
		c.send(call(`"one more"`, "echo", `{}`))
		refused := c.next()
		assert.JSONEq(t, `"one more"`, string(refused.ID))
		require.NotNil(t, refused.Error)
		assert.Equal(t, jsonrpc.CodeBusy, refused.Error.Code)
		assert.Contains(t, refused.Error.Message, "retry")
		assert.JSONEq(t, `{"retryable":true,"retry_after_seconds":1}`, string(refused.Error.Data))
		require.NoError(t, c.terminate())
		assert.Len(t, c.unread(), 4096)
	})
}

// The messages of calls in flight are bounded by size too, not only by number.
func TestPendingBytesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools(), MaxConcurrent: 1})
		c.send(call(`"first"`, "wait", `{}`))
		large := `{"text":"` + strings.Repeat("x", 4_000_000) + `"}`
		for i := range 9 {
			c.send(call(fmt.Sprint(i), "echo", large))
		}
		synctest.Wait()
		refused := c.unread()
		require.Len(t, refused, 1, "8 of them fit into 32 MiB")
		assert.Equal(t, jsonrpc.CodeBusy, refused[0].Error.Code)
		require.NoError(t, c.terminate())
		assert.Len(t, c.unread(), 9)
	})
}

// An id that is still in use is refused; once it is answered it is free again.
func TestDuplicateRequestIDIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools()})
		c.send(call("1", "wait", `{}`), call("1", "echo", `{}`), call(`"1"`, "echo", `{}`))
		refused := c.next()
		require.NotNil(t, refused.Error)
		assert.Equal(t, jsonrpc.CodeInvalidRequest, refused.Error.Code)
		c.answer(`"1"`)
		c.answer("1")
		synctest.Wait()
		c.send(call("1", "echo", `{}`))
		c.answer("1")
		require.NoError(t, c.hangUp())
	})
}

// What a handler panics with is not disclosed; the client gets an id under which the log says where
// it happened.
func TestPanicIsAnInternalErrorWithAnID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log harness.Output
		c := connect(t, &stdio.Server{MCP: tools(), Log: zerolog.New(&log)})
		c.send(call("7", "panic", `{}`))
		failed := c.next()
		assert.JSONEq(t, "7", string(failed.ID))
		require.NotNil(t, failed.Error)
		assert.Equal(t, jsonrpc.CodeInternal, failed.Error.Code)
		id := strings.TrimSuffix(strings.Fields(failed.Error.Message)[3], ");")
		assert.Contains(t, log.String(), `"error_id":"`+id+`"`)
		assert.Contains(t, log.String(), "stdio/client_test.go", "the stack says where")
		assert.NotContains(t, log.String()+failed.Error.Message, "CANARY")
		c.send(ping)
		c.answer(`"ping"`)
		require.NoError(t, c.hangUp())
	})
}
