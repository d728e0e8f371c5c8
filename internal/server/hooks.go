package server

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server/jsonrpc"
)

// The texts for a tools/call whose params have the wrong shape. mcp-go would answer with Go type
// names and with what the client sent.
var (
	errCallParams    = errors.New("params of tools/call must be an object with the tool's name as a string, and its arguments as an object")
	errCallName      = errors.New("there is no such tool; tools/list names the tools")
	errCallArguments = errors.New("the arguments hold a number that is out of range")
)

const longestToolName = 128 // as the specification recommends (2025-11-25, tool names)

// shapeHooks refuses, before mcp-go decodes it, a tools/call that is not of the protocol's shape,
// and a list with a cursor. What it lets through can only fail in this server's own words.
func shapeHooks() *mcpserver.Hooks {
	hooks := &mcpserver.Hooks{}
	hooks.AddOnRequestInitialization(func(ctx context.Context, _, _ any) error {
		e := exchangeFrom(ctx)
		if e == nil {
			return nil
		}
		switch mcp.MCPMethod(e.env.Method) {
		case mcp.MethodToolsCall:
			return checkCallShape(e.env.Call)
		case mcp.MethodToolsList, mcp.MethodPromptsList, mcp.MethodResourcesList, mcp.MethodResourcesTemplatesList:
			if hasCursor(e.env.Params) {
				return failed(ctx, errListCursor, mcp.INVALID_PARAMS, "")
			}
		}
		return nil
	})
	return hooks
}

var errListCursor = fault.New(fault.InvalidArgument, "`cursor` is none of this server's: every list is one page.", "Ask for the list again without `cursor`.")

// hasCursor reports whether the params of a list name a page of it.
func hasCursor(params json.RawMessage) bool {
	var list struct{ Cursor any }
	_ = json.Unmarshal(params, &list)
	return list.Cursor != nil && list.Cursor != ""
}

func checkCallShape(call jsonrpc.ToolCall) error {
	var name *string
	if json.Unmarshal(call.Name, &name) != nil || name == nil {
		return errCallParams
	}
	if !isToolName(*name) {
		return errCallName
	}
	var task struct{ TTL *int64 }
	if call.Task != nil && json.Unmarshal(call.Task, &task) != nil {
		return errCallParams
	}
	if call.Arguments != nil && call.Arguments[0] != '{' && call.Arguments[0] != 'n' {
		return errCallParams
	}
	var arguments map[string]any
	if call.Huge && call.Arguments != nil && json.Unmarshal(call.Arguments, &arguments) != nil {
		return errCallArguments // all that is left that an object can fail of
	}
	return nil
}

// isToolName reports whether name has the characters of a tool's name.
func isToolName(name string) bool {
	if name == "" || len(name) > longestToolName {
		return false
	}
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.', c == '/':
		default:
			return false
		}
	}
	return true
}

// acknowledge makes the end of a subscription over HTTP wait for its beginning. Where there is
// nothing to listen to, both come at once, and mcp-go then drops the acknowledgement now and then
// (docs/mcp-go.md#trap-11), which has to be the first message.
func acknowledge(hooks *mcpserver.Hooks) {
	hooks.AddAfterSubscriptionsListen(func(ctx context.Context, _ any, _ *mcp.SubscriptionsListenRequest, _ *mcp.SubscriptionsListenResult) {
		if transport := TransportFrom(ctx); transport != nil {
			transport.AwaitAcknowledgement(ctx)
		}
	})
}
