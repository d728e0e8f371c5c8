package http_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	mcphttp "ravi-mcp/internal/server/http"
)

func publicURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

// RFC 9728: a client without a token learns, under the name by which it reached the server, where
// to get one.
func TestChallengeNamesTheOAuthMetadata(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) {
		e.Callers = loadCallers(t, twoCallers())
		e.OAuth = &mcphttp.OAuth{Issuer: "https://login.test/realm"}
		e.Public = []*url.URL{publicURL(t, "https://mcp.example.com"), publicURL(t, "https://Other.example.com:8443/ravi/")}
		for _, u := range e.Public {
			hosts, origins := mcphttp.PublicNames(u)
			e.Hosts, e.Origins = append(e.Hosts, hosts...), append(e.Origins, origins...)
		}
	})
	ask := func(host, method, path string, header http.Header) reply {
		a := e.agent("")
		r := a.request(t.Context(), method, path, "")
		r.Host = host
		maps.Copy(r.Header, header)
		return a.do(r)
	}
	for _, c := range []struct{ host, path, metadata, resource string }{
		{e.addr, "/mcp", "http://" + e.addr + "/.well-known/oauth-protected-resource/mcp", "http://" + e.addr + "/mcp"},
		{"mcp.example.com", "/mcp", "https://mcp.example.com/.well-known/oauth-protected-resource/mcp", "https://mcp.example.com/mcp"},
		{"MCP.example.com:443", "/sse", "https://mcp.example.com/.well-known/oauth-protected-resource/sse", "https://mcp.example.com/sse"},
		{"mcp.example.com", "/message", "https://mcp.example.com/.well-known/oauth-protected-resource/sse", "https://mcp.example.com/sse"},
		{"other.example.com:8443", "/mcp", "https://other.example.com:8443/.well-known/oauth-protected-resource/ravi/mcp", "https://other.example.com:8443/ravi/mcp"},
		{"other.example.com:8443", "/ravi/sse/", "https://other.example.com:8443/.well-known/oauth-protected-resource/ravi/sse", "https://other.example.com:8443/ravi/sse"},
	} {
		refused := ask(c.host, http.MethodGet, c.path, nil)
		require.Equal(t, http.StatusUnauthorized, refused.status)
		assert.Equal(t, `Bearer resource_metadata="`+c.metadata+`"`, refused.header.Get("WWW-Authenticate"), "without a token there is no error")
		wrong := ask(c.host, http.MethodGet, c.path, http.Header{"Authorization": {"Bearer unknown-0123456789"}})
		assert.Equal(t, `Bearer resource_metadata="`+c.metadata+`", error="invalid_token"`, wrong.header.Get("WWW-Authenticate"))
		assert.Equal(t, refused.body, wrong.body, "and not a word why")

		document := ask(c.host, http.MethodGet, publicURL(t, c.metadata).Path, nil)
		require.Equal(t, http.StatusOK, document.status, document.body)
		var got struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
			Methods  []string `json:"bearer_methods_supported"`
		}
		require.NoError(t, json.Unmarshal([]byte(document.body), &got))
		assert.Equal(t, c.resource, got.Resource)
		assert.Equal(t, []string{"https://login.test/realm"}, got.Servers)
		assert.Equal(t, []string{"header"}, got.Methods)
		assert.Equal(t, "application/json", document.header.Get("Content-Type"))
	}
	assert.Contains(t, ask("mcp.example.com", http.MethodGet, "/.well-known/oauth-protected-resource", nil).body, `"https://mcp.example.com/mcp"`)

	for name, c := range map[string]struct {
		host, method, path string
		header             http.Header
		status             int
	}{
		"another path":     {e.addr, http.MethodGet, "/.well-known/oauth-protected-resource/admin", nil, http.StatusNotFound},
		"a longer name":    {e.addr, http.MethodGet, "/.well-known/oauth-protected-resources", nil, http.StatusNotFound},
		"another document": {e.addr, http.MethodGet, "/.well-known/openid-configuration", nil, http.StatusNotFound},
		"another method":   {e.addr, http.MethodPost, "/.well-known/oauth-protected-resource", nil, http.StatusMethodNotAllowed},
		"another host":     {"evil.example", http.MethodGet, "/.well-known/oauth-protected-resource", nil, http.StatusForbidden},
		"a foreign page":   {e.addr, http.MethodGet, "/.well-known/oauth-protected-resource", http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		"a token in it":    {e.addr, http.MethodGet, "/.well-known/oauth-protected-resource?token=x", nil, http.StatusBadRequest},
	} {
		assert.Equal(t, c.status, ask(c.host, c.method, c.path, c.header).status, name)
	}
	assert.Equal(t, http.StatusOK, ask(e.addr, http.MethodHead, "/.well-known/oauth-protected-resource/mcp", nil).status)
}

func TestNoOAuthMetadataWithoutAnIssuer(t *testing.T) {
	t.Parallel()
	e := guarded(t)
	a := e.agent("")
	assert.Equal(t, http.StatusNotFound, a.do(a.request(t.Context(), http.MethodGet, "/.well-known/oauth-protected-resource/mcp", "")).status)
	assert.Equal(t, "Bearer", a.do(a.request(t.Context(), http.MethodGet, "/mcp", "")).header.Get("WWW-Authenticate"))

	e = serve(t, func(e *endpoint) {
		e.Callers, e.OAuth, e.NoSSE = loadCallers(t, twoCallers()), &mcphttp.OAuth{Issuer: "https://login.test"}, true
	})
	a = e.agent("")
	assert.Equal(t, http.StatusNotFound, a.do(a.request(t.Context(), http.MethodGet, "/.well-known/oauth-protected-resource/sse", "")).status)
}
