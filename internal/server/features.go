package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/fault"
	"ravi-mcp/session"
	"ravi-mcp/tools"
	"ravi-mcp/tools/tool"
)

// features are what a server has besides tools: resources, prompts and completions. They reach Ravi
// through the same middleware as tools, and exist for those for whom the tools behind them do.
type features struct {
	cfg   Config
	tools map[string]tool.Tool // those that are published
}

// hooks keep what a caller has no right to out of the lists, and mcp-go's words out of the errors.
func (f *features) hooks(h *mcpserver.Hooks) {
	h.AddAfterListResources(func(ctx context.Context, _ any, _ *mcp.ListResourcesRequest, list *mcp.ListResourcesResult) {
		list.Resources = filter(list.Resources, func(r mcp.Resource) bool { return f.allows(ctx, r.URI) })
	})
	h.AddAfterListResourceTemplates(func(ctx context.Context, _ any, _ *mcp.ListResourceTemplatesRequest, list *mcp.ListResourceTemplatesResult) {
		list.ResourceTemplates = filter(list.ResourceTemplates, func(r mcp.ResourceTemplate) bool { return f.allows(ctx, r.URITemplate.Raw()) })
	})
	h.AddOnError(func(ctx context.Context, _ any, method mcp.MCPMethod, message any, err error) {
		_, malformed := errors.AsType[*mcpserver.UnparsableMessageError](err)
		resource, prompt := method == mcp.MethodResourcesRead, method == mcp.MethodPromptsGet
		switch {
		case malformed && (resource || prompt || method == mcp.MethodCompletionComplete):
			overrideError(ctx, fault.New(fault.InvalidArgument, "The params of "+string(method)+" have not the shape that the protocol gives them.",
				"Send what the protocol's schema of that method says."), mcp.INVALID_PARAMS, "")
		case resource:
			var uri string
			if asked, ok := message.(*mcp.ReadResourceRequest); ok {
				uri = asked.Params.URI
			}
			overrideError(ctx, fault.From(tools.NoResource()), missingResource(ctx), uri)
		case prompt:
			overrideError(ctx, fault.From(tools.NoPrompt()), mcp.INVALID_PARAMS, "")
		}
	})
}

// filter returns those of a list that pass, in a list of its own; it is never nil.
func filter[T any](list []T, pass func(T) bool) []T {
	copied := append(make([]T, 0, len(list)), list...)
	return slices.DeleteFunc(copied, func(v T) bool { return !pass(v) })
}

// has reports whether all the tools exist for the caller of ctx.
func (f *features) has(ctx context.Context, names ...string) bool {
	call, ok := session.CallFrom(ctx)
	for _, name := range names {
		t, published := f.tools[name]
		ok = ok && published && call.Caller.Rights.AllowsTool(t.Toolsets, t.Writes())
	}
	return ok
}

// publish adds to the server what there are tools for. It fails as New does.
func (f *features) publish(s *mcpserver.MCPServer) error {
	for _, r := range tools.Resources() {
		if t, there := f.tools[r.Tool]; there {
			if err := f.addResource(s, r, t); err != nil {
				return err
			}
		}
	}
	for _, p := range tools.Prompts(f.cfg.Deps) {
		missing := func(name string) bool { return f.tools[name].Run == nil }
		if !slices.ContainsFunc(p.Needs, missing) {
			f.addPrompt(s, p)
		}
	}
	return nil
}

// run sends a request of the caller of ctx through the middleware.
func (f *features) run(ctx context.Context, r *request, h handler) (tool.Result, error) {
	r.Tool, r.Deadline = r.Method, callDeadline
	return withMiddleware(f.cfg, h)(ctx, r)
}

// failed has the request answered with an error of this server. What it returns is for a transport
// that lets mcp-go's error stand: the same words.
func failed(ctx context.Context, err error, missing int, uri string) error {
	e := fault.From(err)
	overrideError(ctx, e, missing, uri)
	return fmt.Errorf("%s: %s %s", e.Code, e.Message, e.Hint)
}

// rawArguments makes arguments of what mcp-go has decoded.
func rawArguments(given any) json.RawMessage {
	raw, err := json.Marshal(given)
	if err != nil {
		return json.RawMessage(`"not JSON"`)
	}
	return raw
}
