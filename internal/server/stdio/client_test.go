package stdio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/internal/server/stdio"
)

// message is one line from the server.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	} `json:"error"`
}

// text is the text of a tool result.
func (m message) text() string {
	var result struct {
		Content []struct{ Text string }
	}
	_ = json.Unmarshal(m.Result, &result)
	if len(result.Content) == 0 {
		return ""
	}
	return result.Content[0].Text
}

// client is the other end of a Stdio under test: it writes lines and keeps what comes back.
type client struct {
	t      testing.TB
	in     *io.PipeWriter
	stop   context.CancelFunc
	served chan error

	mu   sync.Mutex
	got  []message
	read int
	more chan struct{}
}

// connect starts to serve a client. Fields of s that are zero get their defaults; In and Out are
// the client's.
func connect(t testing.TB, s *stdio.Server) *client {
	ctx, stop := context.WithCancel(context.Background())
	in, feed := io.Pipe()
	c := &client{t: t, in: feed, stop: stop, served: make(chan error, 1), more: make(chan struct{}, 1)}
	s.In = in
	if s.Out == nil {
		s.Out = c
	}
	go func() { c.served <- s.Serve(ctx) }()
	return c
}

// Write takes what the server writes: whole lines, each of them one JSON-RPC message.
func (c *client) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	assert.True(c.t, bytes.HasSuffix(p, []byte("\n")), "the server writes whole lines")
	for line := range bytes.Lines(p) {
		_, refused := jsonrpc.Parse(line)
		assert.Nil(c.t, refused, "the server writes what its own check accepts")
		var m message
		assert.NoError(c.t, json.Unmarshal(line, &m))
		c.got = append(c.got, m)
	}
	select {
	case c.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

// send writes lines.
func (c *client) send(lines ...string) {
	c.t.Helper()
	_, err := io.WriteString(c.in, strings.Join(lines, "\n")+"\n")
	require.NoError(c.t, err)
}

// next returns the next message of the server.
func (c *client) next() message {
	c.t.Helper()
	for {
		c.mu.Lock()
		if c.read < len(c.got) {
			c.read++
			m := c.got[c.read-1]
			c.mu.Unlock()
			return m
		}
		c.mu.Unlock()
		select {
		case <-c.more:
		case <-time.After(time.Hour):
			require.FailNow(c.t, "no message came")
		}
	}
}

// answer returns the next answer, which must be that to id, without an error.
func (c *client) answer(id string) message {
	c.t.Helper()
	m := c.next()
	require.JSONEq(c.t, id, string(m.ID))
	require.Nil(c.t, m.Error, "%+v", m.Error)
	return m
}

// unread returns what came and was not asked for with next.
func (c *client) unread() []message {
	c.mu.Lock()
	defer c.mu.Unlock()
	rest := c.got[c.read:]
	c.read = len(c.got)
	return rest
}

// hangUp ends the input and returns what Serve says.
func (c *client) hangUp() error {
	_ = c.in.Close()
	err := <-c.served
	c.stop()
	return err
}

// terminate does what SIGTERM does and returns what Serve says.
func (c *client) terminate() error {
	c.stop()
	err := <-c.served
	_ = c.in.Close()
	return err
}

func call(id, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, id, tool, arguments)
}

func callWithProgress(id, tool, arguments, token string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{"progressToken":%s}}}`,
		id, tool, arguments, token)
}

// modern is the _meta of a request of protocol 2026-07-28.
func modern(capabilities string) string {
	return `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` + capabilities + `}`
}

func modernCall(id, tool, arguments, capabilities string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s,%s}}`,
		id, tool, arguments, modern(capabilities))
}

func initialize(id, capabilities string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":%s,`+
		`"clientInfo":{"name":"tester","version":"1"}}}`, id, capabilities)
}

func cancellation(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`
}

const ping = `{"jsonrpc":"2.0","id":"ping","method":"ping"}`

// tools returns an MCP server with the tools that the tests need.
func tools() *mcpserver.MCPServer {
	s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(false), mcpserver.WithElicitation(), mcpserver.WithLogging())
	add := func(name string, handler func(context.Context, mcp.CallToolRequest) (string, error)) {
		s.AddTool(mcp.NewTool(name), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			text, err := handler(ctx, r)
			return mcp.NewToolResultText(text), err
		})
	}
	add("echo", func(_ context.Context, r mcp.CallToolRequest) (string, error) {
		return r.GetString("text", "hello"), nil
	})
	add("wait", func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		if r.GetBool("yield", false) {
			defer server.Yield(ctx)()
		}
		timer := time.NewTimer(time.Duration(r.GetFloat("seconds", 30) * float64(time.Second)))
		defer timer.Stop()
		select {
		case <-timer.C:
			return "waited", nil
		case <-ctx.Done():
			return causeName(context.Cause(ctx)), nil
		}
	})
	add("stubborn", func(context.Context, mcp.CallToolRequest) (string, error) {
		time.Sleep(5 * time.Minute)
		return "at last", nil
	})
	add("count", func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		for i := range r.GetInt("to", 3) {
			if err := server.Progress(ctx).Report(ctx, float64(i+1), 0, "counting"); err != nil {
				return "", err
			}
		}
		return "counted", nil
	})
	add("notify", func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		for i := range r.GetInt("to", 3) {
			err := s.SendNotificationToClient(ctx, "notifications/note", map[string]any{"of": r.GetInt("of", 0), "n": i + 1})
			if err != nil {
				return "", err
			}
		}
		return "noted", nil
	})
	add("panic", func(context.Context, mcp.CallToolRequest) (string, error) { panic("CANARY-in-a-panic") })
	add("session", func(ctx context.Context, _ mcp.CallToolRequest) (string, error) {
		session := mcpserver.ClientSessionFromContext(ctx)
		return session.SessionID(), nil
	})
	add("who", func(ctx context.Context, _ mcp.CallToolRequest) (string, error) {
		session := mcpserver.ClientSessionFromContext(ctx).(mcpserver.SessionWithClientInfo)
		time.Sleep(time.Millisecond) // let others in between
		facts, err := json.Marshal(session.GetClientCapabilities().Experimental)
		return fmt.Sprintf("%v %s %s", session.Initialized(), session.GetClientInfo().Name, facts), err
	})
	add("ask", func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
		defer cancel()
		answer, err := s.RequestElicitation(ctx, mcp.ElicitationRequest{Params: mcp.ElicitationParams{
			Message: "Sure?", RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}},
		}})
		if err != nil {
			return "not asked: " + err.Error(), nil
		}
		return string(answer.Action), nil
	})
	return s
}

func causeName(err error) string {
	switch {
	case errors.Is(err, server.ErrShuttingDown):
		return "shutting down"
	case errors.Is(err, server.ErrCancelled):
		return "cancelled"
	}
	return fmt.Sprint(err)
}
