package server

import (
	"bytes"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"ravi-mcp/fault"
	"ravi-mcp/tools"
)

// errorMeta is the key in _meta under which an error result repeats its object.
const errorMeta = "ravi-mcp/error"

// encoded is a result together with what the client gets. It is made inside the
// middleware, where a result that cannot be encoded is an error like any other.
type encoded struct {
	tools.Result
	answer *mcp.CallToolResult
}

func encodeResult(r tools.Result) (tools.Result, error) {
	answer, err := success(r)
	if err != nil {
		return nil, err
	}
	return encoded{r, answer}, nil
}

// success is a result with structured content, a sentence for people, and the
// same structure as text for clients that know no structured content.
func success(r tools.Result) (*mcp.CallToolResult, error) {
	structured, err := encode(r)
	if err != nil {
		return nil, err
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{mcp.NewTextContent(r.Summary()), mcp.NewTextContent(string(structured))},
		StructuredContent: structured,
	}, nil
}

// failure is an error result. It has no structured content, because clients
// validate that against the output schema and would throw.
func failure(e *fault.Error) *mcp.CallToolResult {
	body := e.Body()
	text, err := encode(body)
	if err != nil {
		text = json.RawMessage(`{"code":"internal","message":"This server failed in a way it did not expect.","hint":"Call again once.","retryable":false}`)
	}
	return &mcp.CallToolResult{
		Result:  mcp.Result{Meta: &mcp.Meta{AdditionalFields: map[string]any{errorMeta: body}}},
		Content: []mcp.Content{mcp.NewTextContent(string(text))},
		IsError: true,
	}
}

// encode is JSON without escaping <, > and &, because the text of a result is
// read as it stands, and Ravi's thread ids hold < and >.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
