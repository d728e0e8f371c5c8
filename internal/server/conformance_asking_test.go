package server_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/token"
)

// fields is the schema of a form: names and what each must be.
func fields(properties map[string]any) map[string]any {
	return map[string]any{"type": "object", "properties": properties}
}

// form is a form whose fields must all be filled in.
func form(message string, properties map[string]any) mcp.ElicitationParams {
	schema := fields(properties)
	var names []string
	for name := range properties {
		names = append(names, name)
	}
	schema["required"] = names
	return mcp.ElicitationParams{Message: message, RequestedSchema: schema}
}

func text() map[string]any { return map[string]any{"type": "string"} }

func sample(prompt string, tokens int) mcp.CreateMessageParams {
	return mcp.CreateMessageParams{
		Messages:  []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent(prompt)}},
		MaxTokens: tokens,
	}
}

// options are the choices of an enumeration, with a title each.
func options(values ...[2]string) []any {
	var all []any
	for _, v := range values {
		all = append(all, map[string]any{"const": v[0], "title": v[1]})
	}
	return all
}

// questions are the tools that ask the client while the call is open, as protocols up to 2025-11-25
// do.
func (f fixtures) questions() {
	f.tool("test_sampling", `{"type":"object","properties":{"prompt":{"type":"string"}},"required":["prompt"]}`,
		func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			//nolint:staticcheck // deprecated, but protocols up to 2025-11-25 have it, and the suite asks for it
			answer, err := f.MCPServer.RequestSampling(ctx, mcp.CreateMessageRequest{CreateMessageParams: sample(req.GetString("prompt", ""), 100)})
			if err != nil {
				return mcp.NewToolResultError("the client could not be asked"), nil
			}
			return mcp.NewToolResultText("LLM response: " + mcp.GetTextFromContent(answer.Content)), nil
		})
	ask := func(ctx context.Context, says string, params mcp.ElicitationParams) (*mcp.CallToolResult, error) {
		answer, err := f.MCPServer.RequestElicitation(ctx, mcp.ElicitationRequest{Params: params})
		if err != nil {
			return mcp.NewToolResultError("the client could not be asked"), nil
		}
		return mcp.NewToolResultText(fmt.Sprintf("%s: action=%s, content=%v", says, answer.Action, answer.Content)), nil
	}
	f.tool("test_elicitation", `{"type":"object","properties":{"message":{"type":"string"}},"required":["message"]}`,
		func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return ask(ctx, "User response", form(req.GetString("message", ""), map[string]any{"username": text(), "email": text()}))
		})
	for name, properties := range map[string]map[string]any{
		"test_elicitation_sep1034_defaults": {
			"name":     map[string]any{"type": "string", "default": "John Doe"},
			"age":      map[string]any{"type": "integer", "default": 30},
			"score":    map[string]any{"type": "number", "default": 95.5},
			"status":   map[string]any{"type": "string", "enum": []string{"active", "inactive", "pending"}, "default": "active"},
			"verified": map[string]any{"type": "boolean", "default": true},
		},
		"test_elicitation_sep1330_enums": {
			"untitledSingle": map[string]any{"type": "string", "enum": []string{"option1", "option2", "option3"}},
			"titledSingle":   map[string]any{"type": "string", "oneOf": options([2]string{"value1", "First"}, [2]string{"value2", "Second"})},
			"legacyEnum":     map[string]any{"type": "string", "enum": []string{"opt1", "opt2"}, "enumNames": []string{"One", "Two"}},
			"untitledMulti":  map[string]any{"type": "array", "items": map[string]any{"type": "string", "enum": []string{"option1", "option2", "option3"}}},
			"titledMulti":    map[string]any{"type": "array", "items": map[string]any{"anyOf": options([2]string{"value1", "First"}, [2]string{"value2", "Second"})}},
		},
	} {
		f.tool(name, noArguments, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return ask(ctx, "Elicitation completed", mcp.ElicitationParams{Message: "Please fill in the form", RequestedSchema: fields(properties)})
		})
	}
}

var errTampered = errors.New("the request state is not one of this server's")

