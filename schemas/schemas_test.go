package schemas_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/schemas"
)

type params struct {
	Name    string   `json:"name" jsonschema:"minLength=1,maxLength=20,pattern=^[a-z-]*$" jsonschema_description:"Lower-case name, as in worker-42."`
	Channel string   `json:"channel,omitempty" jsonschema:"enum=any,enum=sms,enum=email"`
	Timeout int      `json:"timeout_seconds,omitempty" jsonschema:"minimum=1,maximum=50"`
	Deep    bool     `json:"deep,omitempty"`
	IDs     []string `json:"ids,omitempty" jsonschema:"maxItems=3"`
}

func input(t *testing.T) *schemas.Schema {
	t.Helper()
	return schemas.Input[params]()
}

func TestSchemasAreInlineObjects(t *testing.T) {
	var doc map[string]any
	require.NoError(t, json.Unmarshal(input(t).Rules(), &doc))
	assert.Equal(t, "object", doc["type"])
	assert.Equal(t, false, doc["additionalProperties"])
	assert.Equal(t, []any{"name"}, doc["required"])
	assert.NotContains(t, string(input(t).Rules()), "$ref")

	out := schemas.Output[params]()
	assert.NotContains(t, string(out.Rules()), `"additionalProperties":false`)
}

// Every keyword that a struct can have, and those of them that clients see.
func TestClientsSeeFewKeywords(t *testing.T) {
	type inner struct {
		At time.Time `json:"at,omitzero"`
	}
	type every struct {
		Name   string  `json:"name" jsonschema:"minLength=1,maxLength=9,pattern=^[a-z]+$" jsonschema_description:"A name."`
		Kind   string  `json:"kind,omitempty" jsonschema:"enum=a,enum=b"`
		Number int     `json:"number,omitempty" jsonschema:"minimum=1,maximum=9"`
		List   []inner `json:"list,omitempty" jsonschema:"minItems=1,maxItems=3"`
	}
	assert.JSONEq(t, `{"type":"object","required":["name"],"properties":{
		"name":{"type":"string","description":"A name."},
		"kind":{"type":"string","enum":["a","b"]},
		"number":{"type":"integer","minimum":1,"maximum":9},
		"list":{"type":"array","items":{"type":"object","properties":{"at":{"type":"string"}}}}}}`, string(schemas.Input[every]().JSON()))
	_, problems, err := schemas.Input[every]().Arguments(json.RawMessage(`{"name":"A","list":[],"more":1}`))
	require.NoError(t, err)
	assert.Len(t, problems, 3, "what clients do not see is checked all the same")
}

func TestOldNamesOfArgumentsAreTaken(t *testing.T) {
	type now struct {
		Sender string `json:"sender,omitempty" jsonschema:"maxLength=9"`
	}
	arguments := func(s *schemas.Schema, sent string) string {
		out, problems, err := s.Arguments(json.RawMessage(sent))
		require.NoError(t, err)
		if len(problems) > 0 {
			return problems[0].String()
		}
		return string(out)
	}
	s := schemas.Input[now]()
	assert.NotContains(t, string(s.JSON()), "from")
	assert.JSONEq(t, `{"sender":"x"}`, arguments(s, `{"from":"x"}`))
	assert.Equal(t, "`sender`: is too long: at most 9 characters", arguments(s, `{"from":"0123456789"}`))
	assert.Contains(t, arguments(s, `{"from":"x","sender":"y"}`), "unknown argument `from`")
	assert.Contains(t, arguments(input(t), `{"name":"a","from":"x"}`), "unknown argument `from`")

	type own struct {
		now
		From string `json:"from,omitempty"`
	}
	assert.JSONEq(t, `{"from":"x"}`, arguments(schemas.Input[own](), `{"from":"x"}`))
}

func TestArgumentsForgiveWhatModelsSend(t *testing.T) {
	for sent, want := range map[string]string{
		`{"name":"a","timeout_seconds":"30"}`:  `{"name":"a","timeout_seconds":30}`,
		`{"name":"a","timeout_seconds":30.0}`:  `{"name":"a","timeout_seconds":30}`,
		`{"name":"a","timeout_seconds":3e1}`:   `{"name":"a","timeout_seconds":30}`,
		`{"name":"a","timeout_seconds":30.00}`: `{"name":"a","timeout_seconds":30}`,
		`{"name":"a","deep":"True"}`:           `{"name":"a","deep":true}`,
		`{"name":"a","ids":"one"}`:             `{"name":"a","ids":["one"]}`,
		`{"name":"a","channel":null}`:          `{"name":"a"}`,
	} {
		got, problems, err := input(t).Arguments(json.RawMessage(sent))
		require.NoError(t, err, sent)
		require.Empty(t, problems, sent)
		assert.JSONEq(t, want, string(got), sent)
	}
}

