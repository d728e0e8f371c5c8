package schemas_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/schemas"
)

func TestInjectedArgumentsAreDropped(t *testing.T) {
	checkSent(t, input(t), []sent{
		// n8n 1.122, AI Agent behind a chat trigger
		{args: `"sessionId":"be81b3d1a1f94a3c8a0e3c5a0f5d9a11","action":"sendMessage","chatInput":"sign me up","toolCallId":"call_0BCIShth4lxZuYr4coSp4E5E"`},
		// Cline 3.79
		{args: `"task_progress":"- [x] open the page\n- [ ] wait for the code"`},
		// Gemini CLI 0.40
		{args: `"wait_for_previous":true`},
		// Cursor, and what LangChain's adapters pass on
		{args: `"random_string":"dummy","_meta":{"correlationId":"abc-123"}`},
		// OpenHands
		{args: `"kind":"MCPToolAction","security_risk":"LOW"`},
		{args: `"chatInput":"half \ud800","toolCallId":1e999999`},

		{args: `"ChatInput":"x"`, refused: "unknown argument `ChatInput`; known arguments: `channel`"},
		{args: `"sessionId":"x","sessionID":"x"`, refused: "unknown argument `sessionID`; known"},
		{args: `"files":["x"]`, refused: "unknown argument `files`; known"},
		{args: `"reply-to":"x"`, refused: "unknown argument `reply-to`; known"},
		{args: `"oauth2Token":1,"$schema":2,"user.id":3,"tool_call_id2x":4,"ключ":5`, refused: "unknown argument `$schema`, `oauth2Token`, `tool_call_id2x`, `user.id`, `ключ`; known"},
		{args: `"line_2":null`, refused: "unknown argument `line_2`; known"},
	})
}

func TestArgumentOfAnInjectedNameStays(t *testing.T) {
	s := schemas.Input[struct {
		Name   string `json:"name"`
		Action string `json:"action,omitempty" jsonschema:"enum=open,enum=close"`
	}]()
	checkSent(t, s, []sent{
		{args: `"action":"open","kind":"x"`, want: `,"action":"open"`},
		{args: `"action":"sendMessage"`, refused: "`action`: must be one of"},
	})
}

func TestHalfOfASurrogatePairIsRefused(t *testing.T) {
	const half = "holds half of a surrogate pair"
	checkSent(t, input(t), []sent{
		{args: `"channel":"\ud800"`, refused: "`channel`: " + half},
		{args: `"ids":["a","\uDfFf b"]`, refused: "`ids`: " + half},
		{args: `"ids":"[\"ab\\ud800\"]"`, refused: "`ids`"},
		{args: `"ids":["\ud83d\u0041"]`, refused: "`ids`: " + half},
		{args: `"ids":["\ud83d\ud83d\ude00"]`, refused: "`ids`: " + half},
		{args: `"nobody":"\udc00"`, refused: half},
		{args: `"nobody\udc00":"x"`, refused: "unknown argument; known"},
		{args: `"ids":["\ud83d\ude00","\\ud800","\\\ud83d\ude00"]`, want: `,"ids":["😀","\\ud800","\\😀"]`},
		{args: "\"ids\":[\"\ufffd\",\"\\ufffd\"]", want: `,"ids":["�","�"]`},
	})
	_, problems, err := input(t).Arguments(json.RawMessage(`{"name":"\ud800CANARY"}`))
	require.NoError(t, err)
	require.Len(t, problems, 1)
	assert.NotContains(t, problems[0].String(), "CANARY")
}
