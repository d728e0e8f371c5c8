package server

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"

	"ravi-mcp/internal/fault"
	"ravi-mcp/schemas"
	"ravi-mcp/tools"
	"ravi-mcp/tools/tool"
)

// CompletePromptArgument is what mcp-go asks for the argument of a prompt.
func (f *features) CompletePromptArgument(ctx context.Context, prompt string, argument mcp.CompleteArgument, given mcp.CompleteContext) (*mcp.Completion, error) {
	there := func(p tools.Prompt) bool { return p.Name == prompt && f.has(ctx, p.Needs...) }
	if !slices.ContainsFunc(tools.Prompts(f.cfg.Deps), there) {
		return nil, failed(ctx, tools.NoPrompt(), mcp.INVALID_PARAMS, "")
	}
	switch argument.Name {
	case "identity":
		return f.complete(ctx, "identity", "list_identities", tools.CompleteIdentity(f.cfg.Deps), argument, given)
	case "service":
		return f.complete(ctx, "service", "list_credentials", tools.CompleteDomain(f.cfg.Deps), argument, given)
	}
	return nil, failed(ctx, errNoArgument, mcp.INVALID_PARAMS, "")
}

// CompleteResourceArgument is what mcp-go asks for a variable of a template.
func (f *features) CompleteResourceArgument(ctx context.Context, uri string, argument mcp.CompleteArgument, given mcp.CompleteContext) (*mcp.Completion, error) {
	there := func(r tools.Resource) bool { return r.Template && r.URI == uri && f.has(ctx, r.Tool) }
	if !slices.ContainsFunc(tools.Resources(), there) {
		return nil, failed(ctx, tools.NoResource(), mcp.INVALID_PARAMS, "")
	}
	if argument.Name != "uuid" {
		return nil, failed(ctx, errNoArgument, mcp.INVALID_PARAMS, "")
	}
	return f.complete(ctx, "uuid", "list_identities", tools.CompleteUUID(f.cfg.Deps), argument, given)
}

var errNoArgument = fault.New(fault.InvalidArgument, "There is no argument of that name to complete.", "prompts/list and resources/templates/list name the arguments.")

// complete runs a completer through the middleware, for who may use the tool that lists the same;
// other callers get no proposals.
func (f *features) complete(ctx context.Context, what, lister string, propose tools.Completer, argument mcp.CompleteArgument, given mcp.CompleteContext) (*mcp.Completion, error) {
	if !f.has(ctx, lister) {
		return &mcp.Completion{Values: []string{}}, nil
	}
	params := tools.CompleteParams{Value: argument.Value, Identity: given.Arguments["identity"]}
	result, err := f.run(ctx, &request{Method: "completion/complete " + what, Schema: completeSchema, Arguments: rawArguments(params)},
		func(ctx context.Context, r *request) (tool.Result, error) {
			var p tools.CompleteParams
			if err := json.Unmarshal(r.Arguments, &p); err != nil {
				return nil, err
			}
			return propose(ctx, tool.Call{Call: r.Call, Progress: progressOf(ctx)}, p)
		})
	if err != nil {
		return nil, failed(ctx, err, mcp.INVALID_PARAMS, "")
	}
	found, ok := result.(tools.Proposals)
	if !ok {
		return nil, failed(ctx, errLostResult, mcp.INVALID_PARAMS, "")
	}
	return &mcp.Completion{Values: found.Values, Total: found.Total, HasMore: found.Total > len(found.Values)}, nil
}

var completeSchema = schemas.Input[tools.CompleteParams]()
