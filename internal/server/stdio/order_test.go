package stdio_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/stdio"
)

// addTool adds a tool that works with the progress of its call.
func addTool(s *mcpserver.MCPServer, name string, work func(report func() error)) {
	s.AddTool(mcp.NewTool(name), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		n := 0.0
		work(func() error {
			n++
			return server.Progress(ctx).Report(context.WithoutCancel(ctx), n, 0, "")
		})
		return mcp.NewToolResultText("worked"), nil
	})
}

// addToolWithContext adds a tool that waits for its cancellation and says when that came.
func addToolWithContext(s *mcpserver.MCPServer, name string, ended chan<- struct{}) {
	s.AddTool(mcp.NewTool(name), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		<-ctx.Done()
		close(ended)
		return mcp.NewToolResultText("ended"), nil
	})
}

// linesOf reads whole lines, one a Read.
type linesOf struct {
	r   io.Reader
	buf *bufio.Reader
}

func (l *linesOf) Read([]byte) (int, error) { panic("used through WriteTo") }

func (l *linesOf) WriteTo(w io.Writer) (int64, error) {
	l.buf = bufio.NewReader(l.r)
	for {
		line, err := l.buf.ReadBytes('\n')
		if err != nil {
			return 0, nil
		}
		if _, err := w.Write(line); err != nil {
			return 0, err
		}
	}
}

// A hundred calls at once, five reports each: every report stands before the answer of its own
// call, under its own token, in order, and none is missing.
func TestProgressPrecedesTheAnswer(t *testing.T) {
	t.Parallel()
	const calls, reports = 100, 5
	for name, request := range map[string]func(id string) string{
		"legacy": func(id string) string { return callWithProgress(id, "count", `{"to":5}`, `"of `+id+`"`) },
		"modern": func(id string) string {
			return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"count","arguments":{"to":5},`+
				`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":"of %s",`+
				`"io.modelcontextprotocol/clientCapabilities":{}}}}`, id, id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := connect(t, &stdio.Server{MCP: tools()})
				for i := range calls {
					c.send(request(fmt.Sprint(i)))
				}
				require.NoError(t, c.hangUp())
				seen := map[string]int{}
				for _, m := range c.unread() {
					if m.Method == "" {
						assert.Equal(t, reports, seen["of "+string(m.ID)], "the answer comes last")
						assert.Equal(t, "counted", m.text())
						seen["answers"]++
						continue
					}
					var p struct {
						ProgressToken string
						Progress      int
						Message       string
					}
					require.NoError(t, json.Unmarshal(m.Params, &p))
					seen[p.ProgressToken]++
					assert.Equal(t, seen[p.ProgressToken], p.Progress)
					assert.Equal(t, "counting", p.Message)
				}
				assert.Equal(t, calls, seen["answers"])
			})
		})
	}
}

// The same holds for what mcp-go itself sends to the client of a call, in both eras.
func TestLibraryNotificationsPrecedeTheAnswer(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]func(i int) string{
		"legacy": func(i int) string {
			return call(fmt.Sprint(i+1), "notify", fmt.Sprintf(`{"to":20,"of":%d}`, i+1))
		},
		"modern": func(i int) string {
			return modernCall(fmt.Sprint(i+1), "notify", fmt.Sprintf(`{"to":20,"of":%d}`, i+1), `{}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := connect(t, &stdio.Server{MCP: tools()})
				if name == "legacy" {
					c.send(initialize(`"i"`, `{}`))
					c.answer(`"i"`)
				}
				for i := range 100 {
					c.send(request(i))
				}
				require.NoError(t, c.hangUp())
				seen, answers := map[int]int{}, 0
				for _, m := range c.unread() {
					var p struct{ Of, N int }
					if m.Method == "" {
						require.NoError(t, json.Unmarshal(m.ID, &p.Of))
						assert.Equal(t, 20, seen[p.Of])
						answers++
						continue
					}
					require.NoError(t, json.Unmarshal(m.Params, &p))
					seen[p.Of]++
					assert.Equal(t, seen[p.Of], p.N)
				}
				assert.Equal(t, 100, answers)
			})
		})
	}
}

// Only requests that ask get progress; a token comes back as it was sent, large numbers included;
// progress must rise.
func TestProgressToken(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{
		`"t"`: `"t"`, `9007199254740993`: `9007199254740993`, `0`: `0`, `null`: "", `{}`: "", `[1]`: "", `true`: "",
	} {
		synctest.Test(t, func(t *testing.T) {
			mcp := tools()
			addTool(mcp, "work", func(report func() error) { assert.NoError(t, report()) })
			c := connect(t, &stdio.Server{MCP: mcp})
			c.send(callWithProgress("1", "work", `{}`, token))
			if want != "" {
				assert.JSONEq(t, `{"progressToken":`+want+`,"progress":1}`, string(c.next().Params))
			}
			c.answer("1")
			require.NoError(t, c.hangUp())
		})
	}
}

func TestProgressMustRise(t *testing.T) {
	t.Parallel()
	var sent []string
	p := server.NewProgress(json.RawMessage(`1`), func(_ context.Context, _ string, params any) error {
		body, err := json.Marshal(params)
		sent = append(sent, string(body))
		return err
	})
	require.NoError(t, p.Report(t.Context(), 0, 10, "begun"))
	require.ErrorIs(t, p.Report(t.Context(), 0, 10, "again"), server.ErrProgressOrder)
	require.NoError(t, p.Report(t.Context(), 2.5, 10, ""))
	assert.Equal(t, []string{`{"progressToken":1,"progress":0,"total":10,"message":"begun"}`, `{"progressToken":1,"progress":2.5,"total":10}`}, sent)

	none := server.Progress(t.Context())
	require.NoError(t, none.Report(t.Context(), 1, 0, ""))
}
