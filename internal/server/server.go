package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"ravi-mcp/internal/fault"
	"ravi-mcp/session"
	"ravi-mcp/tools"
	"ravi-mcp/tools/tool"
)

// Config is what New builds a server from.
type Config struct {
	// Version is the server's own version, shown to clients.
	Version string
	// Deps is what the tools work with.
	Deps *tool.Deps
	// ReadOnly leaves out every tool that writes.
	ReadOnly bool
	// Toolsets are the toolsets to publish; nil means tool.DefaultToolsets.
	Toolsets []tool.Toolset
	// Policies are the operator's; what they leave open has its default, and the rights of a caller
	// can tighten them.
	Policies session.Policies
	// Reveals bounds how often a caller is shown a stored value; nil means DefaultReveals an hour,
	// and a quarter of them at once.
	Reveals *session.Budget
	// Audit receives lines about every call; nil keeps none.
	Audit *Audit
	// Metrics count the calls, and Tracer makes spans of them; nil does neither.
	Metrics *Metrics
	Tracer  *Tracer
	// Log receives one line per call, without arguments. The zero value is silent.
	Log zerolog.Logger
}

// callDeadline bounds a call that does not wait for a message. It leaves room for a few requests to
// Ravi of up to 30 s each, below the 60 s of common clients.
const callDeadline = 50 * time.Second

// waitGrace is what a wait may take beyond its own timeout, for reading the list once more and
// answering.
const waitGrace = 8 * time.Second

// MCP is what New makes: mcp-go's server, and the Dispatcher that answers plain tool calls without
// it.
type MCP struct {
	Server     *mcpserver.MCPServer
	Dispatcher *Dispatcher
}

// New returns an MCP server with all tools. It makes the schema of every tool that is published and
// fails on the first that cannot be made, because mcp-go would answer tools/list with an empty body
// instead.
func New(cfg Config) (*MCP, error) {
	all, err := tools.All(cfg.Deps)
	if err != nil {
		return nil, err
	}
	rights := make(map[string]tool.Tool, len(all))
	for _, t := range all {
		rights[t.Name] = t
	}
	info := mcp.Implementation{
		Name: "ravi-mcp", Version: cfg.Version, Title: "Ravi",
		Description: "Identities for agents: email inbox, phone number, passwords, secrets and codes, through Ravi.",
	}
	dispatcher, err := newDispatcher(info, cfg.Policies)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	if cfg.Reveals == nil {
		cfg.Reveals = NewReveals(DefaultReveals)
	}
	more, hooks := &features{cfg: cfg, tools: make(map[string]tool.Tool)}, shapeHooks()
	more.hooks(hooks)
	acknowledge(hooks)
	hooks.AddAfterInitialize(func(ctx context.Context, _ any, _ *mcp.InitializeRequest, result *mcp.InitializeResult) {
		result.Instructions = instructionsFor(ctx)
	})
	// Nothing is announced of subscriptions: mcp-go promises updates to clients of 2026-07-28 that
	// it cannot send.
	s := mcpserver.NewMCPServer(info.Name, info.Version,
		mcpserver.WithResourceCapabilities(false, false), mcpserver.WithPromptCapabilities(false),
		mcpserver.WithCompletions(),
		mcpserver.WithPromptCompletionProvider(more), mcpserver.WithResourceCompletionProvider(more),
		mcpserver.WithCacheHints(0, mcp.CacheScopePrivate),
		mcpserver.WithTitle(info.Title), mcpserver.WithDescription(info.Description),
		mcpserver.WithInstructions(instructions+passIfUnbound),
		mcpserver.WithToolCapabilities(false),
		mcpserver.WithHooks(hooks),
		mcpserver.WithPromptFilter(more.allowedPrompts),
		mcpserver.WithToolFilter(func(ctx context.Context, published []mcp.Tool) []mcp.Tool {
			return allowed(ctx, rights, published)
		}),
	)
	sets := cfg.Toolsets
	if sets == nil {
		sets = tool.DefaultToolsets()
	}
	all = filter(all, func(t tool.Tool) bool { return (!cfg.ReadOnly || !t.Writes()) && t.In(sets) })
	published := make([]mcpserver.ServerTool, len(all))
	// Describing what is published is most of a start, so every processor takes its share.
	var describing sync.WaitGroup
	for i, t := range all {
		wrapped := newToolHandler(t, cfg, more.tools)
		dispatcher.tools[t.Name] = wrapped
		more.tools[t.Name] = t
		describing.Go(func() { published[i] = mcpserver.ServerTool{Tool: publish(t), Handler: wrapped.handle} })
	}
	describing.Wait()
	for _, p := range published {
		if p.Tool.RawInputSchema == nil || p.Tool.RawOutputSchema == nil {
			return nil, fmt.Errorf("server: tool %s cannot be described", p.Tool.Name)
		}
	}
	s.AddTools(published...)
	return &MCP{Server: s, Dispatcher: dispatcher}, more.publish(s)
}

