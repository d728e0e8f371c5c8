// Package jsonrpctest has messages for tests of package jsonrpc and of the transports that use it.
package jsonrpctest

import (
	"fmt"
	"strings"

	"ravi-mcp/internal/server/jsonrpc"
)

// Ping is a good message.
const Ping = `{"jsonrpc":"2.0","id":"ping","method":"ping"}`

// BadMessage is a message that jsonrpc.Parse refuses, whose text "CANARY" no answer may repeat.
type BadMessage struct {
	Name, Raw string
	Code      int
	ID        string // of the refusal, "" for none
}

// BadMessages returns messages with every kind of flaw, for the tests of whatever reads messages.
func BadMessages() []BadMessage {
	const parse, invalid = jsonrpc.CodeParse, jsonrpc.CodeInvalidRequest
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	var many []string
	for i := range 5000 {
		many = append(many, fmt.Sprintf(`"CANARY%d":1`, i))
	}
	return []BadMessage{
		{"not JSON", `CANARY`, parse, ""},
		{"cut off", `{"jsonrpc":"2.0","id":1,"method":"CANARY`, parse, ""},
		{"single quotes", `{'jsonrpc':'2.0'}`, parse, ""},
		{"comma at the end", `{"jsonrpc":"2.0","id":1,"method":"ping",}`, parse, ""},
		{"no colon", `{"jsonrpc" "2.0"}`, parse, ""},
		{"no value", `{"jsonrpc":}`, parse, ""},
		{"a comment", `{"jsonrpc":"2.0",/**/"id":1,"method":"ping"}`, parse, ""},
		{"NaN", `{"jsonrpc":"2.0","id":NaN,"method":"ping"}`, parse, ""},
		{"number with a leading zero", `{"jsonrpc":"2.0","id":01,"method":"ping"}`, parse, ""},
		{"number without digits", `{"jsonrpc":"2.0","id":-,"method":"ping"}`, parse, ""},
		{"bad escape", `{"jsonrpc":"2.0","id":1,"method":"\x"}`, parse, ""},
		{"short escape", `{"jsonrpc":"2.0","id":1,"method":"\u12"}`, parse, ""},
		{"control character in a string", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\tb\"}", parse, ""},
		{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", parse, ""},
		{"two byte order marks", "\ufeff\ufeff" + Ping, parse, ""},
		{"UTF-16", "{\x00\"\x00", parse, ""},
		{"broken in params, after a flaw", `{"METHOD":1,"params":{"a":tru}}`, parse, ""},

		{"a batch", `[` + Ping + `,{"jsonrpc":"2.0","id":2,"method":"CANARY"}]`, invalid, ""},
		{"an empty batch", `[]`, invalid, ""},
		{"a string", `"CANARY"`, invalid, ""},
		{"a number", `1`, invalid, ""},
		{"null", `null`, invalid, ""},
		{"nothing in it", `{}`, invalid, ""},
		{"two messages", Ping + Ping, invalid, `"ping"`},
		{"something after it", Ping + ` CANARY`, invalid, `"ping"`},

		{"METHOD", `{"jsonrpc":"2.0","id":1,"METHOD":"ping"}`, invalid, "1"},
		{"Method beside method", `{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}`, invalid, "1"},
		{"paramſ", `{"jsonrpc":"2.0","id":1,"method":"ping","paramſ":{}}`, invalid, "1"},
		{"params with an escaped long s", `{"jsonrpc":"2.0","id":1,"method":"ping","param\u017f":{}}`, invalid, "1"},
		{"JSONRPC", `{"JSONRPC":"2.0","id":1,"method":"ping"}`, invalid, "1"},
		{"ID", `{"jsonrpc":"2.0","ID":1,"method":"ping"}`, invalid, ""},
		{"unknown member", `{"jsonrpc":"2.0","id":1,"method":"ping","CANARY":1}`, invalid, "1"},
		{"empty name", `{"jsonrpc":"2.0","id":1,"method":"ping","":1}`, invalid, "1"},

		{"method twice", `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}`, invalid, "1"},
		{"method twice, once escaped", `{"jsonrpc":"2.0","id":1,"method":"ping","\u006dethod":"tools/call"}`, invalid, "1"},
		{"id twice", `{"jsonrpc":"2.0","id":1,"method":"ping","id":2}`, invalid, ""},
		{"params twice", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"params":{}}`, invalid, "1"},
		{"a parameter twice", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}`, invalid, "1"},
		{"an argument twice", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"a":1,"\u0061":2}}}`, invalid, "1"},
		{"an argument twice, deep", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"a":[{"b":1,"b":1}]}}}`, invalid, "1"},
		{"an argument twice among many", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{` +
			strings.Join(many[:50], ",") + `,"CANARY7":1}}}`, invalid, "1"},
		{"too many members", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{` + strings.Join(many, ",") + `}}}`, invalid, "1"},
		{"Name beside name", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}`, invalid, "1"},
		{"_META", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_META":{}}}`, invalid, "1"},
		{"argumentſ", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"argumentſ":{}}}`, invalid, "1"},

		{"version 1.0", `{"jsonrpc":"1.0","id":1,"method":"ping"}`, invalid, "1"},
		{"version as a number", `{"jsonrpc":2.0,"id":1,"method":"ping"}`, invalid, "1"},
		{"no version", `{"id":1,"method":"ping"}`, invalid, "1"},
		{"no method", `{"jsonrpc":"2.0","id":1}`, invalid, "1"},
		{"empty method", `{"jsonrpc":"2.0","id":1,"method":""}`, invalid, "1"},
		{"method as a number", `{"jsonrpc":"2.0","id":1,"method":1}`, invalid, "1"},
		{"method as null", `{"jsonrpc":"2.0","id":1,"method":null}`, invalid, "1"},
		{"a very long method", `{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("CANARY", 50) + `"}`, invalid, "1"},
		{"id null", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, invalid, ""},
		{"id as an object", `{"jsonrpc":"2.0","id":{"CANARY":1},"method":"ping"}`, invalid, ""},
		{"id as true", `{"jsonrpc":"2.0","id":true,"method":"ping"}`, invalid, ""},
		{"id as a fraction", `{"jsonrpc":"2.0","id":1.5,"method":"ping"}`, invalid, ""},
		{"id with an exponent", `{"jsonrpc":"2.0","id":1e3,"method":"ping"}`, invalid, ""},
		{"a very long id", `{"jsonrpc":"2.0","id":"` + strings.Repeat("CANARY", 500) + `","method":"ping"}`, invalid, ""},
		{"params as a list", `{"jsonrpc":"2.0","id":1,"method":"ping","params":["CANARY"]}`, invalid, "1"},
		{"params as a string", `{"jsonrpc":"2.0","id":1,"method":"ping","params":"CANARY"}`, invalid, "1"},
		{"nested too deeply", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":` + nested(99) + `}}`, invalid, "1"},
		{"10,000 deep", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":` + nested(10_000) + `}}`, invalid, "1"},
		{"10,000 deep and no end", strings.Repeat("[", 10_000), invalid, ""},

		{"half of a surrogate pair in an id", `{"jsonrpc":"2.0","id":"CANARY\ud83d","method":"ping"}`, invalid, ""},
		{"half of a surrogate pair in a method", `{"jsonrpc":"2.0","id":1,"method":"\udc00CANARY"}`, invalid, "1"},
		{"half of a surrogate pair in a name", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"\uD800\u0041":1}}`, invalid, "1"},
		{"half of a surrogate pair as a token", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":"\udfff"}}}`, invalid, "1"},
		{"two first halves", `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"\ud83d\ud83d\ude00"}}`, invalid, "1"},
		{"half of a surrogate pair for a prompt", `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"sign_up","arguments":{"service":"\ud83d CANARY"}}}`, invalid, "1"},
		{"half of a surrogate pair at the end", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\ud83d\`, parse, ""},

		{"method and result", `{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}`, invalid, ""},
		{"result and error", `{"jsonrpc":"2.0","id":1,"result":{},"error":{}}`, invalid, ""},
		{"a result without id", `{"jsonrpc":"2.0","result":{}}`, invalid, ""},
		{"a result for id null", `{"jsonrpc":"2.0","id":null,"result":{}}`, invalid, ""},
		{"a result with params", `{"jsonrpc":"2.0","id":1,"result":{},"params":{}}`, invalid, ""},
		{"an error that is none", `{"jsonrpc":"2.0","id":1,"error":"CANARY"}`, invalid, ""},
	}
}
