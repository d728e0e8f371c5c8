package tools_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	validation "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

// Hosts convert schemas to what their model takes. What a converter would refuse fails here, and so
// does what it would drop: then a model is told less than was meant.

// converter is the form of schemas that one kind of host takes.
type converter struct {
	keywords  []string // those that come through
	name      *regexp.Regexp
	described int // how many characters the description of a tool may have; 0: any number
	depth     int // of objects and lists in each other; 0: any
}

var converters = map[string]converter{
	// Structured outputs in strict mode, for which ensure_strict_json_schema of
	// openai/openai-agents-python closes objects and makes all properties required, and hosts make
	// optional ones nullable. Lengths of texts, formats and defaults were refused at some time, and
	// depth 5 was the first limit.
	"OpenAI strict mode": {
		keywords: []string{"type", "description", "enum", "properties", "required", "items", "minimum", "maximum", "additionalProperties"},
		name:     regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`), described: 1024, depth: 5,
	},
	// Function declarations, as _filter_to_supported_schema of googleapis/python-genai leaves them.
	// It knows minItems, maxLength and the like by their Python names alone, and drops them.
	"Gemini function declarations": {
		keywords: []string{"type", "description", "enum", "properties", "required", "items", "minimum", "maximum"},
		name:     regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.-]{0,62}$`),
	},
}

// convert returns what is wrong with a schema.
func (c converter) convert(at string, schema map[string]any, depth int) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, at+": "+fmt.Sprintf(format, args...)) }
	if c.depth > 0 && depth > c.depth {
		wrong("deeper than %d", c.depth)
	}
	for _, keyword := range slices.Sorted(maps.Keys(schema)) {
		if !slices.Contains(c.keywords, keyword) {
			wrong("%s is refused or dropped", keyword)
		}
	}
	kind, _ := schema["type"].(string)
	if !slices.Contains([]string{"string", "integer", "number", "boolean", "array", "object"}, kind) {
		wrong("type %v", schema["type"])
	}
	if enum, has := schema["enum"].([]any); has {
		for _, value := range enum {
			if text, isText := value.(string); !isText || text == "" || kind != "string" {
				wrong("an enum of other values than texts")
			}
		}
	}
	if kind == "array" {
		items, _ := schema["items"].(map[string]any)
		problems = append(problems, c.convert(at+"[]", items, depth+1)...)
	}
	if kind != "object" {
		return problems
	}
	properties, _ := schema["properties"].(map[string]any)
	if len(properties) == 0 && depth > 1 {
		wrong("an object without properties")
	}
	for _, name := range texts(schema["required"]) {
		if properties[name] == nil {
			wrong("requires %s, which it does not have", name)
		}
	}
	for name, property := range properties {
		inner, _ := property.(map[string]any)
		problems = append(problems, c.convert(at+"."+name, inner, depth+1)...)
	}
	return problems
}

func texts(list any) (out []string) {
	all, _ := list.([]any)
	for _, one := range all {
		out = append(out, one.(string))
	}
	return out
}

func TestConvertersLoseNothingOfAnyTool(t *testing.T) {
	h := newSystem(t, sandbox.Config{}).everything()
	for _, d := range definitions(t, h.connect(local())) {
		for host, c := range converters {
			assert.Regexp(t, c.name, d.Name, host)
			if c.described > 0 {
				assert.LessOrEqual(t, len(d.Description), c.described, "%s: %s", host, d.Name)
			}
			for _, raw := range []json.RawMessage{d.InputSchema, d.OutputSchema} {
				var schema map[string]any
				require.NoError(t, json.Unmarshal(raw, &schema))
				assert.Empty(t, c.convert(d.Name, schema, 1), host)
			}
		}
	}
}

// The converters have to notice what they are there for.
func TestConvertersRefuseWhatHostsRefuse(t *testing.T) {
	for _, schema := range []string{
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{}}`,
		`{"type":"object","properties":{"a":{"type":"string","default":"x"}}}`,
		`{"type":"object","properties":{"a":{"type":"string","format":"date-time"}}}`,
		`{"type":"object","properties":{"a":{"type":"string","maxLength":3}}}`,
		`{"type":"object","properties":{"a":{"type":["string","null"]}}}`,
		`{"type":"object","properties":{"a":{"type":"integer","enum":[1]}}}`,
		`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string","pattern":"a"}}}}`,
		`{"type":"object","properties":{"a":{"type":"array"}}}`,
		`{"type":"object","properties":{"a":{"type":"object"}}}`,
		`{"type":"object","properties":{"a":{"$ref":"#/x"}}}`,
		`{"type":"object","properties":{},"required":["b"]}`,
	} {
		var parsed map[string]any
		require.NoError(t, json.Unmarshal([]byte(schema), &parsed))
		for host, c := range converters {
			assert.NotEmpty(t, c.convert("x", parsed, 1), "%s: %s", host, schema)
		}
	}
}

// Validators exist that know drafts before 2020-12 alone.
func TestSchemasCompileInEveryDraft(t *testing.T) {
	h := newSystem(t, sandbox.Config{}).everything()
	for _, draft := range []*validation.Draft{validation.Draft4, validation.Draft6, validation.Draft7, validation.Draft2019, validation.Draft2020} {
		for _, d := range definitions(t, h.connect(local())) {
			for _, raw := range []json.RawMessage{d.InputSchema, d.OutputSchema} {
				var doc any
				require.NoError(t, json.Unmarshal(raw, &doc))
				c := validation.NewCompiler()
				c.DefaultDraft(draft)
				require.NoError(t, c.AddResource("schema.json", doc))
				_, err := c.Compile("schema.json")
				assert.NoError(t, err, "%s: %s", draft.String(), d.Name)
			}
		}
	}
}
