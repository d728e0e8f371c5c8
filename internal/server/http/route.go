package http

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/session"
)

// The paths that are served.
const (
	pathMCP     = "/mcp"
	pathSSE     = "/sse"
	pathMessage = "/message"
	pathHealth  = "/healthz"
	pathReady   = "/readyz"
	// pathResource is the beginning of several (RFC 9728 section 3.1).
	pathResource = "/.well-known/oauth-protected-resource"
)

// ServeHTTP is the whole way of a request. What can be refused is refused as early as it can be: overload before anything
// else, then by the head, then by the caller, and only then is the body read.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.secure(w.Header())
	if r.ContentLength != 0 {
		// net/http reads what is left of a body before it answers, however slowly that comes; not on a connection that
		// ends with the answer. body takes this back when it has read everything.
		w.Header()["Connection"] = valueClose
	}
	if s.open.Add(1) > int64(cmp.Or(max(s.Limits.Open, 0), DefaultMaxOpen)) {
		s.open.Add(-1)
		w.Header()["Connection"] = valueClose
		s.refuse(w, refuseBusy, nil)
		return
	}
	defer s.open.Add(-1)
	if no := s.gate.head(r); no != nil {
		s.Log.Debug().Str("path", known(r.URL.Path)).Str("reason", no.message).Msg("a request was refused")
		s.refuse(w, no, nil)
		return
	}
	if s.gate.crossOrigin(w, r) {
		return
	}
	if strings.HasPrefix(r.URL.Path, pathResource) {
		s.serveResource(w, r)
		return
	}
	switch r.URL.Path {
	case pathHealth, pathReady:
		s.serveHealth(w, r)
		return
	case pathMCP:
	case pathSSE, pathMessage:
		if s.NoSSE {
			s.refuse(w, refusePath, nil)
			return
		}
	default:
		s.refuse(w, refusePath, nil)
		return
	}
	if s.ending.Load() {
		w.Header()["Connection"] = valueClose
		s.refuse(w, refuseEnding, nil)
		return
	}
	caller, until, no := s.authenticate(r)
	if no != nil {
		s.refuseCaller(w, r, no, nil)
		return
	}
	state := s.stateOf(caller)
	if !state.spend(cmp.Or(s.Limits.Rate, DefaultRate), time.Now()) {
		s.refuse(w, refuseRate, nil)
		return
	}
	wish, no := identityHeader(r)
	if no != nil {
		s.refuse(w, no, nil)
		return
	}
	call := session.Call{Caller: caller, Header: wish}
	switch r.URL.Path {
	case pathMCP:
		s.serveMCP(w, r, call, state, until)
	case pathSSE:
		s.serveSSE(w, r, call, state, until)
	case pathMessage:
		s.serveMessage(w, r, call, state, until)
	}
}

var (
	refusePath     = &refusal{status: http.StatusNotFound, message: "there is nothing here; MCP is at /mcp"}
	refuseIdentity = &refusal{status: http.StatusBadRequest, message: "X-Ravi-Identity must be one uuid, name or address"}
)

// known keeps what a client made up out of the log.
func known(path string) string {
	switch path {
	case pathMCP, pathSSE, pathMessage, pathHealth, pathReady:
		return path
	}
	return "other"
}

// identityHeader returns the identity that the client's configuration asks for (DESIGN section 3, step 3).
func identityHeader(r *http.Request) (string, *refusal) {
	values := r.Header["X-Ravi-Identity"]
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || len(values[0]) > 320 || strings.ContainsFunc(values[0], func(c rune) bool { return c < ' ' || c == 0x7f || c == '\ufffd' }) {
		return "", refuseIdentity
	}
	return strings.TrimSpace(values[0]), nil
}

// methods refuses every method but those listed.
func (s *site) methods(w http.ResponseWriter, r *http.Request, allowed ...string) bool {
	for _, m := range allowed {
		if r.Method == m {
			return true
		}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	s.refuse(w, &refusal{status: http.StatusMethodNotAllowed, message: "this method is not served here"}, nil)
	return false
}

// refuse answers with a JSON-RPC error, as every answer of the guard is one. id is that of the request, if it is known.
func (s *site) refuse(w http.ResponseWriter, no *refusal, id json.RawMessage) {
	s.Metrics.Refused(no.status)
	code := jsonrpc.CodeInvalidRequest
	if no.retry {
		code = jsonrpc.CodeBusy
		w.Header().Set("Retry-After", "1")
	}
	writeError(w, no.status, id, jsonrpc.ErrorBody(code, no.message))
}

// writeError writes a JSON-RPC error; body is its error object.
func writeError(w http.ResponseWriter, status int, id json.RawMessage, body []byte) {
	if id == nil {
		id = jsonrpc.Null
	}
	message := make([]byte, 0, len(body)+len(id)+64)
	message = append(message, jsonrpc.Open...)
	message = append(message, id...)
	message = append(message, jsonrpc.Failure...)
	message = append(message, body...)
	message = append(message, '}', '\n')
	h := w.Header()
	h["Content-Type"] = valueJSON
	h["Content-Length"] = []string{strconv.Itoa(len(message))}
	w.WriteHeader(status)
	_, _ = w.Write(message)
}
