package ravi

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ravi-mcp/ravi/secret"
)

// Reading is lenient, because no source tells exactly what every Ravi sends: a field of another
// type than expected stays empty, the others are read. Only the shape of the whole must be right.

// errShape is the cause of an error for an answer that is not the JSON expected. It replaces the
// decoder's error, which quotes the answer.
var errShape = errors.New("the answer is not the JSON that was expected")

// malformed is the error of a call whose answer is not what was expected.
func malformed(op string) *Error { return &Error{Op: op, Kind: ErrUnavailable, Cause: errShape} }

// decode reads one JSON value into v. Fields of the wrong type stay empty.
func decode(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	if err == nil || isFieldError(err) {
		return nil
	}
	return errShape
}

// isFieldError tells a field of the wrong type, which is overlooked, from a whole of the wrong
// type, which is not.
func isFieldError(err error) bool {
	kind, ok := errors.AsType[*json.UnmarshalTypeError](err)
	return ok && kind.Field != ""
}

// decodeObject is decode for types that shadow fields of themselves by pointers of a lenient type
// to those fields.
func decodeObject(data []byte, v any) error {
	if trimmed := bytes.TrimSpace(data); len(trimmed) == 0 || trimmed[0] != '{' {
		return errShape
	}
	return decode(data, v)
}

// looseTime reads the forms of a time that Django sends; anything else is the zero time.
type looseTime time.Time

func (t *looseTime) UnmarshalJSON(data []byte) error {
	*t = looseTime{}
	text, _ := simpleString(data)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", time.DateOnly} {
		if parsed, err := time.Parse(layout, text); err == nil {
			*t = looseTime(parsed)
			break
		}
	}
	return nil
}

// looseInt reads a number, or a string of digits; anything else is 0.
type looseInt int64

func (n *looseInt) UnmarshalJSON(data []byte) error {
	*n = 0
	text := strings.Trim(string(data), `"`)
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		*n = looseInt(whole)
	} else if f, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(f) < 1<<53 {
		*n = looseInt(f)
	}
	return nil
}

// looseText reads a string, a number, or an array of strings, which it joins by ", "; anything else
// is empty.
type looseText string

func (s *looseText) UnmarshalJSON(data []byte) error {
	*s = ""
	if simple, ok := simpleString(data); ok {
		*s = looseText(simple)
		return nil
	}
	var text string
	var number json.Number
	var several []string
	switch {
	case json.Unmarshal(data, &text) == nil:
		*s = looseText(text)
	case json.Unmarshal(data, &number) == nil:
		*s = looseText(number.String())
	case json.Unmarshal(data, &several) == nil:
		*s = looseText(strings.Join(several, ", "))
	}
	return nil
}

// simpleString returns the string of a JSON value that is one without escapes, which is nearly
// every one, without another run of the decoder.
func simpleString(data []byte) (string, bool) {
	if len(data) < 2 || data[0] != '"' || bytes.IndexByte(data, '\\') >= 0 || !utf8.Valid(data) {
		return "", false
	}
	return string(data[1 : len(data)-1]), true
}

// looseSecret reads what looseText reads.
type looseSecret secret.Secret

func (s *looseSecret) UnmarshalJSON(data []byte) error {
	var text looseText
	err := text.UnmarshalJSON(data)
	*s = looseSecret(secret.New(string(text)))
	return err
}

// page is one answer of a list.
type page[T any] struct {
	items []T
	// next is the query of the next page, "" when Ravi names none.
	next string
	// bare: the answer was an array without an envelope, which cannot name one.
	bare bool
}

// decodePage reads an array, or the envelope {count, next, previous, results}. Elements that are
// null are left out.
func decodePage[T any](data []byte) (page[T], error) {
	p := page[T]{}
	data = bytes.TrimSpace(data)
	if len(data) == 0 || string(data) == "null" {
		return p, nil
	}
	results := json.RawMessage(data)
	if p.bare = data[0] == '['; !p.bare {
		var envelope struct {
			Results json.RawMessage `json:"results"`
			Next    looseText       `json:"next"`
		}
		if err := decodeObject(data, &envelope); err != nil || envelope.Results == nil {
			return p, errShape
		}
		results = envelope.Results
		_, query, _ := strings.Cut(string(envelope.Next), "?")
		p.next, _, _ = strings.Cut(query, "#")
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(results, &raw); err != nil {
		return p, errShape
	}
	p.items = make([]T, 0, len(raw))
	for _, element := range raw {
		if string(element) == "null" {
			continue
		}
		var v T
		if err := decode(element, &v); err != nil {
			return p, errShape
		}
		p.items = append(p.items, v)
	}
	return p, nil
}