// rounds are the tools that ask in their result, as protocol 2026-07-28 does. Their state is sealed
// like that of our own questions.
func (f fixtures) rounds() {
	seals := f.deps.Seals()
	binding := func(step string) token.Binding { return token.Binding{Caller: "local", Purpose: "conformance " + step} }
	seal := func(step string) string {
		state, err := seals.Seal(binding(step), time.Minute, []byte(step))
		if err != nil {
			return ""
		}
		return state
	}
	sealed := func(step, state string) bool {
		_, err := seals.Open(binding(step), state)
		return err == nil
	}
	whatName := form("What is your name?", map[string]any{"name": text()})
	confirm := form("Please confirm", map[string]any{"ok": map[string]any{"type": "boolean"}})
	greet := func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		answer := mcpserver.ElicitationResponse(req.Params.InputResponses, "user_name")
		if answer == nil {
			return mcpserver.NewInputRequestBuilder("").Elicit("user_name", whatName).ToolResult(), nil
		}
		content, _ := answer.Content.(map[string]any)
		return mcp.NewToolResultText(fmt.Sprintf("Hello, %v!", content["name"])), nil
	}
	f.tool("test_input_required_result_elicitation", noArguments, greet)
	f.tool("test_streaming_elicitation", noArguments, greet)
	f.tool("test_input_required_result_sampling", noArguments, func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		answer := mcpserver.SamplingResponse(req.Params.InputResponses, "capital_question")
		if answer == nil {
			return mcpserver.NewInputRequestBuilder("").Sample("capital_question", sample("What is the capital of France?", 100)).ToolResult(), nil
		}
		return mcp.NewToolResultText("The model says: " + mcp.GetTextFromContent(answer.Content)), nil
	})
	f.tool("test_input_required_result_list_roots", noArguments, func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		answer := mcpserver.RootsResponse(req.Params.InputResponses, "client_roots")
		if answer == nil {
			return mcpserver.NewInputRequestBuilder("").Roots("client_roots").ToolResult(), nil
		}
		return mcp.NewToolResultText(fmt.Sprintf("The roots are %v.", answer.Roots)), nil
	})
	stateful := func(name string, refused error) {
		f.tool(name, noArguments, func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			switch {
			case req.Params.RequestState == "":
				return mcpserver.NewInputRequestBuilder(seal(name)).Elicit("confirm", confirm).ToolResult(), nil
			case !sealed(name, req.Params.RequestState):
				return nil, refused
			}
			return mcp.NewToolResultText("state-ok"), nil
		})
	}
	stateful("test_input_required_result_request_state", errTampered)
	stateful("test_input_required_result_tampered_state", errTampered)
	f.tool("test_input_required_result_multiple_inputs", noArguments, func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		given := req.Params.InputResponses
		if mcpserver.ElicitationResponse(given, "user_name") == nil || mcpserver.SamplingResponse(given, "greeting") == nil ||
			mcpserver.RootsResponse(given, "client_roots") == nil || !sealed("inputs", req.Params.RequestState) {
			return mcpserver.NewInputRequestBuilder(seal("inputs")).Elicit("user_name", whatName).
				Sample("greeting", sample("Generate a greeting", 50)).Roots("client_roots").ToolResult(), nil
		}
		return mcp.NewToolResultText("All three answers arrived."), nil
	})
	f.tool("test_input_required_result_multi_round", noArguments, func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		given, state := req.Params.InputResponses, req.Params.RequestState
		switch {
		case sealed("second", state) && mcpserver.ElicitationResponse(given, "step2") != nil:
			return mcp.NewToolResultText("Both rounds are done."), nil
		case sealed("first", state) && mcpserver.ElicitationResponse(given, "step1") != nil:
			return mcpserver.NewInputRequestBuilder(seal("second")).
				Elicit("step2", form("Step 2: What is your favorite color?", map[string]any{"color": text()})).ToolResult(), nil
		}
		return mcpserver.NewInputRequestBuilder(seal("first")).
			Elicit("step1", form("Step 1: What is your name?", map[string]any{"name": text()})).ToolResult(), nil
	})
	f.tool("test_input_required_result_capabilities", noArguments, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		ask := mcpserver.NewInputRequestBuilder("")
		if info := mcpserver.RequestProtocolInfoFromContext(ctx); info != nil && info.ClientCapabilities != nil {
			if info.ClientCapabilities.Elicitation != nil {
				ask.Elicit("user_name", whatName)
			}
			if info.ClientCapabilities.Sampling != nil {
				ask.Sample("greeting", sample("Generate a greeting", 50))
			}
		}
		return ask.ToolResult(), nil
	})
}
