package stdio_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/internal/server/stdio"
	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/jsonrpctest"
)

// Whatever stands on a line, it gets the right error, nothing of it is repeated, and the server
// goes on.
func TestMalformedLinesAreAnswered(t *testing.T) {
	t.Parallel()
	for _, bad := range jsonrpctest.BadMessages() {
		t.Run(bad.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log harness.Output
				c := connect(t, &stdio.Server{MCP: tools(), Log: zerolog.New(&log)})
				c.send(bad.Raw)
				refused := c.next()
				require.NotNil(t, refused.Error)
				assert.Equal(t, bad.Code, refused.Error.Code)
				id := bad.ID
				if id == "" {
					id = "null"
				}
				if !strings.Contains(id, "CANARY") {
					assert.NotContains(t, refused.Error.Message, "CANARY")
				}
				assert.NotContains(t, log.String(), "CANARY")
				c.send(ping)
				c.answer(`"ping"`)
				require.NoError(t, c.hangUp())
				assert.Empty(t, c.unread())
			})
		})
	}
}

// The line limit counts without the line end, whichever it is; the longest line is served, one byte
// more is not.
func TestLineLimit(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	line := func(n int) string {
		frame := call("1", "echo", `{"text":""}`)
		return call("1", "echo", `{"text":"`+strings.Repeat("x", n-len(frame))+`"}`)
	}
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools(), MaxLine: limit})
		c.send(line(limit))
		c.answer("1")
		synctest.Wait()
		for _, over := range []int{limit + 1, 3 * limit, 64 << 10 << 2} {
			c.send(line(over))
			refused := c.next()
			assert.Equal(t, "null", string(refused.ID))
			require.NotNil(t, refused.Error)
			assert.Equal(t, jsonrpc.CodeInvalidRequest, refused.Error.Code)
			assert.Contains(t, refused.Error.Message, fmt.Sprint(limit))
		}
		c.send(ping)
		c.answer(`"ping"`)
		require.NoError(t, c.hangUp())
	})
}

// Empty lines are nothing, line ends may be those of Windows, and the last line needs none.
func TestLineEnds(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	in := strings.NewReader("\n\r\n  \t\n" + ping + "\r\n" + call("1", "echo", `{}`))
	require.NoError(t, (&stdio.Server{MCP: tools(), In: in, Out: &out}).Serve(t.Context()))
	assert.Equal(t, 2, strings.Count(out.String(), "\n"))
	assert.Contains(t, out.String(), `{"jsonrpc":"2.0","id":"ping","result":{}}`)
}

// A line of 256 MiB is skipped in the memory of one buffer.
func TestEndlessLineCostsNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var out bytes.Buffer
	in := io.MultiReader(io.LimitReader(xs{}, 256<<20), strings.NewReader("\n"+ping+"\n"))
	require.NoError(t, (&stdio.Server{MCP: tools(), In: in, Out: &out}).Serve(t.Context()))
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
	assert.Contains(t, out.String(), `"id":"ping","result"`)
}

type xs struct{}

var block = bytes.Repeat([]byte("x"), 64<<10)

func (xs) Read(p []byte) (int, error) { return copy(p, block), nil }

// Every id comes back as it was written, also where a float64 cannot hold it.
func TestIDsComeBackUnchanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var raw harness.Output
		c := connect(t, &stdio.Server{MCP: tools(), Out: &raw})
		ids := []string{"0", "-1", "9007199254740993", "123456789012345678901234567890", `""`, `"a b"`, `"\u00e9\n"`, `"é"`}
		for _, id := range ids {
			c.send(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/list"}`)
			synctest.Wait()
		}
		require.NoError(t, c.hangUp())
		for i, line := range strings.Split(strings.TrimSpace(raw.String()), "\n") {
			if i == 7 {
				// "é" and its escaped spelling with a line feed are different ids
				assert.Contains(t, line, `"id":"é"`)
				continue
			}
			assert.Contains(t, line, `"id":`+ids[i]+`,`)
		}
	})
}
