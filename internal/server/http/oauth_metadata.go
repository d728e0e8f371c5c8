package http

import (
	"encoding/json"
	"net/http"
	"strings"
)

// OAuth tells clients where the tokens of callers come from: the endpoint is an OAuth protected
// resource and says so in metadata (RFC 9728), which it names in every 401.
type OAuth struct {
	// Issuer is the authorization server.
	Issuer string
}

// oauthMetadata is the document of RFC 9728 section 2, as far as it applies.
type oauthMetadata struct {
	Resource string   `json:"resource"`
	Servers  []string `json:"authorization_servers"`
	Methods  []string `json:"bearer_methods_supported"`
	Name     string   `json:"resource_name"`
}

// serveMetadata serves the metadata of /mcp and /sse, each at the place that RFC 9728 section 3.1
// gives it, and those of /mcp at the root too, where clients look that do not know the way.
func (s *httpServer) serveMetadata(w http.ResponseWriter, r *http.Request) *refusal {
	if s.OAuth == nil {
		return refusePath
	}
	at := s.base(r)
	endpoint := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, pathMetadata), at.prefix)
	switch {
	case endpoint == "":
		endpoint = pathMCP
	case endpoint != pathMCP && (endpoint != pathSSE || s.NoSSE):
		return refusePath
	}
	if refused := allow(r, http.MethodGet, http.MethodHead); refused != nil {
		return refused
	}
	body, _ := json.Marshal(oauthMetadata{ // strings always can be
		Resource: at.origin + at.prefix + endpoint, Servers: []string{s.OAuth.Issuer}, Methods: []string{"header"}, Name: "ravi-mcp",
	})
	w.Header()["Content-Type"] = valueJSON
	_, _ = w.Write(append(body, '\n'))
	return nil
}

// challenge is the WWW-Authenticate of a 401. It says where tokens come from (RFC 9728 section
// 5.1), and whether one was given that is worth nothing, but never why (RFC 6750 section 3).
func (s *httpServer) challenge(r *http.Request, invalidToken bool) string {
	if s.OAuth == nil {
		return "Bearer"
	}
	endpoint := pathMCP
	if r.URL.Path != pathMCP {
		endpoint = pathSSE
	}
	at := s.base(r)
	challenge := `Bearer resource_metadata="` + at.origin + pathMetadata + at.prefix + endpoint + `"`
	if invalidToken {
		challenge += `, error="invalid_token"`
	}
	return challenge
}
