// Package schemas turns the params and result structs of the tools into the JSON Schemas that
// clients see, and checks what clients send against them.
//
// A struct describes itself: `json` names a field, `omitempty` (or `omitzero`) makes it optional,
// `jsonschema` holds limits (maxLength=64, enum=a, minimum=1, pattern=…) and
// `jsonschema_description` the text for the model, in a tag of its own because a comma inside
// `jsonschema` would cut it. A default stands in that text.
//
// Schemas are inline object schemas without references. Input schemas refuse unknown properties;
// output schemas allow them, so that a client with an older copy of a schema does not reject a
// newer server's result. What clients see of a schema is in those keywords alone that every known
// host takes (docs/decisions.md#schemas-of-few-keywords); all of its limits are checked here.
package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	invopop "github.com/invopop/jsonschema"
	validation "github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is a JSON Schema. One that describes a struct is made when it is first asked for, and
// compiled when it is first used, because a server has a hundred and a session uses a few. It may
// be used by any number of goroutines.
type Schema struct {
	shown func() (json.RawMessage, error)
	rules func() (json.RawMessage, error)
	once  func() (compiled, error)
}

// compiled is a schema ready to check values.
type compiled struct {
	validator *validation.Schema
	doc       property
}

// property is the part of a schema document that coercion and messages need.
type property struct {
	Type        string              `json:"type"`
	Description string              `json:"description"`
	Enum        []any               `json:"enum"`
	Pattern     string              `json:"pattern"`
	Properties  map[string]property `json:"properties"`
	Required    []string            `json:"required"`
	Items       *property           `json:"items"`
}

// Input returns the schema of the arguments that are decoded into a T, without those that are
// omitted.
func Input[T any](omitted ...string) *Schema {
	return described(new(T), false, omitted...)
}

// Output returns the schema of the structured result T.
func Output[T any]() *Schema {
	return described(new(T), true)
}

// JSON returns the document that clients see, nil if the struct cannot be described. The caller
// must not change it.
func (s *Schema) JSON() json.RawMessage {
	raw, err := s.shown()
	if err != nil {
		return nil
	}
	return raw
}

// Rules returns the document by which values are checked: JSON, and all limits with it. It is nil
// if the struct cannot be described. The caller must not change it.
func (s *Schema) Rules() json.RawMessage {
	raw, err := s.rules()
	if err != nil {
		return nil
	}
	return raw
}

// Has reports whether the schema names a property at its root.
func (s *Schema) Has(name string) bool {
	c, err := s.once()
	_, ok := c.doc.Properties[name]
	return err == nil && ok
}

func described(v any, additional bool, omitted ...string) *Schema {
	return newSchema(
		func() (json.RawMessage, error) { return describe(v, additional, encoder{shown: true}, omitted) },
		func() (json.RawMessage, error) { return describe(v, additional, encoder{}, omitted) })
}

func describe(v any, additional bool, e encoder, omitted []string) (json.RawMessage, error) {
	r := invopop.Reflector{
		Anonymous:                 true,
		DoNotReference:            true,
		ExpandedStruct:            true,
		AllowAdditionalProperties: additional,
	}
	schema := r.Reflect(v)
	for _, name := range omitted {
		schema.Properties.Delete(name)
	}
	if e.schema(schema); e.err != nil {
		return nil, fmt.Errorf("schema of %T: %w", v, e.err)
	}
	return e.out, nil
}

func newSchema(shown, rules func() (json.RawMessage, error)) *Schema {
	s := &Schema{shown: sync.OnceValues(shown), rules: sync.OnceValues(rules)}
	s.once = sync.OnceValues(func() (compiled, error) {
		raw, err := s.rules()
		if err != nil {
			return compiled{}, err
		}
		return compile(raw)
	})
	return s
}

// Check compiles the schema now and returns what is wrong with it. A schema that fails here fails
// every use.
func (s *Schema) Check() error {
	_, err := s.once()
	return err
}

// Compile returns the schema that raw describes. It fails when raw is not a valid schema of an
// object; formats such as date-time are asserted.
func Compile(raw json.RawMessage) (*Schema, error) {
	as := func() (json.RawMessage, error) { return raw, nil }
	s := newSchema(as, as)
	if err := s.Check(); err != nil {
		return nil, err
	}
	return s, nil
}

func compile(raw json.RawMessage) (compiled, error) {
	var s compiled
	parsed, err := validation.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return s, fmt.Errorf("not JSON: %w", err)
	}
	if err := json.Unmarshal(raw, &s.doc); err != nil {
		return s, fmt.Errorf("not a schema of this server's form: %w", err)
	}
	if s.doc.Type != "object" {
		return s, fmt.Errorf("root type is %q, want \"object\"", s.doc.Type)
	}
	c := validation.NewCompiler()
	c.AssertFormat()
	c.UseLoader(validation.SchemeURLLoader{}) // a schema refers to no other document
	const name = "schema.json"
	if err := c.AddResource(name, parsed); err != nil {
		return s, fmt.Errorf("add: %w", err)
	}
	if s.validator, err = c.Compile(name); err != nil {
		return s, fmt.Errorf("compile: %w", err)
	}
	return s, nil
}
