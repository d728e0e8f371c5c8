package cli_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/issuertest"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
)

const carolToken = "rmcp_CANARY-carol-0123456789-0123456789-0123"

// oidcServer is an endpoint whose callers alice and bob come with tokens of an issuer, and carol
// with one of the file.
type oidcServer struct {
	*harness.HTTP
	issuer *issuertest.Issuer
	ravi   *sandboxtest.Instance
	file   string
	// upstream is every byte that Ravi was sent.
	upstream *wiretap
}

// wiretap keeps whole requests on their way to h.
type wiretap struct {
	h    http.Handler
	mu   sync.Mutex
	text strings.Builder
}

func (w *wiretap) ServeHTTP(answer http.ResponseWriter, r *http.Request) {
	dump, _ := httputil.DumpRequest(r, true)
	w.mu.Lock()
	w.text.Write(dump)
	w.mu.Unlock()
	w.h.ServeHTTP(answer, r)
}

func (w *wiretap) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func callerOf(name, by, value string) string {
	return fmt.Sprintf("[[caller]]\nname = %q\n%s = %q\nidentities = [\"%s-*\"]\n\n", name, by, value, name)
}

func startOIDC(t *testing.T, args ...string) *oidcServer {
	t.Helper()
	m := &oidcServer{issuer: issuertest.Start(t), ravi: sandboxtest.New(t, sandbox.Config{}), file: filepath.Join(t.TempDir(), "callers.toml")}
	m.upstream = &wiretap{h: m.ravi.Server}
	tapped := httptest.NewServer(m.upstream)
	t.Cleanup(tapped.Close)
	m.callers(t, callerOf("alice", "oidc_subject", "auth|alice")+callerOf("bob", "oidc_subject", "auth|bob")+
		callerOf("carol", "token_sha256", session.HashToken(carolToken).String()))
	env, _ := harness.Environment(t, "RAVI_ACCESS_TOKEN="+m.ravi.Account.AccessToken, "RAVI_BASE_URL="+tapped.URL)
	m.HTTP = harness.StartHTTP(t, env, append([]string{"--callers", m.file, "--oidc-issuer", m.issuer.URL,
		"--oidc-audience", issuertest.Audience, "--log-level", "trace"}, args...)...)
	return m
}

func (m *oidcServer) callers(t *testing.T, text string) {
	t.Helper()
	next := m.file + ".next"
	require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
	require.NoError(t, os.Rename(next, m.file))
}

// status is what a request with these Authorization headers gets, and its challenge.
func (m *oidcServer) status(t *testing.T, path string, authorization ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL+path, strings.NewReader(harness.InitializeMessage))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header["Authorization"] = authorization
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode, response.Header.Get("WWW-Authenticate")
}

// client is an MCP client with a token, over streamable HTTP or SSE.
func (m *oidcServer) client(t *testing.T, over, token string) *mcpclient.Client {
	t.Helper()
	header := map[string]string{"Authorization": "Bearer " + token}
	var wire transport.Interface
	var err error
	if over == "sse" {
		wire, err = transport.NewSSE(m.URL+"/sse", transport.WithHeaders(header))
	} else {
		wire, err = transport.NewStreamableHTTP(m.URL+"/mcp", transport.WithHTTPHeaders(header))
	}
	require.NoError(t, err)
	c := mcpclient.NewClient(wire)
	require.NoError(t, c.Start(context.Background()))
	t.Cleanup(func() { _ = c.Close() })
	ask := mcp.InitializeRequest{}
	ask.Params.ProtocolVersion = "2025-11-25"
	ask.Params.ClientInfo = mcp.Implementation{Name: "story", Version: "1"}
	_, err = c.Initialize(t.Context(), ask)
	require.NoError(t, err)
	return c
}

func use(t *testing.T, c *mcpclient.Client, tool string, arguments map[string]any) string {
	t.Helper()
	ask := mcp.CallToolRequest{}
	ask.Params.Name, ask.Params.Arguments = tool, arguments
	result, err := c.CallTool(t.Context(), ask)
	require.NoError(t, err)
	return fmt.Sprintf("%v %+v", result.IsError, result.Content)
}

