package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
)

type badMessage struct {
	name, raw string
	code      int
	id        string // of the refusal, "" for none
}

func badMessages() []badMessage {
	const parse, invalid = server.CodeParse, server.CodeInvalidRequest
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	var many []string
	for i := range 5000 {
		many = append(many, fmt.Sprintf(`"CANARY%d":1`, i))
	}
	return []badMessage{
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
		{"a byte order mark", "\ufeff" + ping, parse, ""},
		{"UTF-16", "{\x00\"\x00", parse, ""},
		{"broken in params, after a flaw", `{"METHOD":1,"params":{"a":tru}}`, parse, ""},

		{"a batch", `[` + ping + `,{"jsonrpc":"2.0","id":2,"method":"CANARY"}]`, invalid, ""},
		{"an empty batch", `[]`, invalid, ""},
		{"a string", `"CANARY"`, invalid, ""},
		{"a number", `1`, invalid, ""},
		{"null", `null`, invalid, ""},
		{"nothing in it", `{}`, invalid, ""},
		{"two messages", ping + ping, invalid, `"ping"`},
		{"something after it", ping + ` CANARY`, invalid, `"ping"`},

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

		{"method and result", `{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}`, invalid, ""},
		{"result and error", `{"jsonrpc":"2.0","id":1,"result":{},"error":{}}`, invalid, ""},
		{"a result without id", `{"jsonrpc":"2.0","result":{}}`, invalid, ""},
		{"a result for id null", `{"jsonrpc":"2.0","id":null,"result":{}}`, invalid, ""},
		{"a result with params", `{"jsonrpc":"2.0","id":1,"result":{},"params":{}}`, invalid, ""},
		{"an error that is none", `{"jsonrpc":"2.0","id":1,"error":"CANARY"}`, invalid, ""},
	}
}

func TestCheckEnvelopeRefuses(t *testing.T) {
	t.Parallel()
	for _, story := range badMessages() {
		t.Run(story.name, func(t *testing.T) {
			env, refused := server.CheckEnvelope([]byte(story.raw))
			require.NotNil(t, refused)
			assert.Equal(t, story.code, refused.Code, refused.Message)
			assert.Equal(t, story.id, string(refused.ID), refused.Message)
			assert.NotContains(t, refused.Message, "CANARY")
			assert.Zero(t, env)
		})
	}
}

func TestCheckEnvelopeAccepts(t *testing.T) {
	t.Parallel()
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	deep := `{"a":` + strings.Repeat("[", 98) + strings.Repeat("]", 98) + `}`
	for text, want := range map[string]server.Envelope{
		`{"jsonrpc":"2.0","id":1,"method":"ping"}`:                           {ID: raw(`1`), Method: "ping"},
		` { "method" : "ping" , "id" : "a\"b" , "jsonrpc" : "2.0" } `:        {ID: raw(`"a\"b"`), Method: "ping"},
		`{"jsonrpc":"2.0","id":-12,"\u006dethod":"p\u0069ng","params":null}`: {ID: raw(`-12`), Method: "ping"},
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`:             {Method: "notifications/initialized", IsNotification: true},
		`{"jsonrpc":"2.0","id":3,"result":{"action":"accept"}}`:              {ID: raw(`3`), IsResponse: true},
		`{"jsonrpc":"2.0","id":3,"result":null}`:                             {ID: raw(`3`), IsResponse: true},
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}`:  {IsResponse: true},
		`{"jsonrpc":"2.0","id":1,"method":"m","params":` + deep + `}`:        {ID: raw(`1`), Method: "m", Params: raw(deep)},
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":"t"}}}`: {ID: raw(`1`), Method: "m",
			Params: raw(`{"_meta":{"progressToken":"t"}}`), ProgressToken: raw(`"t"`)},
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{"progressToken":2,"arguments":{"_meta":{"progressToken":3}}}}`: {ID: raw(`1`), Method: "m",
			Params: raw(`{"progressToken":2,"arguments":{"_meta":{"progressToken":3}}}`)},
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":-7}}}`: {
			ID: raw(`1`), Method: "m", ProtocolVersion: "2026-07-28", ProgressToken: raw(`-7`),
			Params: raw(`{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":-7}}`)},
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":{"Name":"x","name":"y"}}}`: {ID: raw(`1`), Method: "m",
			Params: raw(`{"arguments":{"Name":"x","name":"y"}}`)},
	} {
		env, refused := server.CheckEnvelope([]byte(text))
		if assert.Nil(t, refused, text) {
			assert.Equal(t, want, env, text)
		}
	}
}

