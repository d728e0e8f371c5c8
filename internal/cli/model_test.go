package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
)

// scriptedModel stands in for the language model of a client: it serves OpenAI's chat completions
// and responses, Anthropic's messages and Gemini's generateContent on loopback, and has the client
// make the calls that a test makes of it.
type scriptedModel struct {
	url    string
	client *harness.Process // set before the first call
	calls  chan modelCall   // closed when there are no more
	said   chan string      // what the client shows of each

	mu      sync.Mutex
	results int        // those that came so far
	last    *modelCall // is given again where a client asks again
}

type modelCall struct {
	tool      string
	arguments args
}

func newScriptedModel(t *testing.T) *scriptedModel {
	t.Helper()
	m := &scriptedModel{calls: make(chan modelCall), said: make(chan string, 1)}
	web := httptest.NewServer(m)
	t.Cleanup(web.Close)
	m.url = web.URL
	return m
}

// call is a story: the client makes the call and shows its model what came of it.
func (m *scriptedModel) call(t *testing.T) story {
	return func(tool string, arguments args) json.RawMessage {
		t.Helper()
		select {
		case m.calls <- modelCall{tool, arguments}:
		case <-m.client.Ended:
			require.FailNow(t, "the client ended before "+tool, "%s\n%s", m.client.Log(), m.client.Cmd.Stdout)
		}
		select {
		case said := <-m.said:
			result := findResult(said)
			require.NotNil(t, result, "%s: %s", tool, said)
			return result
		case <-m.client.Ended:
			require.FailNow(t, "the client ended without a result of "+tool, "%s\n%s", m.client.Log(), m.client.Cmd.Stdout)
		}
		return nil
	}
}

// findResult returns the tool's result in what a client made of it: clients put words, objects and
// escapes of their own around it.
func findResult(text string) json.RawMessage {
	for at := range text {
		if text[at] != '{' && text[at] != '"' {
			continue
		}
		var raw json.RawMessage
		if json.NewDecoder(strings.NewReader(text[at:])).Decode(&raw) != nil {
			continue
		}
		var inner string
		if json.Unmarshal(raw, &inner) == nil {
			if found := findResult(inner); found != nil {
				return found
			}
		}
		var result struct {
			By string `json:"resolved_by"`
		}
		if json.Unmarshal(raw, &result) == nil && result.By != "" {
			return raw
		}
	}
	return nil
}

// modelRequest holds what the three dialects ask, as far as it matters here.
type modelRequest struct {
	Tools    []json.RawMessage
	Messages []struct { // chat completions, and Anthropic's messages
		Role    string
		Content json.RawMessage
	}
	Input []struct { // responses
		Type   string
		Output json.RawMessage
	}
	Contents []struct { // generateContent
		Parts []struct{ FunctionResponse json.RawMessage }
	}
}

// toolResults returns what the client has shown of its calls so far.
func (r modelRequest) toolResults() (results []string) {
	for _, m := range r.Messages {
		var blocks []struct {
			Type    string
			Content json.RawMessage
		}
		if m.Role == "tool" {
			results = append(results, string(m.Content))
		} else if json.Unmarshal(m.Content, &blocks) == nil {
			for _, b := range blocks {
				if b.Type == "tool_result" {
					results = append(results, string(b.Content))
				}
			}
		}
	}
	for _, item := range r.Input {
		if strings.HasSuffix(item.Type, "_call_output") {
			results = append(results, string(item.Output))
		}
	}
	for _, c := range r.Contents {
		for _, p := range c.Parts {
			if p.FunctionResponse != nil {
				results = append(results, string(p.FunctionResponse))
			}
		}
	}
	return results
}

