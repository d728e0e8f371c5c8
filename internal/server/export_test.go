package server

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/schemas"
	"ravi-mcp/tools/tool"
)

// Mount publishes a tool of a test behind the middleware that every tool has. Its handler answers
// in the terms of the protocol, images and questions among them, which no tool of this server does;
// its error leaves as a protocol error.
func Mount(s *mcpserver.MCPServer, cfg Config, published mcp.Tool, handle mcpserver.ToolHandlerFunc) error {
	input, err := schemas.Compile(published.RawInputSchema)
	if err != nil {
		return err
	}
	s.AddTool(published, func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var answer *mcp.CallToolResult
		var failed error
		run := withMiddleware(cfg, func(ctx context.Context, _ *request) (tool.Result, error) {
			answer, failed = handle(ctx, req)
			return encoded{}, failed
		})
		result, err := run(ctx, &request{
			Method: "tools/call " + published.Name, Schema: input, Arguments: arguments(req), Deadline: callDeadline, Tool: published.Name,
			Answers: req.Params.InputResponses, State: req.Params.RequestState,
		})
		if failed != nil {
			return nil, failed
		}
		if _, done := result.(encoded); err == nil && done {
			return answer, nil
		}
		return callResult(result, err), nil
	})
	return nil
}
