package server

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/tools"
	"ravi-mcp/tools/tool"
)

func (f *features) addPrompt(s *mcpserver.MCPServer, p tools.Prompt) {
	published := mcp.Prompt{Name: p.Name, Title: p.Title, Description: p.Description}
	for _, a := range p.Arguments {
		published.Arguments = append(published.Arguments, mcp.PromptArgument{Name: a.Name, Description: a.Description, Required: a.Required})
	}
	s.AddPrompt(published, func(ctx context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		if !f.has(ctx, p.Needs...) {
			return nil, failed(ctx, tools.NoPrompt(), mcp.INVALID_PARAMS, "")
		}
		given := req.Params.Arguments
		if given == nil {
			given = map[string]string{}
		}
		result, err := f.run(ctx, &request{Method: "prompts/get " + p.Name, Schema: p.Input, Arguments: rawArguments(given), Meta: req.Params.Meta},
			func(ctx context.Context, r *request) (tool.Result, error) {
				call := tool.Call{Call: r.Call, Progress: progressOf(ctx)}
				return p.Run(ctx, call, r.Arguments, func(name string) bool { return f.has(ctx, name) })
			})
		if err != nil {
			return nil, failed(ctx, err, mcp.INVALID_PARAMS, "")
		}
		text, ok := result.(tools.PromptText)
		if !ok {
			return nil, failed(ctx, errLostResult, mcp.INTERNAL_ERROR, "")
		}
		return &mcp.GetPromptResult{
			Description: p.Description,
			Messages:    []mcp.PromptMessage{mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(text.Text))},
		}, nil
	})
}

// allowedPrompts leaves only the prompts that exist for the caller, in lists and in calls.
func (f *features) allowedPrompts(ctx context.Context, published []mcp.Prompt) []mcp.Prompt {
	prompts := tools.Prompts(f.cfg.Deps)
	needs := make(map[string][]string, len(prompts))
	for _, p := range prompts {
		needs[p.Name] = p.Needs
	}
	return filter(published, func(p mcp.Prompt) bool { return f.has(ctx, needs[p.Name]...) })
}
