package tools_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

// callRaw calls a tool with arguments as they stand on the wire.
func (a *agent) callRaw(tool, arguments string) result {
	a.t.Helper()
	return parse(a.t, a.request("tools/call", `{"name":"`+tool+`","arguments":`+arguments+`}`))
}

// What hosts add to every call reaches no handler, log, audit or answer; whatever else a tool does
// not know is refused by its name.
func TestInjectedArgumentsLeaveNoTrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	h, _ := audited(t, path)
	const n8n = `"sessionId":"CANARY-a1","action":"sendMessage CANARY-a2","chatInput":"my password is CANARY-a3","toolCallId":"call_CANARY-a4"`
	const others = `"task_progress":"- [x] CANARY-a5","wait_for_previous":true,"kind":"CANARY-a6","security_risk":"CANARY-a7"`
	for name, a := range map[string]*agent{"session": h.connect(local()), "modern": h.connectModern(local())} {
		ok[created](t, a.callRaw("create_identity", `{"name":"`+name+`",`+n8n+`}`))
		ok[map[string]any](t, a.callRaw("set_secret", `{"identity":"`+name+`","name":"API_KEY","value":"v",`+n8n+`,`+others+`}`))
		ok[map[string]any](t, a.callRaw("list_identities", `{`+others+`}`))
		refused(t, a.callRaw("get_secret", `{"identity":"`+name+`","name":"MISSING",`+n8n+`}`))
		body := refused(t, a.callRaw("get_secret", `{"identity":"`+name+`","name":"API_KEY","userId":"CANARY-b1",`+n8n+`}`))
		assert.Equal(t, fault.InvalidArgument, body.Code)
		assert.Equal(t, "unknown argument `userId`; known arguments: `identity`, `name`, `reveal`.", body.Message)
		assert.Contains(t, a.prompt("sign_up", map[string]string{"service": "nimbus.example", "sessionId": "CANARY-c1"}), "nimbus.example")
		assert.NotContains(t, a.wire.String(), "CANARY")
	}
	audit, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(audit), "set_secret")
	assert.NotContains(t, string(audit), "CANARY")
	assert.NotContains(t, h.log.String(), "CANARY")
}

// Every argument of every tool, as hosts send it: an optional one that is no free text may be "" or
// null, a list may be its JSON text, and a text with several elements is no element.
func TestEveryToolTakesWhatHostsSend(t *testing.T) {
	h := newSystem(t, sandbox.Config{}).everything()
	a, known := h.connect(local()), h.known()
	lists, empty := 0, 0
	for _, d := range definitions(t, a) {
		input := known[d.Name].Input
		var schema struct {
			Required   []string
			Properties map[string]struct {
				Type, Pattern string
				Enum          []any
			}
		}
		require.NoError(t, json.Unmarshal(input.Rules(), &schema))
		taken := func(argument string, value any) string {
			given := minimal(d)
			if _, answers := given["message_id"]; answers {
				given["message_id"] = "email:1" // fits every tool that takes one
			}
			delete(given, argument)
			if value != absent {
				given[argument] = value
			}
			raw, err := json.Marshal(given)
			require.NoError(t, err)
			out, problems, err := input.Arguments(raw)
			require.NoError(t, err)
			if len(problems) > 0 {
				return "refused"
			}
			return string(out)
		}
		for argument, p := range schema.Properties {
			of := d.Name + " " + argument
			if slices.Contains(schema.Required, argument) {
				continue
			}
			assert.Equal(t, taken(argument, absent), taken(argument, nil), of)
			if p.Type != "string" || p.Enum != nil || p.Pattern != "" {
				empty++
				assert.Equal(t, taken(argument, absent), taken(argument, ""), of)
			}
			if p.Type == "array" {
				lists++
				assert.NotEqual(t, "refused", taken(argument, []string{"one-", "two-"}), of)
				assert.Equal(t, taken(argument, []string{"one-", "two-"}), taken(argument, `["one-","two-"]`), of)
				for _, several := range []string{"one-,two-", "one- two-", "one-\ntwo-", "one-;two-"} {
					assert.Equal(t, "refused", taken(argument, several), of)
				}
			}
		}
	}
	assert.GreaterOrEqual(t, lists, 7)
	assert.Greater(t, empty, 40)
}

// absent is the value of an argument that is not given.
var absent = new(int)

// An approval is for the call that was asked about, whatever id the host gives its repetition.
func TestApprovalOutlivesInjectedArguments(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "victim"})
	a := canAsk["modern"](h, local(), yes)
	r := a.call("delete_identity", args{"identity": "victim", "toolCallId": "call_1"})
	require.Equal(t, "input_required", r.ResultType)
	ok[map[string]any](t, a.retry("delete_identity", args{"identity": "victim", "toolCallId": "call_2"}, r.RequestState, yes))
	assert.Empty(t, h.names())
}