// FuzzCheckEnvelope holds the check against encoding/json: what is accepted must be one object with exactly the right
// names and read the same by mcp-go, and what is refused as broken JSON must be that.
func FuzzCheckEnvelope(f *testing.F) {
	for _, bad := range badMessages() {
		if len(bad.raw) < 1000 {
			f.Add([]byte(bad.raw))
		}
	}
	f.Add([]byte(callWithProgress("1", "echo", `{"text":"Grüße \ud83d\ude00 \ud800","n":[1.5e-3,true,null]}`, `"t"`)))
	f.Add([]byte(modernCall(`"x"`, "echo", `{}`, `{"elicitation":{}}`)))
	f.Add([]byte(`{"jsonrpc":"2.0","id":3,"result":{"action":"accept","content":{}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		env, refused := server.CheckEnvelope(raw)
		if refused != nil {
			if json.Valid(raw) && utf8.Valid(raw) {
				require.Equal(t, server.CodeInvalidRequest, refused.Code)
			}
			if refused.ID != nil {
				require.True(t, json.Valid(refused.ID))
			}
			return
		}
		require.True(t, json.Valid(raw) && utf8.Valid(raw))
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &members))
		for name := range members {
			require.Contains(t, []string{"jsonrpc", "id", "method", "params", "result", "error"}, name)
		}
		requireNoDuplicates(t, raw)

		var read struct {
			JSONRPC string           `json:"jsonrpc"`
			ID      *json.RawMessage `json:"id"`
			Method  string           `json:"method"`
			Params  *json.RawMessage `json:"params"`
		}
		require.NoError(t, json.Unmarshal(raw, &read))
		require.Equal(t, "2.0", read.JSONRPC)
		require.Equal(t, read.Method, env.Method)
		require.Equal(t, deref(read.ID), string(env.ID))
		require.Equal(t, deref(read.Params), string(env.Params))
		require.Equal(t, env.Method == "", env.IsResponse)
		require.Equal(t, env.Method != "" && env.ID == nil, env.IsNotification)

		var request struct {
			Params struct {
				Meta *mcp.Meta `json:"_meta"`
			} `json:"params"`
		}
		if json.Unmarshal(raw, &request) == nil {
			require.Equal(t, request.Params.Meta.ProtocolVersion(), env.ProtocolVersion)
		}
	})
}

func deref(raw *json.RawMessage) string {
	if raw == nil {
		return ""
	}
	return string(*raw)
}

// requireNoDuplicates walks over raw with the tokens of encoding/json.
func requireNoDuplicates(t *testing.T, raw []byte) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	var walk func()
	walk = func() {
		token, err := decoder.Token()
		require.NoError(t, err)
		switch token {
		case json.Delim('{'):
			var names []string
			for decoder.More() {
				name, err := decoder.Token()
				require.NoError(t, err)
				require.False(t, slices.Contains(names, name.(string)))
				names = append(names, name.(string))
				walk()
			}
			_, err = decoder.Token()
			require.NoError(t, err)
		case json.Delim('['):
			for decoder.More() {
				walk()
			}
			_, err = decoder.Token()
			require.NoError(t, err)
		}
	}
	walk()
}

func BenchmarkCheckEnvelope(b *testing.B) {
	for name, text := range map[string]string{
		"ping":   ping,
		"call":   callWithProgress("17", "wait_for_otp", `{"identity":"research-1","cursor":"`+strings.Repeat("c", 120)+`","timeout_seconds":30}`, `"t"`),
		"modern": modernCall("17", "wait_for_otp", `{"identity":"research-1","timeout_seconds":30}`, `{"elicitation":{}}`),
		"1MiB":   call("1", "echo", `{"text":"`+strings.Repeat("x", 1<<20)+`"}`),
	} {
		raw := []byte(text)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, refused := server.CheckEnvelope(raw); refused != nil {
					b.Fatal(refused)
				}
			}
		})
		b.Run(name+"/encoding-json", func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				var base struct {
					JSONRPC string `json:"jsonrpc"`
					ID      any    `json:"id"`
					Method  string `json:"method"`
				}
				if err := json.Unmarshal(raw, &base); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
