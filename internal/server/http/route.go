package http

import (
	"cmp"
	"net/http"
	"strings"
)

// The paths that are served.
const (
	pathMCP     = "/mcp"
	pathSSE     = "/sse"
	pathMessage = "/message"
	pathHealth  = "/healthz"
	pathReady   = "/readyz"
	// pathMetadata is the beginning of several (RFC 9728 section 3.1).
	pathMetadata = "/.well-known/oauth-protected-resource"
)

// ServeHTTP implements http.Handler.
func (s *httpServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.setSecurityHeaders(w.Header())
	if r.ContentLength != 0 {
		// net/http reads what is left of a body before it answers, however slowly that comes; not
		// on a connection that ends with the answer. body takes this back when it has read
		// everything.
		w.Header()["Connection"] = valueClose
	}
	if refused := s.serve(w, r); refused != nil {
		s.refuse(w, r, refused)
	}
}

// serve refuses as early as it can: overload before anything else, then by the head, then by the
// caller, and only then is the body read.
func (s *httpServer) serve(w http.ResponseWriter, r *http.Request) *refusal {
	defer s.open.Add(-1)
	if s.open.Add(1) > int64(cmp.Or(max(s.Limits.Open, 0), DefaultMaxOpen)) {
		return refuseBusy.closing()
	}
	if refused := s.origins.check(r); refused != nil {
		s.Log.Debug().Str("path", known(r.URL.Path)).Str("reason", refused.message).Msg("a request was refused")
		return refused
	}
	if s.origins.crossOrigin(w, r) {
		return nil
	}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, pathMetadata):
		return s.serveMetadata(w, r)
	case path == pathHealth, path == pathReady:
		return s.serveHealth(w, r)
	case path == pathMCP, !s.NoSSE && (path == pathSSE || path == pathMessage):
		return s.serveProtocol(w, r)
	}
	return refusePath
}

// serveProtocol serves the paths of the MCP transports, for known callers only.
func (s *httpServer) serveProtocol(w http.ResponseWriter, r *http.Request) *refusal {
	if s.ending.Load() {
		return refuseEnding.closing()
	}
	f, refused := s.identify(r)
	if refused != nil {
		return refused
	}
	switch r.URL.Path {
	case pathSSE:
		return s.serveSSE(w, r, f)
	case pathMessage:
		return s.serveMessage(w, r, f)
	}
	return s.serveMCP(w, r, f)
}

// known keeps what a client made up out of the log.
func known(path string) string {
	switch path {
	case pathMCP, pathSSE, pathMessage, pathHealth, pathReady:
		return path
	}
	return "other"
}