func TestProblemsNameArgumentAndRuleNotTheValue(t *testing.T) {
	const canary = "CANARY9x"
	for sent, want := range map[string]string{
		`{}`:                        "`name`: is required (Lower-case name, as in worker-42)",
		`{"name":""}`:               "`name`: must not be empty",
		`{"name":[1]}`:              "`name`: must be a string",
		`{"name":"` + canary + `"}`: "`name`: does not have the form it needs (pattern ^[a-z-]*$) (Lower-case name, as in worker-42)",
		`{"name":"` + strings.Repeat("a", 21) + `"}`:      "`name`: is too long: at most 20 characters",
		`{"name":"a","channel":"` + canary + `"}`:         "`channel`: must be one of `any`, `sms`, `email`",
		`{"name":"a","timeout_seconds":51}`:               "`timeout_seconds`: must be at most 50",
		`{"name":"a","timeout_seconds":0}`:                "`timeout_seconds`: must be at least 1",
		`{"name":"a","timeout_seconds":"` + canary + `"}`: "`timeout_seconds`: must be a whole number",
		`{"name":"a","ids":["a","b","c","d"]}`:            "`ids`: takes at most 3 entries",
		`{"name":"a","ids":[{"k":"` + canary + `"}]}`:     "`ids[0]`: must be a string",
		`{"name":"a","timeout":"` + canary + `"}`:         "unknown argument `timeout`; known arguments: `channel`, `deep`, `ids`, `name`, `timeout_seconds`",
		`{"name":"a","` + canary + ` !{":"x"}`:            "unknown argument; known arguments: `channel`, `deep`, `ids`, `name`, `timeout_seconds`",
		`{"name":"a","sk_live_51Hq8` + canary + `":1}`:    "unknown argument; known arguments: `channel`, `deep`, `ids`, `name`, `timeout_seconds`",
		`{"name":"a","` + canary + ` is":1e999999}`:       "is a number out of range",
		`{"name":null}`:                                            "`name`: must be a string",
		`{"name":"a","timeout_seconds":1e400}`:                     "`timeout_seconds`: must be at most 50",
		`{"name":"a","timeout_seconds":1e999999}`:                  "`timeout_seconds`: is a number out of range",
		`{"name":"a","ids":[1e-999999]}`:                           "`ids[0]`: is a number out of range",
		`{"name":"a","timeout_seconds":99999999999999999999999.5}`: "`timeout_seconds`: must be a whole number",
	} {
		_, problems, err := input(t).Arguments(json.RawMessage(sent))
		require.NoError(t, err, sent)
		require.Len(t, problems, 1, sent)
		assert.Equal(t, want, problems[0].String(), sent)
		assert.NotContains(t, problems[0].String(), canary)
	}
}

func TestArgumentsThatAreNoObject(t *testing.T) {
	for _, sent := range []string{`[]`, `"x"`, `1`, `{`, `{} {}`, `{"a":}`} {
		_, _, err := input(t).Arguments(json.RawMessage(sent))
		assert.ErrorIs(t, err, schemas.ErrNotObject, sent)
	}
	for _, sent := range []string{``, `null`, ` {} `} {
		_, problems, err := input(t).Arguments(json.RawMessage(sent))
		require.NoError(t, err, sent)
		assert.Len(t, problems, 1, "%q counts as {}", sent)
	}
}

func TestABrokenSchemaIsRefusedAtTheStart(t *testing.T) {
	for _, doc := range []string{
		`{`, `true`, `{"type":"string"}`, `{"type":"object","properties":{"a":{"type":"strin"}}}`,
		`{"type":"object","properties":{"a":{"type":"string","pattern":"("}}}`,
		`{"type":"object","properties":{"a":{"$ref":"https://elsewhere.example/x.json"}}}`,
	} {
		_, err := schemas.Compile(json.RawMessage(doc))
		assert.Error(t, err, doc)
	}
}

func FuzzArguments(f *testing.F) {
	for _, seed := range []string{`{"name":"a"}`, `{"ids":[1,{}],"timeout_seconds":"9"}`, `null`, `{"name":{"a":[]}}`, `{"timeout_seconds":1e999999}`} {
		f.Add([]byte(seed))
	}
	s := schemas.Input[params]()
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, problems, err := s.Arguments(raw)
		if err != nil || len(problems) > 0 {
			return
		}
		var p params
		require.NoError(t, json.Unmarshal(out, &p), "what the schema accepts must decode")
	})
}

func TestKeywordsThatAreNotWrittenFail(t *testing.T) {
	type leaf struct {
		N int `json:"n" jsonschema:"multipleOf=5"`
	}
	type every struct {
		Name   string         `json:"name" jsonschema:"minLength=1,maxLength=9,pattern=^[a-z]+$" jsonschema_description:"A <name> & more."`
		Kind   string         `json:"kind,omitempty" jsonschema:"enum=a,enum=b"`
		Number int            `json:"number,omitempty" jsonschema:"minimum=1,maximum=9"`
		At     time.Time      `json:"at,omitzero"`
		List   []string       `json:"list,omitempty" jsonschema:"minItems=1,maxItems=3"`
		Any    map[string]any `json:"any,omitempty"`
		Open   any            `json:"open,omitempty"`
	}
	assert.ErrorContains(t, schemas.Output[leaf]().Check(), "MultipleOf")
	assert.ErrorContains(t, schemas.Output[struct {
		Leaf leaf `json:"leaf"`
	}]().Check(), "MultipleOf")

	assert.ErrorContains(t, schemas.Input[struct {
		Kind string `json:"kind" jsonschema:"default=a"`
	}]().Check(), "Default")

	reflected := (&jsonschema.Reflector{Anonymous: true, DoNotReference: true, ExpandedStruct: true}).Reflect(every{})
	reflected.Version = ""
	want, err := json.Marshal(reflected)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(schemas.Input[every]().Rules()))
}
