package server

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"

	"ravi-mcp/internal/fault"
	"ravi-mcp/tools/tool"
)

// errorMeta is the key in _meta under which an error result repeats its object.
const errorMeta = "ravi-mcp/error"

// encoded is a result together with what the client gets. It is made inside the middleware, where a
// result that cannot be encoded is an error like any other.
type encoded struct {
	tool.Result
	structured json.RawMessage
}

func encodeResult(r tool.Result) (tool.Result, error) {
	if r == nil {
		return nil, errLostResult
	}
	structured, err := encode(r)
	if err != nil {
		return nil, err
	}
	return encoded{Result: r, structured: structured}, nil
}

// protocol is a result with structured content, and the same JSON as its one text block: clients
// exist that show a model nothing but the first block.
func (e encoded) protocol() *mcp.CallToolResult {
	return &mcp.CallToolResult{
		Content:           []mcp.Content{mcp.NewTextContent(string(e.structured))},
		StructuredContent: e.structured,
	}
}

// failure is an error result. It has no structured content, because clients validate that against
// the output schema and would throw.
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

// encode is JSON without escaping <, > and &, because the text of a result is read as it stands,
// and Ravi's thread ids hold < and >.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// appendString appends text as a JSON string. Bytes that are not UTF-8 become U+FFFD, as
// encoding/json has it.
func appendString[T string | json.RawMessage](to []byte, text T) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		to = append(to, text[start:i]...)
		switch {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c == '\n':
			to = append(to, '\\', 'n')
		case c >= utf8.RuneSelf:
			to = append(to, "\ufffd"...)
		default:
			to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i += size
		start = i
	}
	return append(append(to, text[start:]...), '"')
}
