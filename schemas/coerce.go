package schemas

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"

	validation "github.com/santhosh-tekuri/jsonschema/v6"
)

// coerce makes of args what the schema wants where only one thing can be meant, and returns what
// must not be taken for anything.
func (p property) coerce(args map[string]any, at string) (problems []Problem) {
	for name, value := range args {
		prop, known := p.Properties[name]
		optional := !slices.Contains(p.Required, name)
		switch {
		case !known:
		case optional && (value == nil || value == "" && !prop.isFreeText()):
			delete(args, name)
		default:
			var more []Problem
			args[name], more = prop.coerceValue(value, join(at, name))
			problems = append(problems, more...)
		}
	}
	return problems
}

// isFreeText reports whether "" may be a value: that of a text without a set of values or a form.
func (p property) isFreeText() bool {
	return p.Type == "string" && len(p.Enum) == 0 && p.Pattern == "" || p.Type == ""
}

func (p property) coerceValue(value any, at string) (any, []Problem) {
	if text, ok := value.(string); ok {
		value = p.coerceString(text)
	}
	switch v := value.(type) {
	case json.Number:
		if p.Type == "integer" {
			// Other spellings of a whole number, 30.0 or 3e1, are its digits.
			if r, ok := new(big.Rat).SetString(v.String()); ok && r.IsInt() {
				return json.Number(r.Num().String()), nil
			}
		}
	case map[string]any:
		return v, p.coerce(v, at)
	case []any:
		if p.Items != nil {
			return v, p.Items.coerceItems(v, at)
		}
	}
	return value, nil
}

func (p property) coerceItems(items []any, at string) (problems []Problem) {
	for i, item := range items {
		place := at + "[" + strconv.Itoa(i) + "]"
		if text, ok := item.(string); ok && p.Type == "string" && isComposite(decodeText(text)) {
			problems = append(problems, Problem{Argument: place, Text: "is the JSON text of a list or object; send each string as an element of its own"})
			continue
		}
		var more []Problem
		items[i], more = p.coerceValue(item, place)
		problems = append(problems, more...)
	}
	return problems
}

func (p property) coerceString(v string) any {
	text := strings.TrimSpace(v)
	switch p.Type {
	case "integer", "number":
		if n, ok := decodeText(text).(json.Number); ok {
			return n
		}
	case "boolean":
		if lower := strings.ToLower(text); lower == "true" || lower == "false" {
			return lower == "true"
		}
	case "array":
		if list, ok := decodeText(text).([]any); ok {
			return list
		}
		if p.Items != nil && p.Items.Type == "string" && isWord(text) {
			return []any{text}
		}
	case "object":
		if object, ok := decodeText(text).(map[string]any); ok {
			return object
		}
	}
	return v
}

// decodeText returns what text stands for as JSON, also if that was encoded more than once; the
// text itself if it is no JSON, has half of a surrogate pair in it, or a number that would be
// costly to compute.
func decodeText(text string) any {
	for {
		decoded, err := validation.UnmarshalJSON(strings.NewReader(text))
		if err != nil || holdsHalf([]byte(text)) {
			return text
		}
		inner, ok := decoded.(string)
		if !ok {
			if _, huge := (property{}).findHugeNumber(decoded, ""); huge {
				return text
			}
			return decoded
		}
		text = inner
	}
}

func isComposite(value any) bool {
	switch value.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

// isWord reports whether text can only be one element of a list: nothing in it could separate two.
func isWord(text string) bool {
	separates := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.@+", r)
	}
	return text != "" && !strings.ContainsFunc(text, separates)
}
