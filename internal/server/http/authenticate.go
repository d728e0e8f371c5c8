package http

import (
	"context"
	"net/http"
	"strings"
	"time"

	"ravi-mcp/session"
)

// Authenticator knows callers by their tokens.
type Authenticator interface {
	// Authenticate returns the caller whose token it is, nil for an unknown or invalid one, and
	// when the token ends, the zero time for one that does not: a stream ends with the token that
	// it was opened with. An error says that this cannot be told at the moment; it is answered with
	// 503.
	Authenticate(ctx context.Context, token string) (caller *session.Caller, until time.Time, err error)
}

// identify returns the request of a known caller who is within its rate, and who asks for what may
// be asked for.
func (s *httpServer) identify(r *http.Request) (*inflight, *refusal) {
	known, until, refused := s.authenticate(r)
	if refused != nil {
		return nil, refused
	}
	caller := s.callerOf(known)
	if !caller.allowed() {
		return nil, refuseRate
	}
	identity, refused := requestedIdentity(r)
	if refused != nil {
		return nil, refused
	}
	return &inflight{server: s, caller: caller, call: session.Call{Caller: known, Shared: known.Shared, Header: identity}, until: until}, nil
}

// authenticate returns who makes the request, and when the token ends that says so, zero for never.
// It takes the token out of the request, so that nothing behind the guard ever sees it (SECURITY.md
// H3, H4). A token comes from the Authorization header and from nowhere else.
func (s *httpServer) authenticate(r *http.Request) (caller *session.Caller, until time.Time, refused *refusal) {
	given := r.Header["Authorization"]
	delete(r.Header, "Authorization")
	delete(r.Header, "Proxy-Authorization")
	delete(r.Header, "Cookie")
	if s.Callers == nil {
		return s.Anyone, until, nil
	}
	if len(given) > 1 {
		return nil, until, refuseTokens
	}
	if len(given) == 0 {
		return nil, until, refuseToken
	}
	scheme, token, ok := strings.Cut(given[0], " ")
	if token = strings.TrimSpace(token); !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, until, refuseInvalid
	}
	// A Ravi credential is never a caller's token, not even by an operator's mistake.
	if strings.HasPrefix(token, "ravi_") {
		return nil, until, refuseInvalid
	}
	switch caller, until, err := s.Callers.Authenticate(r.Context(), token); {
	case err != nil:
		return nil, until, refuseUnknown
	case caller == nil:
		return nil, until, refuseInvalid
	default:
		return caller, until, nil
	}
}

// requestedIdentity returns the identity that the client's configuration asks for, in a header of
// each request.
func requestedIdentity(r *http.Request) (string, *refusal) {
	values := r.Header["X-Ravi-Identity"]
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || len(values[0]) > 320 || strings.ContainsFunc(values[0], func(c rune) bool { return c < ' ' || c == 0x7f || c == '\ufffd' }) {
		return "", refuseIdentity
	}
	if strings.TrimSpace(values[0]) == "" { // what stood there before a variable was empty
		return "", refuseIdentity
	}
	return strings.TrimSpace(values[0]), nil
}
