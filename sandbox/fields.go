package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxBody bounds the JSON body of a request, in bytes.
const maxBody = 1 << 20

// fields is a decoded request body that collects what is wrong with it, as a REST framework
// serializer does.
type fields struct {
	m    map[string]json.RawMessage
	errs map[string][]string
	err  error // the body cannot be decoded at all
}

// readFields decodes a JSON, form or multipart body. An empty body is an empty object.
func readFields(contentType string, body []byte) *fields {
	f := &fields{m: map[string]json.RawMessage{}, errs: map[string][]string{}}
	if len(bytes.TrimSpace(body)) > 0 {
		f.err = f.decode(contentType, body)
	}
	return f
}

func (f *fields) decode(contentType string, body []byte) error {
	mt, params, _ := mime.ParseMediaType(contentType)
	switch {
	case mt == "application/json" || strings.HasSuffix(mt, "+json"):
		if err := json.Unmarshal(body, &f.m); err != nil {
			if syntax, is := errors.AsType[*json.SyntaxError](err); is {
				return detail(400, "JSON parse error - at byte "+strconv.FormatInt(syntax.Offset, 10))
			}
			return field("non_field_errors", "Invalid data. Expected a dictionary.")
		}
	case mt == "application/x-www-form-urlencoded":
		q, err := url.ParseQuery(string(body))
		if err != nil {
			return detail(400, "Malformed form data.")
		}
		f.fromForm(q)
	case mt == "multipart/form-data" && params["boundary"] != "":
		r := &http.Request{Header: http.Header{"Content-Type": {contentType}}, Method: "POST",
			Body: io.NopCloser(bytes.NewReader(body))}
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return detail(400, "Multipart form parse error.")
		}
		f.fromForm(r.MultipartForm.Value)
	default:
		return detail(415, `Unsupported media type "`+contentType+`" in request.`)
	}
	return nil
}

func (f *fields) fromForm(q url.Values) {
	for k, v := range q {
		if len(v) > 0 {
			f.m[k] = encode(v[len(v)-1])
		}
	}
}

func (f *fields) fail(name, text string) { f.errs[name] = append(f.errs[name], text) }

// problem is the error of decoding, a 400 with every field that failed, or nil.
func (f *fields) problem() error {
	if f.err != nil {
		return f.err
	}
	if len(f.errs) == 0 {
		return nil
	}
	return &problem{status: 400, body: f.errs}
}

// need says what a text field must be.
type need struct {
	required bool
	noBlank  bool
	max      int // characters; 0 means 64 Ki
}

// nonBlank is a field that must be there with a text.
var nonBlank = need{required: true, noBlank: true}

// text reads a string field; present is false when it was not sent.
func (f *fields) text(name string, n need) (v string, present bool) {
	raw, sent := f.m[name]
	if !sent {
		if n.required {
			f.fail(name, "This field is required.")
		}
		return "", false
	}
	if string(raw) == "null" {
		f.fail(name, "This field may not be null.")
		return "", false
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		var num json.Number
		if json.Unmarshal(raw, &num) != nil {
			f.fail(name, "Not a valid string.")
			return "", false
		}
		v = num.String() // numbers are taken as text, as the framework does
	}
	if n.max == 0 {
		n.max = 64 << 10
	}
	switch {
	case n.noBlank && strings.TrimSpace(v) == "":
		f.fail(name, "This field may not be blank.")
	case len([]rune(v)) > n.max:
		f.fail(name, "Ensure this field has no more than "+strconv.Itoa(n.max)+" characters.")
	case strings.ContainsRune(v, 0):
		f.fail(name, "Null characters are not allowed.")
	default:
		return v, true
	}
	return "", false
}

// set reads a string field that may be left out.
func (f *fields) set(to *string, name string, n need) {
	if v, present := f.text(name, n); present {
		*to = v
	}
}

func (f *fields) email(name string, n need) (string, bool) {
	v, present := f.text(name, n)
	if present && v != "" && !validAddress(v) {
		f.fail(name, "Enter a valid email address.")
		return "", false
	}
	return v, present
}

func validAddress(v string) bool {
	a, err := mail.ParseAddress(v)
	return err == nil && a.Address == v && strings.Contains(v, "@")
}

// boolean reads true or false, also as text.
func (f *fields) boolean(name string) (v, present bool) {
	raw, sent := f.m[name]
	if !sent {
		return false, false
	}
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	f.fail(name, "Must be a valid boolean.")
	return false, false
}

func (f *fields) list(name string) []string {
	raw, sent := f.m[name]
	if !sent || string(raw) == "null" {
		return nil
	}
	var v []string
	if err := json.Unmarshal(raw, &v); err != nil {
		f.fail(name, `Expected a list of items but got type "str".`)
		return nil
	}
	return v
}

func (f *fields) emails(name string) []string {
	v := f.list(name)
	if slices.ContainsFunc(v, func(a string) bool { return !validAddress(a) }) {
		f.fail(name, "Enter a valid email address.")
		return nil
	}
	return v
}

// integer reads a whole number that must be there.
func (f *fields) integer(name string) (int64, bool) {
	raw, sent := f.m[name]
	if !sent {
		f.fail(name, "This field is required.")
		return 0, false
	}
	n, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if err != nil {
		f.fail(name, "A valid integer is required.")
		return 0, false
	}
	return n, true
}
