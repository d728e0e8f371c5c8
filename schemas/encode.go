package schemas

import (
	"encoding/json"
	"fmt"
	"reflect"

	invopop "github.com/invopop/jsonschema"
)

// encoder writes a schema as json.Marshal does, in one pass. json.Marshal encodes the inner schemas
// anew at every level and compares each with an empty one, which was a third of the program's
// start.
type encoder struct {
	shown bool // leave out what is for the server alone
	out   []byte
	err   error
	rest  invopop.Schema // what leftOut looks at; one for all
}

func (e *encoder) schema(s *invopop.Schema) {
	switch s {
	case invopop.TrueSchema:
		e.out = append(e.out, "true"...)
		return
	case invopop.FalseSchema:
		e.out = append(e.out, "false"...)
		return
	}
	start := len(e.out)
	text := func(name, value string) {
		if value != "" {
			e.member(name).value(value)
		}
	}
	limit := func(name string, value *uint64) {
		if value != nil && !e.shown {
			e.member(name).value(*value)
		}
	}
	if s.Items != nil {
		e.member("items").schema(s.Items)
	}
	if s.Properties != nil {
		e.member("properties").properties(s)
	}
	if s.AdditionalProperties != nil && !(e.shown && s.AdditionalProperties == invopop.FalseSchema) {
		e.member("additionalProperties").schema(s.AdditionalProperties)
	}
	text("type", s.Type)
	if len(s.Enum) > 0 {
		e.member("enum").value(s.Enum)
	}
	if s.Maximum != "" {
		e.member("maximum").value(s.Maximum)
	}
	if s.Minimum != "" {
		e.member("minimum").value(s.Minimum)
	}
	limit("maxLength", s.MaxLength)
	limit("minLength", s.MinLength)
	if !e.shown {
		text("pattern", s.Pattern)
	}
	limit("maxItems", s.MaxItems)
	limit("minItems", s.MinItems)
	if len(s.Required) > 0 {
		e.member("required").value(s.Required)
	}
	if !e.shown {
		text("format", s.Format)
	}
	text("description", s.Description)
	if left := e.leftOut(s); left != "" {
		e.err = fmt.Errorf("the keyword %s is not written", left)
	}
	if len(e.out) == start { // allows everything
		e.out = append(e.out, "true"...)
		return
	}
	e.close(start)
}

// leftOut returns a field that is set and that schema does not write.
func (e *encoder) leftOut(schema *invopop.Schema) string {
	s := &e.rest
	*s = *schema
	s.Version, s.Items, s.Properties, s.AdditionalProperties, s.Type, s.Enum = "", nil, nil, nil, "", nil
	s.Maximum, s.Minimum, s.MaxLength, s.MinLength, s.Pattern = "", "", nil, nil, ""
	s.MaxItems, s.MinItems, s.Required, s.Format, s.Description = nil, nil, nil, "", ""
	rest := reflect.ValueOf(s).Elem()
	if rest.IsZero() {
		return ""
	}
	for field, value := range rest.Fields() {
		if !value.IsZero() {
			return field.Name
		}
	}
	return ""
}

func (e *encoder) properties(s *invopop.Schema) {
	start := len(e.out)
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		e.member(p.Key).schema(p.Value)
	}
	e.close(start)
}

// member begins a member of an object; close makes the first comma a brace.
func (e *encoder) member(name string) *encoder {
	e.out = append(e.out, ',')
	e.value(name)
	e.out = append(e.out, ':')
	return e
}

func (e *encoder) close(start int) {
	if len(e.out) == start {
		e.out = append(e.out, '{')
	} else {
		e.out[start] = '{'
	}
	e.out = append(e.out, '}')
}

func (e *encoder) value(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		e.err = err
	}
	e.out = append(e.out, text...)
}
