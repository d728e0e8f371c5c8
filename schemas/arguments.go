package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	validation "github.com/santhosh-tekuri/jsonschema/v6"
)

// ErrNotObject is returned by Arguments for input that is not a JSON object.
var ErrNotObject = errors.New("arguments must be a JSON object")

// Problem is one thing that is wrong with the arguments. Its text names the argument and the rule,
// and never repeats the value.
type Problem struct {
	// Argument is the path of the argument, e.g. "name" or "ids[2]".
	Argument string
	// Text says what is wrong and what would be right.
	Text string
}

// String returns the text, after the argument's name.
func (p Problem) String() string {
	if p.Argument == "" {
		return p.Text
	}
	return fmt.Sprintf("`%s`: %s", p.Argument, p.Text)
}

// Arguments checks raw, the arguments of a call, and returns them as JSON that fits the schema.
// Absent and null arguments count as {}, and what hosts add to every call is dropped unread, unless
// the schema has an argument of that name (see injected). It forgives what models and hosts
// commonly send:
//
//   - a number or boolean as text ("30", "true"), and a whole number written 30.0 or 3e1
//   - a list or an object as its JSON text, also encoded twice, and one word in place of a list of
//     strings
//   - for an optional argument null, and "" where that cannot be a value: for anything but free
//     text
//
// Everything else that does not fit is a Problem. So is a string with half of a surrogate pair,
// which stands for no character (RFC 8259, 8.2), and an element of a list that is a list in itself.
//
// The error is ErrNotObject for input that is no object, or that of Check. Numbers keep their exact
// digits.
func (s *Schema) Arguments(raw json.RawMessage) (json.RawMessage, []Problem, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		raw = json.RawMessage("{}")
	}
	parsed, err := validation.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, ErrNotObject
	}
	args, ok := parsed.(map[string]any)
	if !ok {
		return nil, nil, ErrNotObject
	}
	c, err := s.once()
	if err != nil {
		return nil, nil, err
	}
	c.doc.dropInjected(args)
	c.doc.takeOldNames(args)
	if at, found := c.doc.findHalf(raw, args); found {
		return nil, []Problem{{Argument: at, Text: "holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; send both halves, or none"}}, nil
	}
	if at, found := c.doc.findHugeNumber(args, ""); found {
		return nil, []Problem{{Argument: at, Text: "is a number out of range"}}, nil
	}
	problems := c.doc.coerce(args, "")
	if len(problems) == 0 {
		problems = c.check(args)
	}
	if len(problems) > 0 {
		return nil, problems, nil
	}
	out, err := json.Marshal(args)
	if err != nil {
		return nil, nil, fmt.Errorf("encode arguments: %w", err)
	}
	return out, nil, nil
}

// Validate checks any JSON value, such as a structured result, against the schema and returns what
// does not fit.
func (s *Schema) Validate(raw json.RawMessage) ([]Problem, error) {
	parsed, err := validation.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, errors.New("not a JSON value")
	}
	c, err := s.once()
	if err != nil {
		return nil, err
	}
	return c.check(parsed), nil
}

func (c compiled) check(value any) []Problem {
	err := c.validator.Validate(value)
	if err == nil {
		return nil
	}
	invalid, ok := errors.AsType[*validation.ValidationError](err)
	if !ok {
		return []Problem{{Text: "does not fit the schema"}}
	}
	return c.doc.problems(invalid)
}

// findHugeNumber returns the path of a number whose exact value would be costly to compute, such as
// 1e999999: the validator works on exact rationals. The path goes as far as the schema knows the
// names.
func (p property) findHugeNumber(value any, at string) (string, bool) {
	switch v := value.(type) {
	case json.Number:
		digits, exponent := v.String(), ""
		if i := strings.IndexAny(digits, "eE"); i >= 0 {
			exponent = strings.TrimLeft(digits[i+1:], "+-0")
		}
		return at, len(digits) > 64 || len(exponent) > 3
	case []any:
		var items property
		if p.Items != nil {
			items = *p.Items
		}
		for i := range v {
			if where, found := items.findHugeNumber(v[i], at+"["+strconv.Itoa(i)+"]"); found {
				return where, true
			}
		}
	case map[string]any:
		for name := range v {
			inner := at
			if _, known := p.Properties[name]; known {
				inner = join(at, name)
			}
			if where, found := p.Properties[name].findHugeNumber(v[name], inner); found {
				return where, true
			}
		}
	}
	return "", false
}
