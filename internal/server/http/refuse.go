package http

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/session"
)

// refusal is an answer in place of that of the protocol: a status of HTTP and a JSON-RPC error.
// Handlers return it, and refuse writes it.
type refusal struct {
	status  int
	message string
	// retry says that the same request may succeed in a second.
	retry bool
	// code is that of the error; 0 is CodeInvalidRequest, or CodeBusy with retry.
	code int
	// body is the error object, where code and message do not make it.
	body []byte
	// id is that of the request; nil where it is not known.
	id json.RawMessage
	// allow are the methods that are served instead.
	allow []string
	// closes ends the connection with the answer.
	closes bool
	// invalidToken says that a token was given, and is worth nothing.
	invalidToken bool
	// protocol marks an answer to a message that got past the guard; the metrics count the others.
	protocol bool
}

// of returns the refusal of the request with this id. A refusal may be nil, and keeps an id that it
// has.
func (refused *refusal) of(id json.RawMessage) *refusal {
	if refused == nil || refused.id != nil {
		return refused
	}
	copied := *refused
	copied.id = id
	return &copied
}

func (refused *refusal) closing() *refusal {
	copied := *refused
	copied.closes = true
	return &copied
}

// By what the head of a request says.
var (
	refuseHost   = &refusal{status: http.StatusForbidden, message: "this Host is not served here; the operator adds it with --public-url"}
	refuseOrigin = &refusal{status: http.StatusForbidden, message: "pages of this Origin may not use this server; the operator allows one with --allow-origin"}
	refuseQuery  = &refusal{status: http.StatusBadRequest, message: "a credential never belongs into a URL; send it as Authorization: Bearer"}
	refuseProxy  = &refusal{status: http.StatusForbidden, message: "this comes through a proxy, and without tokens everybody behind it would be the one caller of this server; " +
		"the operator gives it callers (--callers or RAVI_MCP_TOKEN), --behind-tls-proxy and --public-url"}
	refusePath     = &refusal{status: http.StatusNotFound, message: "there is nothing here; MCP is at /mcp"}
	refuseIdentity = &refusal{status: http.StatusBadRequest, message: "X-Ravi-Identity must be one uuid, name or address"}
	refuseAccept   = &refusal{status: http.StatusNotAcceptable, message: "this is an event stream: Accept must allow text/event-stream"}
)

// By its caller. Whose a token might be is never said.
var (
	refuseTokens = &refusal{status: http.StatusBadRequest, message: "more than one Authorization header"}
	refuseToken  = &refusal{status: http.StatusUnauthorized, message: "a caller's token is needed: Authorization: Bearer TOKEN. " +
		"The operator makes one (`ravi-mcp token new NAME`), or the resource metadata says who issues it; a Ravi credential is none"}
	refuseInvalid = &refusal{status: http.StatusUnauthorized, message: refuseToken.message, invalidToken: true}
	refuseUnknown = &refusal{status: http.StatusServiceUnavailable, retry: true, message: "whether the token is valid cannot be told at the moment; retry"}
)

// By what there is room for.
var (
	refuseRate   = &refusal{status: http.StatusTooManyRequests, retry: true, message: "too many requests of this caller; slow down"}
	refuseCalls  = &refusal{status: http.StatusTooManyRequests, retry: true, message: "too many calls of this caller run at the same time; retry after some of them ended"}
	refuseBusy   = &refusal{status: http.StatusServiceUnavailable, retry: true, message: "the server is busy; retry in a moment"}
	refuseEnding = &refusal{status: http.StatusServiceUnavailable, retry: true, message: "the server is shutting down; retry when it runs again"}
)