// newest is a call of protocol 2026-07-28.
func (m *oidcServer) newest(t *testing.T, token, tool, arguments string) string {
	t.Helper()
	body := strings.Replace(harness.ToolMessage(1, tool, arguments), `"arguments"`,
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"arguments"`, 1)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL+"/mcp", strings.NewReader(body))
	require.NoError(t, err)
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"Authorization": "Bearer " + token, "Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool} {
		request.Header.Set(name, value)
	}
	return harness.Fetch(t, request)
}

// Two users of one issuer, over every transport and both eras, see only their own identities.
func TestCallersAuthenticateWithIssuerTokens(t *testing.T) {
	t.Parallel()
	m := startOIDC(t)
	harness.Eventually(t, func() bool { return strings.Contains(m.Log(), "2 of them with access tokens of "+m.issuer.URL) })
	alice, bob := m.issuer.Token("auth|alice", nil), m.issuer.Token("auth|bob", nil)
	for _, over := range []string{"http", "sse"} {
		a, b := m.client(t, over, alice), m.client(t, over, bob)
		name := "alice-" + over
		assert.Contains(t, use(t, a, "create_identity", map[string]any{"name": name}), name)
		assert.Contains(t, use(t, a, "get_identity", nil), name, "the session knows")
		assert.Contains(t, use(t, b, "get_identity", map[string]any{"identity": name}), "identity_not_found")
		assert.NotContains(t, use(t, b, "list_identities", nil), "alice")
		c := m.client(t, over, carolToken)
		assert.NotContains(t, use(t, c, "list_identities", nil), "alice", "a token of the file works as well")
	}
	assert.Contains(t, m.newest(t, alice, "create_identity", `{"name":"alice-newest"}`), `"alice-newest"`)
	assert.Contains(t, m.newest(t, alice, "list_identities", `{}`), `"alice-newest"`)
	assert.NotContains(t, m.newest(t, bob, "list_identities", `{}`), "alice")

	// A new token of the same user opens the same state, though it was never seen.
	again := issuertest.Sign(t, m.issuer.Keys()[1], "at+jwt", m.issuer.Claims("auth|alice", nil))
	assert.Contains(t, m.newest(t, again, "list_identities", `{}`), `"alice-newest"`)

	upstream := m.upstream.String()
	require.Contains(t, upstream, "alice-newest")
	require.Contains(t, upstream, "Authorization: Bearer "+m.ravi.Account.AccessToken, "the tap sees what is secret")
	for _, token := range []string{alice, bob, again, carolToken, issuertest.Canary} {
		parts := strings.Split(token, ".")
		for _, form := range []string{token, parts[len(parts)/2], base64.StdEncoding.EncodeToString([]byte(token)), hex.EncodeToString([]byte(token))} {
			assert.NotContains(t, upstream, form)
			assert.NotContains(t, m.Log(), form)
		}
	}
}

func TestRequestWithoutValidTokenGetsAChallenge(t *testing.T) {
	t.Parallel()
	m := startOIDC(t)
	good := m.issuer.Token("auth|alice", nil)
	code, challenge := m.status(t, "/mcp", "Bearer "+good)
	require.Equal(t, http.StatusOK, code)
	require.Empty(t, challenge)
	for name, token := range map[string]string{
		"unknown subject":  m.issuer.Token("auth|mallory", nil),
		"another audience": m.issuer.Token("auth|alice", map[string]any{"aud": "https://other.test"}),
		"expired":          m.issuer.Token("auth|alice", map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"a foreign key":    issuertest.Sign(t, issuertest.NewKey(t, "rsa-1", jose.ES256), "at+jwt", m.issuer.Claims("auth|alice", nil)),
		"Ravi's token":     m.ravi.Account.AccessToken,
		"a subject":        "auth|alice",
	} {
		code, challenge := m.status(t, "/mcp", "Bearer "+token)
		assert.Equal(t, http.StatusUnauthorized, code, name)
		assert.Equal(t, `Bearer resource_metadata="`+m.URL+`/.well-known/oauth-protected-resource/mcp", error="invalid_token"`, challenge, name)
	}
	code, challenge = m.status(t, "/mcp")
	assert.Equal(t, http.StatusUnauthorized, code)
	place := regexp.MustCompile(`^Bearer resource_metadata="([^"]+)"$`).FindStringSubmatch(challenge)
	require.NotNil(t, place, challenge)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, place[1], nil)
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf(`200 {"resource":"%s/mcp","authorization_servers":["%s"],"bearer_methods_supported":["header"],"resource_name":"ravi-mcp"}`+"\n",
		m.URL, m.issuer.URL), harness.Fetch(t, request))

	code, _ = m.status(t, "/mcp", "Bearer "+good, "Bearer "+good)
	assert.Equal(t, http.StatusBadRequest, code)
	for _, query := range []string{"?access_token=", "?token="} {
		code, _ = m.status(t, "/mcp"+query+good)
		assert.Equal(t, http.StatusBadRequest, code, "S9")
	}
	assert.NotContains(t, m.Log(), good)
	assert.NotContains(t, m.Log(), m.ravi.Account.AccessToken)
}

