package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"
)

// problem is an answer that is not a success; handlers return it as an error.
type problem struct {
	status int
	body   any
	header http.Header
}

func (p *problem) Error() string { return "status " + strconv.Itoa(p.status) }

// detail has the body that most errors have (docs/ravi-api.md#errors).
func detail(status int, text string) *problem {
	return &problem{status: status, body: map[string]any{"detail": text}}
}

// field is a validation error of one request field.
func field(name, text string) *problem {
	return &problem{status: 400, body: map[string][]string{name: {text}}}
}

// noMatch is the 404 of a missing object.
func noMatch(model string) *problem {
	return detail(404, "No "+model+" matches the given query.")
}

func planRequired() *problem {
	return &problem{status: 402, body: map[string]any{
		"detail": "Active subscription required.", "code": "subscription_required"}}
}

// throttled carries the wait in the body and in the header.
func throttled(wait time.Duration) *problem {
	secs := int(math.Ceil(wait.Seconds()))
	return &problem{
		status: 429,
		body:   map[string]any{"detail": "Request was throttled.", "retry_after_seconds": secs},
		header: http.Header{"Retry-After": {strconv.Itoa(secs)}},
	}
}

type reply struct {
	status int
	body   any // nil for an empty body
}

func ok(body any) (reply, error)      { return reply{200, body}, nil }
func created(body any) (reply, error) { return reply{201, body}, nil }
func noContent() (reply, error)       { return reply{status: 204}, nil }

// encode writes JSON as Django does: no HTML escaping, no final newline.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte(`{"detail":"The answer could not be encoded."}`)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// answer is a finished response that faults may still change.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func toAnswer(r reply, err error) answer {
	h := http.Header{}
	if err != nil {
		p, is := errors.AsType[*problem](err)
		if !is {
			p = detail(500, "Server error: "+err.Error())
		}
		maps.Copy(h, p.header)
		r = reply{p.status, p.body}
	}
	switch body := r.body.(type) {
	case nil:
		return answer{r.status, h, nil}
	case rawBody:
		h.Set("Content-Type", body.contentType)
		return answer{r.status, h, body.content}
	}
	h.Set("Content-Type", "application/json")
	return answer{r.status, h, encode(r.body)}
}

func (a answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	if a.status != http.StatusNoContent && a.status >= 200 {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// writeHalf promises twice the body it sends and gets it on its way, for a connection that is about
// to be cut.
func (a answer) writeHalf(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(2*len(a.body)+1))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
	_ = http.NewResponseController(w).Flush()
}

// rawBody is a body that is sent as it is.
type rawBody struct {
	contentType string
	content     []byte
}

const htmlType = "text/html; charset=utf-8"

func notARoute() *problem {
	return &problem{status: 404, body: rawBody{htmlType, []byte("<!doctype html>\n<html lang=\"en\"><head><title>Not Found</title></head>" +
		"<body><h1>Not Found</h1><p>The requested resource was not found on this server.</p></body></html>\n")}}
}