// By its body.
var (
	refuseType     = &refusal{status: http.StatusUnsupportedMediaType, message: "Content-Type must be application/json in UTF-8"}
	refuseEncoding = &refusal{status: http.StatusUnsupportedMediaType, message: "a compressed body is not accepted"}
	refuseLong     = &refusal{status: http.StatusRequestEntityTooLarge, message: "the body is longer than 1 MiB"}
	refuseSlow     = &refusal{status: http.StatusRequestTimeout, message: "the body did not arrive in time"}
	refuseBroken   = &refusal{status: http.StatusBadRequest, message: "the body could not be read"}
)

// codeNoSession is the code of the answer to a request of a session that does not exist, as other
// servers have it.
const codeNoSession = -32001

// By its session. One of another caller and one that never was look the same.
var (
	refuseNoSession     = &refusal{status: http.StatusNotFound, code: codeNoSession, message: "no such session; send initialize to open one", protocol: true}
	refuseNoSessionID   = &refusal{status: http.StatusBadRequest, message: "the header Mcp-Session-Id is missing; send initialize first, or speak protocol 2026-07-28"}
	refuseEndWithoutID  = &refusal{status: http.StatusBadRequest, message: "the header Mcp-Session-Id is missing"}
	refuseSessions      = &refusal{status: http.StatusTooManyRequests, retry: true, message: "too many sessions of this caller; end some with DELETE, or wait until they expire"}
	refuseSessionLookup = &refusal{status: http.StatusServiceUnavailable, retry: true, message: string(fault.Unavailable) + ": sessions cannot be looked up at the moment"}

	refuseReply        = &refusal{status: http.StatusBadRequest, id: jsonrpc.Null, message: "no question of this session waits for this answer"}
	refuseReplyOfOther = &refusal{status: http.StatusServiceUnavailable, retry: true, id: jsonrpc.Null,
		message: "another replica asked this, and only it can take the answer; retry, or let the proxy send a session's requests to one replica"}
)

// allow refuses every method but those listed.
func allow(r *http.Request, methods ...string) *refusal {
	if slices.Contains(methods, r.Method) {
		return nil
	}
	return &refusal{status: http.StatusMethodNotAllowed, message: "this method is not served here", allow: methods}
}

// refuseMessage refuses what is no message of the protocol.
func refuseMessage(bad *jsonrpc.Error) *refusal {
	return &refusal{status: http.StatusBadRequest, code: bad.Code, message: bad.Message, id: bad.ID, protocol: true}
}

// refuseSession says why a session cannot be opened, entered or ended.
func (s *httpServer) refuseSession(err error) *refusal {
	switch {
	case errors.Is(err, session.ErrNoSession):
		return refuseNoSession
	case errors.Is(err, session.ErrTooManySessions):
		return refuseSessions
	}
	s.Log.Error().Err(err).Msg("the session store does not answer")
	return refuseSessionLookup
}

func (s *httpServer) refuse(w http.ResponseWriter, r *http.Request, refused *refusal) {
	h := w.Header()
	if !refused.protocol {
		s.Metrics.Refused(refused.status)
	}
	if refused.closes {
		h["Connection"] = valueClose
	}
	if refused.allow != nil {
		h.Set("Allow", strings.Join(refused.allow, ", "))
	}
	if refused.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", s.challenge(r, refused.invalidToken))
	}
	code := refused.code
	if code == 0 {
		code = jsonrpc.CodeInvalidRequest
		if refused.retry {
			code = jsonrpc.CodeBusy
		}
	}
	if refused.retry {
		h.Set("Retry-After", "1")
	}
	body := refused.body
	if body == nil {
		body = jsonrpc.ErrorBody(code, refused.message)
	}
	writeError(w, refused.status, refused.id, body)
}

// writeError writes a JSON-RPC error; body is its error object.
func writeError(w http.ResponseWriter, status int, id json.RawMessage, body []byte) {
	message := append(jsonrpc.Response(id, body, true), '\n')
	h := w.Header()
	h["Content-Type"] = valueJSON
	h["Content-Length"] = []string{strconv.Itoa(len(message))}
	w.WriteHeader(status)
	_, _ = w.Write(message)
}