// A removed caller is out at once: sessions end, and a token that was verified before opens
// nothing.
func TestRemovedSubjectLosesAccessAtOnce(t *testing.T) {
	t.Parallel()
	m := startOIDC(t)
	alice, bob := m.issuer.Token("auth|alice", nil), m.issuer.Token("auth|bob", nil)
	require.Contains(t, m.newest(t, alice, "list_identities", `{}`), "200 ")
	response, _ := m.Post(http.DefaultClient, alice, "", harness.InitializeMessage)
	id := response.Header.Get("Mcp-Session-Id")
	require.NotEmpty(t, id)
	m.callers(t, callerOf("bob", "oidc_subject", "auth|bob"))
	harness.Eventually(t, func() bool {
		response, _ := m.Post(http.DefaultClient, alice, id, harness.ToolMessage(1, "list_identities", `{}`))
		return response.StatusCode == http.StatusUnauthorized
	})
	assert.Contains(t, m.newest(t, bob, "list_identities", `{}`), "200 ")

	// The subject comes back under the same name: the old session does not.
	m.callers(t, callerOf("alice", "oidc_subject", "auth|alice"))
	harness.Eventually(t, func() bool {
		response, _ := m.Post(http.DefaultClient, alice, id, harness.ToolMessage(1, "list_identities", `{}`))
		return response.StatusCode == http.StatusNotFound
	})
}

// An issuer that is down when the server starts stops nothing but its own callers, until it is
// back.
func TestIssuerMayStartLate(t *testing.T) {
	t.Parallel()
	late := issuertest.Start(t)
	late.Down(true)
	file := callersFile(t, callerOf("alice", "oidc_subject", "a")+
		callerOf("carol", "token_sha256", session.HashToken(carolToken).String()))
	env, _ := harness.Environment(t)
	m := &oidcServer{HTTP: harness.StartHTTP(t, env, "--sandbox", "--callers", file, "--oidc-issuer", late.URL, "--oidc-audience", issuertest.Audience), issuer: late}
	alice := late.Token("a", nil)
	assert.Contains(t, m.newest(t, alice, "list_identities", `{}`), "503 ")
	assert.Contains(t, m.newest(t, carolToken, "list_identities", `{}`), "200 ")
	ready := func() string { return m.Get("/readyz") }
	assert.Equal(t, `503 {"status":"not_ready","code":"unavailable"}`+"\n", ready())
	late.Down(false)
	harness.Eventually(t, func() bool { return strings.HasPrefix(ready(), "200 ") })
	assert.Contains(t, m.newest(t, alice, "list_identities", `{}`), "200 ")
	m.Stop(t)
	assert.Contains(t, m.Log(), "the keys of the issuer could not be read")
}
