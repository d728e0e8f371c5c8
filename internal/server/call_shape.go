package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	mcpserver "github.com/mark3labs/mcp-go/server"
)

// The texts for a tools/call whose params have the wrong shape. mcp-go would
// answer with Go type names and with what the client sent.
var (
	errCallParams    = errors.New("params of tools/call must be an object with the tool's name as a string, and its arguments as an object")
	errCallName      = errors.New("there is no such tool; tools/list names the tools")
	errCallArguments = errors.New("the arguments hold a number that is out of range")
)

const longestToolName = 128 // as the specification recommends (2025-11-25, tool names)

// shapeHooks refuses, before mcp-go decodes it, a tools/call that is not of the
// protocol's shape. What it lets through can only fail in our own words.
func shapeHooks() *mcpserver.Hooks {
	hooks := &mcpserver.Hooks{}
	hooks.AddOnRequestInitialization(func(_ context.Context, _ any, message any) error {
		raw, ok := message.(json.RawMessage)
		if !ok || !bytes.Contains(raw, []byte(`tools/call`)) {
			return nil
		}
		return checkCallShape(raw)
	})
	return hooks
}

func checkCallShape(raw json.RawMessage) error {
	var m struct {
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
	}
	if json.Unmarshal(raw, &m) != nil || m.Method != "tools/call" {
		return nil
	}
	var params struct {
		Name      *string          `json:"name"`
		Arguments json.RawMessage  `json:"arguments"`
		Task      *json.RawMessage `json:"task"`
	}
	if json.Unmarshal(m.Params, &params) != nil || params.Name == nil {
		return errCallParams
	}
	if !isToolName(*params.Name) {
		return errCallName
	}
	var task struct{ TTL *int64 }
	if params.Task != nil && json.Unmarshal(*params.Task, &task) != nil {
		return errCallParams
	}
	if len(params.Arguments) > 0 {
		if !isObjectOrNull(params.Arguments) {
			return errCallParams
		}
		var arguments map[string]any
		if json.Unmarshal(params.Arguments, &arguments) != nil {
			return errCallArguments // all that is left that an object can fail of
		}
	}
	return nil
}

func isObjectOrNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return bytes.HasPrefix(raw, []byte("{")) || bytes.Equal(raw, []byte("null"))
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
