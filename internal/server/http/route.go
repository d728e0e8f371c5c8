package http

import (
	"cmp"
	"net/http"
	"net/url"
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
	r.URL.Path = s.route(r)
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

// route returns the path that a request asks for, without the prefix of the public URL, which a
// proxy may have taken off or not, and without a slash at its end. Nothing is redirected: clients
// lose the body, or their token, on the way.
func (s *httpServer) route(r *http.Request) string {
	path := r.URL.Path
	if len(s.bases) > 0 {
		if rest, ok := strings.CutPrefix(path, s.base(r).prefix); ok && strings.HasPrefix(rest, "/") {
			path = rest
		}
	}
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	return path
}

// base is a place where clients reach the endpoint: an origin, and the path that a proxy puts in
// front of the endpoint's own.
type base struct{ origin, prefix string }

// newBases returns those of the public URLs, by Host.
func newBases(public []*url.URL) map[string]base {
	bases := make(map[string]base)
	for _, u := range public {
		hosts, _ := PublicNames(u)
		for _, host := range hosts {
			if _, ok := bases[host]; !ok {
				bases[host] = base{u.Scheme + "://" + strings.ToLower(u.Host), strings.TrimSuffix(u.EscapedPath(), "/")}
			}
		}
	}
	return bases
}

// base returns where the client of a request reached the endpoint.
func (s *httpServer) base(r *http.Request) base {
	host := strings.ToLower(r.Host)
	if known, ok := s.bases[host]; ok {
		return known
	}
	if s.TLS {
		return base{origin: "https://" + host}
	}
	return base{origin: "http://" + host}
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
	if s.Callers == nil && forwarded(r) {
		return refuseProxy
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
