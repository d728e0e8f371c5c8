package http_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

// person answers every form in the same way.
type person struct {
	answer mcp.ElicitationResponse
	asked  []string
}

func (p *person) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	p.asked = append(p.asked, r.Params.Message)
	return &mcp.ElicitationResult{ElicitationResponse: p.answer}, nil
}

var (
	saysYes = mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionAccept, Content: map[string]any{"confirm": true}}
	saysNo  = mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionDecline}
)

// remove lets a client of mcp-go delete an identity that it did not create.
func (e *endpoint) remove(t *testing.T, over transport.Interface, version string, options ...mcpclient.ClientOption) *mcp.CallToolResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := mcpclient.NewClient(over, append(options, mcpclient.WithProtocolVersion(version))...)
	require.NoError(t, c.Start(ctx))
	defer c.Close()
	start := mcp.InitializeRequest{}
	start.Params.ProtocolVersion = version
	start.Params.ClientInfo = mcp.Implementation{Name: "tester", Version: "1"}
	_, err := c.Initialize(ctx, start)
	require.NoError(t, err)
	call := mcp.CallToolRequest{}
	call.Params.Name = "delete_identity"
	call.Params.Arguments = map[string]any{"identity": "existing"}
	result, err := c.CallTool(ctx, call)
	require.NoError(t, err)
	return result
}

func TestElicitationInEveryProtocolVersion(t *testing.T) {
	streamable := func(e *endpoint) transport.Interface {
		over, err := transport.NewStreamableHTTP(e.url+"/mcp", transport.WithHTTPBasicClient(e.httpClient()))
		require.NoError(e.t, err)
		return over
	}
	sse := func(e *endpoint) transport.Interface {
		over, err := transport.NewSSE(e.url+"/sse", transport.WithHTTPClient(e.httpClient()))
		require.NoError(e.t, err)
		return over
	}
	for name, c := range map[string]struct {
		over    func(*endpoint) transport.Interface
		version string
		answer  *mcp.ElicitationResponse
		reason  string
	}{
		"legacy, yes":        {streamable, "2025-11-25", &saysYes, ""},
		"legacy, no":         {streamable, "2025-11-25", &saysNo, "declined"},
		"legacy, cannot ask": {streamable, "2025-11-25", nil, "impossible"},
		"modern, yes":        {streamable, "2026-07-28", &saysYes, ""},
		"modern, no":         {streamable, "2026-07-28", &saysNo, "declined"},
		"modern, cannot ask": {streamable, "2026-07-28", nil, "impossible"},
		"SSE cannot ask":     {sse, "2025-11-25", &saysYes, "impossible"},
		"SSE, not declared":  {sse, "2025-11-25", nil, "impossible"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := serveInMemory(t, nil)
				e.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "existing"})
				var options []mcpclient.ClientOption
				p := &person{}
				if c.answer != nil {
					p.answer = *c.answer
					options = append(options, mcpclient.WithElicitationHandler(p))
				}
				start := time.Now()
				r := e.remove(t, c.over(e), c.version, options...)
				assert.Zero(t, time.Since(start), "no client is waited for that cannot answer")
				if c.reason == "" {
					assert.False(t, r.IsError, "%v", r.Content)
					assert.Len(t, p.asked, 1)
					assert.Empty(t, e.ravi.Server.Identities())
					return
				}
				require.True(t, r.IsError)
				var body fault.Body
				require.NoError(t, json.Unmarshal([]byte(r.Content[0].(mcp.TextContent).Text), &body))
				assert.Equal(t, fault.Denied, body.Code)
				assert.Equal(t, c.reason, body.Reason)
				assert.Len(t, e.ravi.Server.Identities(), 1)
			})
		})
	}
}
