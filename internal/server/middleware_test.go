package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/test/harness"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/schemas"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

const canary = "CANARY-0x7f"

// trouble is a result that fails as its name says when it is encoded.
type trouble struct{ How string }

func (t trouble) MarshalJSON() ([]byte, error) {
	switch t.How {
	case "encoding fails":
		return nil, errors.New(canary)
	case "encoding panics":
		panic(canary)
	}
	return []byte(`{}`), nil
}

// troublesome serves one tool that goes wrong, through the whole middleware.
func troublesome(t *testing.T, log *bytes.Buffer, run func(context.Context) (tool.Result, error)) func(context.Context) *mcp.CallToolResult {
	t.Helper()
	schema := schemas.Input[struct{}]()
	system := harness.NewSystem(t, harness.SystemConfig{Connect: func() (*ravi.Client, error) { return nil, config.ErrNoCredentials }})
	handle := newToolHandler(tool.Tool{
		Name: "trouble", Hints: tool.Hints{ReadOnly: true}, Input: schema, Output: schema,
		Run: func(ctx context.Context, _ tool.Call, _ json.RawMessage) (tool.Result, error) { return run(ctx) },
	}, Config{Log: zerolog.New(log), Deps: system.Deps}, nil)
	calls, err := newDispatcher(mcp.Implementation{Name: "test", Version: "1"}, session.Policies{})
	require.NoError(t, err)
	return func(ctx context.Context) *mcp.CallToolResult {
		result, err := handle.handle(ctx, mcp.CallToolRequest{})
		require.NoError(t, err, "a failure is a result and not an exception")
		text, err := json.Marshal(result)
		require.NoError(t, err)
		if _, known := session.CallFrom(ctx); known { // the id is new where it is not
			assert.JSONEq(t, string(text), string(DirectCall{dispatcher: calls, tool: handle}.Run(ctx)), "the dispatcher says the same")
		}
		return result
	}
}

// Whatever goes wrong inside leaves as an internal error with an id that the log has too, and
// neither holds what the fault was about.
func TestInternalErrorsAreTiedToTheLogByID(t *testing.T) {
	for name, run := range map[string]func(context.Context) (tool.Result, error){
		"unknown error":   func(context.Context) (tool.Result, error) { return nil, errors.New("something of the inside") },
		"panic":           func(context.Context) (tool.Result, error) { panic(canary) },
		"panicking error": func(context.Context) (tool.Result, error) { panic(errors.New(canary)) },
		"encoding panics": func(context.Context) (tool.Result, error) { return trouble{"encoding panics"}, nil },
		"nil result":      func(context.Context) (tool.Result, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			ctx := session.WithCall(t.Context(), session.Call{Caller: &session.Caller{Name: "c"}, RequestID: "id-4711"})
			result := troublesome(t, &log, run)(ctx)
			require.True(t, result.IsError)
			text, ok := mcp.AsTextContent(result.Content[0])
			require.True(t, ok)
			var body fault.Body
			require.NoError(t, json.Unmarshal([]byte(text.Text), &body))
			assert.Equal(t, fault.Internal, body.Code)
			assert.Contains(t, body.Message, "id-4711")
			assert.Contains(t, log.String(), "id-4711")
			for _, inside := range []string{canary, "something of the inside", "errors.", "fault.", "fmt."} {
				assert.NotContains(t, text.Text, inside)
			}
			assert.NotContains(t, log.String(), canary)
		})
	}
}

func TestCallWithoutACallerIsRefusedAndLogged(t *testing.T) {
	var log bytes.Buffer
	ran := false
	result := troublesome(t, &log, func(context.Context) (tool.Result, error) { ran = true; return trouble{}, nil })(t.Context())
	assert.True(t, result.IsError)
	assert.False(t, ran)
	assert.Contains(t, log.String(), "named no caller")
}

func TestCallEndsAtItsDeadline(t *testing.T) {
	r := &request{Call: session.Call{Caller: &session.Caller{Name: "c"}}, Deadline: time.Nanosecond}
	_, err := bound(func(ctx context.Context, _ *request) (tool.Result, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	})(t.Context(), r)
	assert.Equal(t, fault.Unavailable, fault.From(err).Code)
}
