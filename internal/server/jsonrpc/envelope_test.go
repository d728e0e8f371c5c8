package jsonrpc_test

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

	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/internal/test/jsonrpctest"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range jsonrpctest.BadMessages() {
		t.Run(bad.Name, func(t *testing.T) {
			env, refused := jsonrpc.Parse([]byte(bad.Raw))
			require.NotNil(t, refused)
			assert.Equal(t, bad.Code, refused.Code, refused.Message)
			assert.Equal(t, bad.ID, string(refused.ID), refused.Message)
			assert.NotContains(t, refused.Message, "CANARY")
			assert.Zero(t, env)
		})
	}
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	deep := `{"a":` + strings.Repeat("[", 98) + strings.Repeat("]", 98) + `}`
	for text, want := range map[string]jsonrpc.Envelope{
		`{"jsonrpc":"2.0","id":1,"method":"ping"}`:                           {ID: raw(`1`), Method: "ping"},
		` { "method" : "ping" , "id" : "a\"b" , "jsonrpc" : "2.0" } `:        {ID: raw(`"a\"b"`), Method: "ping"},
		`{"jsonrpc":"2.0","id":-12,"\u006dethod":"p\u0069ng","params":null}`: {ID: raw(`-12`), Method: "ping"},
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`:             {Method: "notifications/initialized", IsNotification: true},
		`{"jsonrpc":"2.0","id":3,"result":{"action":"accept"}}`:              {ID: raw(`3`), IsResponse: true},
		`{"jsonrpc":"2.0","id":"\ud83d\ude00","method":"ping"}`:              {ID: raw(`"\ud83d\ude00"`), Method: "ping"},
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
		env, refused := jsonrpc.Parse([]byte(text))
		if assert.Nil(t, refused, text) {
			assert.Equal(t, want, env, text)
		}
	}
}

// FuzzParse holds the check against encoding/json: what is accepted must be one object with exactly
// the right names and read the same by mcp-go, and what is refused as broken JSON must be that.
func FuzzParse(f *testing.F) {
	for _, bad := range jsonrpctest.BadMessages() {
		if len(bad.Raw) < 1000 {
			f.Add([]byte(bad.Raw))
		}
	}
	f.Add([]byte(toolCall("1", "echo", `{"text":"Grüße \ud83d\ude00 \ud800","n":[1.5e-3,true,null]}`)))
	f.Add([]byte(modernCall(`"x"`, "echo", `{}`)))
	f.Add([]byte(`{"jsonrpc":"2.0","id":3,"result":{"action":"accept","content":{}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		env, refused := jsonrpc.Parse(raw)
		if refused != nil {
			if json.Valid(raw) && utf8.Valid(raw) {
				require.Equal(t, jsonrpc.CodeInvalidRequest, refused.Code)
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

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{
		"ping":   jsonrpctest.Ping,
		"call":   toolCall("17", "wait_for_otp", `{"identity":"research-1","cursor":"`+strings.Repeat("c", 120)+`","timeout_seconds":30}`),
		"modern": modernCall("17", "wait_for_otp", `{"identity":"research-1","timeout_seconds":30}`),
		"1MiB":   toolCall("1", "echo", `{"text":"`+strings.Repeat("x", 1<<20)+`"}`),
	} {
		raw := []byte(text)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, refused := jsonrpc.Parse(raw); refused != nil {
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

// toolCall is a tools/call that asks for progress.
func toolCall(id, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{"progressToken":"t"}}}`, id, tool, arguments)
}

// modernCall is a tools/call of protocol 2026-07-28 by a client that can be asked.
func modernCall(id, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s,`+
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}}`, id, tool, arguments)
}
