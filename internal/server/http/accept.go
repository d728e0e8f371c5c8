package http

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// answerForm is what the answer to a POST may be.
type answerForm int

const (
	// anyForm is JSON, and an event stream where something precedes the answer.
	anyForm answerForm = iota
	// jsonForm is JSON: there is no progress, and no question but in the answer itself.
	jsonForm
	// eventForm is an event stream in any case, if only of one event.
	eventForm
)

// answerForm returns what the client takes. MCP has clients name both types; those that do not know
// event streams leave theirs out, or send no Accept or "*/*" as their HTTP library does, and some
// know nothing else. No message is refused for its Accept: a server may disregard it (RFC 9110
// section 12.5.1).
func (a acceptance) answerForm() answerForm {
	switch {
	case !a.named:
		return jsonForm
	case a.json:
		return anyForm
	}
	return eventForm
}

// acceptance is what an Accept says of event streams.
type acceptance struct {
	// named says that the client names the type and takes it.
	named bool
	// allowed says that it takes it by RFC 9110 section 12.5.1, also for a wildcard or for want of
	// an Accept.
	allowed bool
	// json says that it takes JSON by the same rules.
	json bool
}

// accepts reads the Accept of a request.
func accepts(r *http.Request) acceptance {
	const all = "*/*"
	values := r.Header["Accept"]
	if len(values) == 1 && values[0] == "application/json, text/event-stream" { // as most clients write it
		return acceptance{named: true, allowed: true, json: true}
	}
	taken := make(map[string]bool, 3)
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			media, params, err := mime.ParseMediaType(one)
			if err != nil {
				continue
			}
			q, err := strconv.ParseFloat(params["q"], 64)
			taken[media] = taken[media] || err != nil || q > 0
		}
	}
	// The most specific range decides.
	first := func(ranges ...string) bool {
		for _, name := range ranges {
			if is, given := taken[name]; given {
				return is
			}
		}
		return len(taken) == 0
	}
	return acceptance{
		named:   taken[valueEvents[0]],
		allowed: first(valueEvents[0], "text/*", all),
		json:    first(valueJSON[0], "application/*", all),
	}
}