// However backup codes come, each is stored on its own, or none is.
func TestBackupCodesAreNeverStoredAsOne(t *testing.T) {
	for value, stored := range map[string]bool{
		`["aa-11","bb-22"]`: true,
		`["aa-11","bb-22","3f4k 90xz","0a1b 2c3d 4e5f 6a7b"]`: true,
		`"[\"aa-11\",\"bb-22\"]"`:                             true,
		`"\"[\\\"aa-11\\\",\\\"bb-22\\\"]\""`:                 true,
		`["[\"aa-11\",\"bb-22\"]"]`:                           false,
		`"aa-11,bb-22"`:                                       false,
		`"aa-11 bb-22"`:                                       false,
		`"aa-11\nbb-22"`:                                      false,
		`["aa-11, bb-22"]`:                                    false,
		`["aa-11\nbb-22"]`:                                    false,
		`["aa-11;bb-22"]`:                                     false,
		`"['aa-11', 'bb-22']"`:                                false,
		`["aa-11 bb-22"]`:                                     false,
		`["11111111 22222222"]`:                               false,
		`["11111111|22222222"]`:                               false,
		`["11111111/22222222"]`:                               false,
		`["1. 11111111 2. 22222222"]`:                         false,
		`["11111111\u202822222222"]`:                          false,
		`["11111111、22222222"]`:                               false,
		`["[\"aa-11\"","\"bb-22\"]"]`:                         false,
		`"[\"aa-11\",\"bb\\ud80022\"]"`:                       false,
		`{"0":"aa-11","1":"bb-22"}`:                           false,
		`"{\"codes\":[\"aa-11\",\"bb-22\"]}"`:                 false,
		`["{\"codes\":[\"aa-11\",\"bb-22\"]}"]`:               false,
	} {
		h := newSystem(t, sandbox.Config{})
		a := h.worker("spare")
		r := a.callRaw("set_totp", `{"domain":"nimbus.example","username":"bob","backup_codes":`+value+`}`)
		if !stored {
			body := refused(t, r)
			assert.Equal(t, fault.InvalidArgument, body.Code, value)
			assert.Contains(t, body.Message, "`backup_codes", value)
			assert.NotContains(t, body.Message, "aa-11", value)
			assert.Equal(t, fault.NotFound, refused(t, a.call("use_backup_code", args{"domain": "nimbus.example"})).Code, value)
			continue
		}
		assert.GreaterOrEqual(t, ok[totpSet](t, r).BackupCodes, 2, value)
		for _, code := range []string{"aa-11", "bb-22"} {
			assert.Equal(t, code, ok[backup](t, a.call("use_backup_code", args{"domain": "nimbus.example"})).Code, value)
		}
	}
}

// Every text and every list of texts that a tool takes is refused with half of a surrogate pair in
// it, on every way into the server.
func TestHalfOfACharacterIsStoredNowhere(t *testing.T) {
	h := newSystem(t, sandbox.Config{}).everything()
	h.worker("half")
	for name, a := range map[string]*agent{"session": h.connect(local()), "modern": h.connectModern(local())} {
		checked := 0
		for _, d := range definitions(t, a) {
			var schema struct {
				Properties map[string]struct{ Type string }
			}
			require.NoError(t, json.Unmarshal(d.InputSchema, &schema))
			for argument, p := range schema.Properties {
				value := `"\ud83dCANARY"`
				switch p.Type {
				case "array":
					value = `["` + "CANARY\\udc00" + `"]`
				case "string":
				default:
					continue
				}
				given := minimal(d)
				delete(given, argument)
				rest, err := json.Marshal(given)
				require.NoError(t, err)
				arguments := strings.Replace(string(rest), "{", `{"`+argument+`":`+value+`,`, 1)
				body := refused(t, a.callRaw(d.Name, strings.Replace(arguments, ",}", "}", 1)))
				assert.Equal(t, fault.InvalidArgument, body.Code, "%s: %s", name, d.Name)
				assert.Contains(t, body.Message, "`"+argument+"`: holds half of a surrogate pair", d.Name)
				checked++
			}
		}
		assert.Greater(t, checked, 100)
		assert.NotContains(t, a.wire.String(), "CANARY")
	}
	a := h.connect(local())
	ok[map[string]any](t, a.callRaw("set_secret", `{"identity":"half","name":"FACE","value":"\ud83d\ude00 \\ud800 �"}`))
	assert.Equal(t, `😀 \ud800 �`, ok[struct{ Value string }](t, a.call("get_secret", args{"identity": "half", "name": "FACE"})).Value)
}