// allowed leaves only the tools that exist for the caller, in lists and in calls.
func allowed(ctx context.Context, rights map[string]tool.Tool, published []mcp.Tool) []mcp.Tool {
	call, ok := session.CallFrom(ctx)
	if !ok {
		return nil
	}
	r := call.Caller.Rights
	if r.Toolsets == nil && !r.ReadOnly {
		return published
	}
	return filter(published, func(p mcp.Tool) bool {
		t, known := rights[p.Name]
		return known && r.AllowsTool(t.Toolsets, t.Writes())
	})
}

// publish is the definition of a tool that clients see.
func publish(t tool.Tool) mcp.Tool {
	p := mcp.NewToolWithRawSchema(t.Name, t.Description, t.Input.JSON())
	p.RawOutputSchema = t.Output.JSON()
	p.Title = t.Title
	p.Annotations = mcp.ToolAnnotation{
		Title:           t.Title,
		ReadOnlyHint:    new(t.Hints.ReadOnly),
		DestructiveHint: new(t.Hints.Destructive),
		IdempotentHint:  new(t.Hints.Idempotent),
		OpenWorldHint:   new(t.Hints.OpenWorld),
	}
	return p
}

// learns reports whether a caller with those rights gets what a tool shows without asking a person.
// The zero Tool is one that is not published.
func learns(policies session.Policies, r session.Rights, t tool.Tool) bool {
	return t.Name != "" && r.AllowsTool(t.Toolsets, t.Writes()) &&
		(t.Kind == "" || policies.Effective(r, t.Kind) == session.PolicyAllow)
}

// newToolHandler puts a tool behind the middleware. published are the tools that there are, once
// the server has started.
func newToolHandler(t tool.Tool, cfg Config, published map[string]tool.Tool) *toolHandler {
	run := withMiddleware(cfg, func(ctx context.Context, r *request) (tool.Result, error) {
		if r.Waits {
			defer Yield(ctx)()
		}
		result, err := t.Run(ctx, tool.Call{
			Call: r.Call, Progress: progressOf(ctx), Decided: r.Decided, Unshown: r.Hides,
			Learns:     func(name string) bool { return learns(cfg.Policies, r.Caller.Rights, published[name]) },
			TakeReveal: func() (func(), error) { return takeReveal(cfg.Reveals, cfg.Deps, r) },
		}, r.Arguments)
		if err != nil {
			return nil, err
		}
		return encodeResult(result)
	})

	deadline := callDeadline
	if t.Waits {
		deadline = cfg.Deps.WaitLimit() + waitGrace
	}
	return &toolHandler{Tool: t, run: run, request: request{
		Method: "tools/call " + t.Name, Schema: t.Input, Deadline: deadline, Waits: t.Waits,
		Tool: t.Name, Writes: t.Writes(), Kind: t.Kind, Decide: t.Decide, Shows: t.Shows, Unshown: t.Unshown,
	}}
}

// withMiddleware puts in front of a handler what everything that reaches Ravi passes: tools,
// resources, prompts and completions.
func withMiddleware(cfg Config, h handler) handler {
	trail := auditor{audit: cfg.Audit, deps: cfg.Deps, log: cfg.Log}
	return chain(h, identify(cfg.Log, cfg.Metrics), countCalls(cfg.Deps), cfg.Tracer.span, trail.after, shapeErrors(cfg.Deps), recoverPanics(cfg.Log), checkArguments,
		decide(cfg.Policies, confirmer{sealer: cfg.Deps.Seals(), store: cfg.Deps.Store}), trail.before, limitReveals(cfg.Reveals, cfg.Deps), bound)
}

// callResult is what the client gets.
func callResult(result tool.Result, err error) *mcp.CallToolResult {
	if ask, asks := result.(question); asks {
		return ask.CallToolResult
	}
	if err != nil {
		return failure(fault.From(err))
	}
	done, ok := result.(encoded)
	if !ok {
		return failure(fault.From(errLostResult))
	}
	return done.protocol()
}

var errLostResult = errors.New("a middleware lost the result")

// arguments returns the arguments as they were sent. mcp-go keeps the bytes; a caller inside the
// process may have given Go values instead.
func arguments(req mcp.CallToolRequest) json.RawMessage {
	if req.Params.RawArguments != nil {
		return req.Params.RawArguments
	}
	return rawArguments(req.Params.Arguments)
}

// progressOf returns the function that tells the client of ctx's request how far a wait is. What
// cannot be sent is dropped: progress is a courtesy. Of clients that share a connection none gets
// any, because the others could see it, and take it for theirs.
func progressOf(ctx context.Context) func(elapsed, total time.Duration, message string) {
	if call, _ := session.CallFrom(ctx); call.Shared {
		return func(time.Duration, time.Duration, string) {}
	}
	reporter := Progress(ctx)
	return func(elapsed, total time.Duration, message string) {
		_ = reporter.Report(ctx, elapsed.Seconds(), total.Seconds(), message)
	}
}