func (m *scriptedModel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer func(name string, arguments []byte, turn int) []string
	switch {
	case strings.HasSuffix(r.URL.Path, "/chat/completions"):
		answer = chatCompletion
	case strings.HasSuffix(r.URL.Path, "/messages"):
		answer = anthropicMessage
	case strings.HasSuffix(r.URL.Path, "/responses"):
		answer = openAIResponse
	case strings.HasSuffix(r.URL.Path, ":streamGenerateContent"):
		answer = generatedContent
	}
	body, _ := io.ReadAll(r.Body)
	var request modelRequest
	if r.Method != http.MethodPost || answer == nil || json.Unmarshal(body, &request) != nil {
		http.NotFound(w, r)
		return
	}
	var name string
	var arguments []byte
	results := request.toolResults()
	if len(request.Tools) > 0 { // else it wants a title
		if next := m.next(r, results); next != nil {
			name = offered(body, next.tool)
			arguments, _ = json.Marshal(next.arguments)
		}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, event := range answer(name, arguments, len(results)) {
		var named struct{ Type string }
		_ = json.Unmarshal([]byte(event), &named) // "[DONE]" is no JSON
		if named.Type != "" {
			_, _ = fmt.Fprintf(w, "event: %s\n", named.Type)
		}
		_, _ = fmt.Fprintf(w, "data: %s\n\n", event)
	}
}

// next waits for the next call, nil when there is none.
func (m *scriptedModel) next(r *http.Request, results []string) *modelCall {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(results) > m.results {
		m.results, m.last = len(results), nil
		m.said <- results[len(results)-1]
	}
	if m.last == nil {
		select {
		case call, more := <-m.calls:
			if !more {
				return nil
			}
			m.last = &call
		case <-r.Context().Done():
		}
	}
	return m.last
}

// offered returns the name by which a client offers a tool to its model, with what it put before
// it.
func offered(body []byte, tool string) string {
	if name := regexp.MustCompile(`"name": ?"(\w*` + tool + `)"`).FindSubmatch(body); name != nil {
		return string(name[1])
	}
	return tool
}

// chatCompletion is an answer of OpenAI's chat completions: the call of a tool, or words if name is
// "".
func chatCompletion(name string, arguments []byte, turn int) []string {
	delta, reason := any(args{"role": "assistant", "content": "Done."}), "stop"
	if name != "" {
		reason = "tool_calls"
		delta = args{"role": "assistant", "tool_calls": []args{{
			"index": 0, "id": fmt.Sprintf("call_%d", turn), "type": "function",
			"function": args{"name": name, "arguments": string(arguments)},
		}}}
	}
	chunk := func(delta any, reason any) string {
		return encode(args{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": []args{
			{"index": 0, "delta": delta, "finish_reason": reason},
		}})
	}
	return []string{chunk(delta, nil), chunk(args{}, reason), "[DONE]"}
}

// openAIResponse is the same in OpenAI's responses.
func openAIResponse(name string, arguments []byte, turn int) []string {
	// Codex offers the tools of a server as a namespace.
	item := args{"type": "message", "role": "assistant", "id": "m", "content": []args{{"type": "output_text", "text": "Done."}}}
	if name != "" {
		item = args{"type": "function_call", "namespace": "mcp__ravi", "call_id": fmt.Sprintf("call_%d", turn), "name": name, "arguments": string(arguments)}
	}
	response := args{"id": "r", "usage": args{"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}
	return []string{
		encode(args{"type": "response.created", "response": args{"id": "r"}}),
		encode(args{"type": "response.output_item.done", "output_index": 0, "item": item}),
		encode(args{"type": "response.completed", "response": response}),
	}
}

// anthropicMessage is the same in Anthropic's messages.
func anthropicMessage(name string, arguments []byte, turn int) []string {
	block, delta, reason := args{"type": "text", "text": ""}, args{"type": "text_delta", "text": "Done."}, "end_turn"
	if name != "" {
		block = args{"type": "tool_use", "id": fmt.Sprintf("toolu_%d", turn), "name": name, "input": args{}}
		delta, reason = args{"type": "input_json_delta", "partial_json": string(arguments)}, "tool_use"
	}
	usage := args{"input_tokens": 1, "output_tokens": 1}
	return []string{
		encode(args{"type": "message_start", "message": args{
			"id": fmt.Sprintf("msg_%d", turn), "type": "message", "role": "assistant", "model": "model", "content": []args{}, "usage": usage,
		}}),
		encode(args{"type": "content_block_start", "index": 0, "content_block": block}),
		encode(args{"type": "content_block_delta", "index": 0, "delta": delta}),
		encode(args{"type": "content_block_stop", "index": 0}),
		encode(args{"type": "message_delta", "delta": args{"stop_reason": reason}, "usage": usage}),
		encode(args{"type": "message_stop"}),
	}
}

// generatedContent is the same in Gemini's generateContent.
func generatedContent(name string, arguments []byte, _ int) []string {
	part := args{"text": "Done."}
	if name != "" {
		part = args{"functionCall": args{"name": name, "args": json.RawMessage(arguments)}}
	}
	return []string{encode(args{
		"candidates":    []args{{"index": 0, "finishReason": "STOP", "content": args{"role": "model", "parts": []args{part}}}},
		"usageMetadata": args{"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
	})}
}

func encode(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
