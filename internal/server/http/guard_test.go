package http_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/internal/test/jsonrpctest"
)

// paths are all that is served, and one that is not.
var paths = []string{"/mcp", "/sse", "/message?sessionId=x", "/healthz", "/readyz", "/elsewhere"}

// SECURITY.md H1: a page of another origin gets nothing, whatever it asks for, and no CORS header.
func TestForeignOriginIsRefusedOnEveryPath(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for _, origin := range []string{
		"https://evil.example", "null", "http://localhost", "http://localhost:1", "https://" + e.addr,
		"http://" + e.addr + ".evil.example", "http://evil.example/" + e.addr, "", "file://",
	} {
		for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT"} {
			for _, path := range paths {
				for _, version := range []string{"2025-11-25", "2026-07-28"} {
					a := e.agent("")
					r := a.request(t.Context(), method, path, "")
					r.Header.Set("Mcp-Protocol-Version", version)
					r.Header["Origin"] = []string{origin}
					if method == "OPTIONS" {
						r.Header.Set("Access-Control-Request-Method", "POST")
					}
					got := a.do(r)
					require.Equal(t, http.StatusForbidden, got.status, "%s %s from %q", method, path, origin)
					for name := range got.header {
						require.NotContains(t, name, "Access-Control")
					}
				}
			}
		}
	}
	assert.Zero(t, e.sessions.Len())
}

func TestFetchMetadataReplacesAMissingOrigin(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for site, status := range map[string]int{"cross-site": 403, "same-site": 403, "same-origin": 200, "none": 200} {
		a := e.agent("")
		r := a.request(t.Context(), "GET", "/healthz", "")
		r.Header.Set("Sec-Fetch-Site", site)
		assert.Equal(t, status, a.do(r).status, site)
	}
}

func TestCORSHeadersForAllowedOriginsOnly(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) { e.CrossOrigins = []string{"https://app.example.com"} })
	a := e.agent("")
	preflight := a.request(t.Context(), "OPTIONS", "/mcp", "")
	preflight.Header.Set("Origin", "https://app.example.com")
	preflight.Header.Set("Access-Control-Request-Method", "POST")
	got := a.do(preflight)
	assert.Equal(t, http.StatusNoContent, got.status)
	assert.Equal(t, "https://app.example.com", got.header.Get("Access-Control-Allow-Origin"))
	assert.Contains(t, got.header.Get("Access-Control-Allow-Headers"), "Mcp-Session-Id")
	assert.Empty(t, got.header.Get("Access-Control-Allow-Credentials"))
	assert.Equal(t, "Origin", got.header.Get("Vary"))

	own := a.request(t.Context(), "GET", "/healthz", "")
	own.Header.Set("Origin", e.url)
	got = a.do(own)
	assert.Equal(t, http.StatusOK, got.status, "the endpoint's own origin is allowed")
	assert.Empty(t, got.header.Get("Access-Control-Allow-Origin"), "and needs no CORS")
}

// SECURITY.md H2: what is not called by its name does not answer. The requests are written by hand,
// because no client writes them.
func TestForeignHostIsRefused(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	_, port, err := net.SplitHostPort(e.addr)
	require.NoError(t, err)
	for _, c := range []struct {
		target, host string
		status       int
	}{
		{"/healthz", "127.0.0.1:" + port, 200},
		{"/healthz", "localhost:" + port, 200},
		{"/healthz", "LOCALHOST:" + port, 200},
		{"/healthz", "[::1]:" + port, 200},
		{"http://localhost:" + port + "/healthz", "localhost:" + port, 200},
		{"/healthz", "evil.example", 403},
		{"/healthz", "evil.example:" + port, 403},
		{"/healthz", "localhost.:" + port, 403},
		{"/healthz", "localhost.evil.example:" + port, 403},
		{"/healthz", "localhost", 403},
		{"/healthz", "localhost:1", 403},
		{"/healthz", "0.0.0.0:" + port, 403},
		{"/healthz", "127.1:" + port, 403},
		{"/healthz", "2130706433:" + port, 403},
		{"/healthz", "[::ffff:127.0.0.1]:" + port, 403},
		{"/healthz", "[0:0:0:0:0:0:0:1]:" + port, 403},
		{"/healthz", "[::1%25lo]:" + port, 403},
		{"/healthz", "user@localhost:" + port, 400},
		{"http://evil.example/healthz", "localhost:" + port, 403},
		{"http://evil.example:" + port + "/healthz", "localhost:" + port, 403},
		{"/healthz", "", 403},
	} {
		head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", c.target, c.host)
		got := e.raw(head)
		if c.status == 200 {
			assert.Equal(t, 200, got, "%s, Host %q", c.target, c.host)
		} else {
			assert.Contains(t, []int{400, 403}, got, "%s, Host %q", c.target, c.host)
		}
	}
	assert.Equal(t, 403, e.raw("GET /healthz HTTP/1.0\r\n\r\n"), "no Host at all")
	assert.Equal(t, 400, e.raw("GET /healthz HTTP/1.1\r\nHost: localhost:"+port+"\r\nHost: evil.example\r\n\r\n"), "two of them")
}

func TestLocalNames(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string][]string{
		"127.0.0.1:8787": {"localhost:8787", "127.0.0.1:8787", "[::1]:8787"},
		"[::1]:8787":     {"localhost:8787", "127.0.0.1:8787", "[::1]:8787"},
		"127.0.0.2:8787": {"localhost:8787", "127.0.0.1:8787", "[::1]:8787", "127.0.0.2:8787"},
		"0.0.0.0:80":     {"localhost:80", "localhost", "127.0.0.1:80", "127.0.0.1", "[::1]:80", "[::1]"},
		"192.0.2.7:8787": {"localhost:8787", "192.0.2.7:8787"},
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		hosts, origins := mcphttp.LocalNames(tcp, false)
		assert.Equal(t, want, hosts, addr)
		for i := range hosts {
			assert.Equal(t, "http://"+hosts[i], origins[i])
		}
	}
	for text, want := range map[string][]string{
		"https://mcp.example.com/":     {"mcp.example.com", "mcp.example.com:443"},
		"https://MCP.example.com:443":  {"mcp.example.com:443", "mcp.example.com"},
		"https://mcp.example.com:8443": {"mcp.example.com:8443"},
	} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		hosts, origins := mcphttp.PublicNames(u)
		assert.Equal(t, want, hosts, text)
		assert.Len(t, origins, 1)
		assert.NotContains(t, origins[0], ":443")
	}
}

// S9: a credential in a URL ends up in logs, so it is not even looked at.
func TestTokenInTheURLIsRefused(t *testing.T) {
	t.Parallel()
	e := guarded(t)
	const message = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`
	for _, query := range []string{"token=" + aliceToken, "access_token=x", "api-key=x", "Authorization=x", "a=1&key=2", "a=%zz"} {
		a := e.agent(aliceToken)
		r := a.request(t.Context(), "POST", "/mcp", message)
		r.URL.RawQuery = query
		got := a.do(r)
		assert.Equal(t, http.StatusBadRequest, got.status, query)
		assert.Contains(t, got.body, "never belongs into a URL", query)
	}
	a := e.agent(aliceToken)
	assert.Equal(t, http.StatusOK, a.do(a.request(t.Context(), "POST", "/mcp?a=1", message)).status, "anything else may stand there")
	assert.NotContains(t, e.log.String(), aliceToken)
}

// SECURITY.md H6: long, slow and deep bodies cost little and are refused before they are
// understood.
func TestLongBodyIsRefusedBeforeItIsRead(t *testing.T) {
	e := serve(t, nil)
	a := e.agent("")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := a.do(a.request(t.Context(), "POST", "/mcp", strings.Repeat(" ", 32<<20)))
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.status)
	chunked := "POST /mcp HTTP/1.1\r\nHost: " + e.addr + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"200000\r\n" + strings.Repeat(" ", 0x200000) + "\r\n0\r\n\r\n"
	assert.Equal(t, http.StatusRequestEntityTooLarge, e.raw(chunked), "a length that is not announced is counted")
	announced := "POST /mcp HTTP/1.1\r\nHost: " + e.addr + "\r\nContent-Type: application/json\r\nContent-Length: 33554432\r\n\r\n"
	assert.Equal(t, http.StatusRequestEntityTooLarge, e.raw(announced), "and one that is announced is not waited for")
	runtime.ReadMemStats(&after)
	assert.Less(t, int64(after.TotalAlloc-before.TotalAlloc), int64(64<<20), "the 32 MiB are this test's own")

	deep := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000) + "}"
	got = a.post(deep)
	assert.Equal(t, http.StatusBadRequest, got.status)
	assert.Equal(t, jsonrpc.CodeInvalidRequest, got.code(t))
	assert.Equal(t, http.StatusOK, a.do(a.request(t.Context(), "GET", "/healthz", "")).status, "and alive")
}

// SECURITY.md H7: what two readers could read differently is refused; the corpus is that of the
// envelope.
func TestMalformedEnvelopeIsRefused(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	a := e.open("")
	for _, bad := range jsonrpctest.BadMessages() {
		got := a.post(bad.Raw)
		if assert.Equal(t, http.StatusBadRequest, got.status, bad.Name) {
			assert.Equal(t, bad.Code, got.code(t), bad.Name)
		}
	}
}

func TestOnlyJSONIsTaken(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	a := e.open("")
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for contentType, status := range map[string]int{
		"application/json":                  200,
		"Application/JSON; charset=UTF-8":   200,
		"text/plain":                        415,
		"text/plain; a=application/json":    415,
		"application/x-www-form-urlencoded": 415,
		"multipart/form-data; boundary=x":   415,
		"application/json; charset=utf-16":  415,
		"application/jsonp":                 415,
		"":                                  415,
	} {
		r := a.request(t.Context(), "POST", "/mcp", ping)
		r.Header.Set("Content-Type", contentType)
		assert.Equal(t, status, a.do(r).status, contentType)
		r = a.request(t.Context(), "POST", "/message?sessionId=x", ping)
		r.Header.Set("Content-Type", contentType)
		if status == 200 {
			status = 404 // no such stream
		}
		assert.Equal(t, status, a.do(r).status, "/message %s", contentType)
	}
	r := a.request(t.Context(), "POST", "/mcp", ping)
	r.Header.Set("Content-Encoding", "gzip")
	assert.Equal(t, 415, a.do(r).status)
	r = a.request(t.Context(), "POST", "/mcp", ping)
	r.Header["Content-Type"] = []string{"application/json, application/json", "application/json;charset=utf8"}
	r.Header.Set("Content-Encoding", "identity")
	assert.Equal(t, 200, a.do(r).status, "a client that merges two settings")
	r = a.request(t.Context(), "POST", "/mcp", ping)
	r.Header.Set("Content-Type", "text/plain, application/json")
	assert.Equal(t, 415, a.do(r).status)
}

func TestOtherMethodsAndPathsAreRefused(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	a := e.open("")
	for _, method := range []string{"PUT", "PATCH", "OPTIONS", "HEAD", "TRACE"} {
		got := a.do(a.request(t.Context(), method, "/mcp", ""))
		assert.Equal(t, http.StatusMethodNotAllowed, got.status, method)
		assert.Equal(t, "POST, GET, DELETE", got.header.Get("Allow"))
	}
	for _, method := range []string{"GET", "DELETE"} {
		r := a.request(t.Context(), method, "/mcp", "")
		r.Header.Set("Mcp-Protocol-Version", "2026-07-28")
		got := a.do(r)
		assert.Equal(t, http.StatusMethodNotAllowed, got.status, "2026-07-28 has no %s", method)
		assert.Equal(t, "POST", got.header.Get("Allow"))
	}
	for _, path := range []string{"/", "/mcp//", "/mcp/x", "//mcp", "/MCP", "/.well-known/openid-configuration"} {
		assert.Equal(t, http.StatusNotFound, a.do(a.request(t.Context(), "GET", path, "")).status, path)
	}
	without := e.agent("")
	for _, method := range []string{"GET", "DELETE"} {
		assert.Equal(t, http.StatusBadRequest, without.do(without.request(t.Context(), method, "/mcp", "")).status, "%s without a session", method)
	}
	assert.Equal(t, http.StatusBadRequest, without.post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`).status)
	assert.Equal(t, 1, e.sessions.Len())
}

// SECURITY.md H8: what a proxy sees in the headers is what the body says.
func TestModernHeadersMustMatchTheBody(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for name, change := range map[string]func(*http.Request){
		"another method":  func(r *http.Request) { r.Header.Set("Mcp-Method", "tools/list") },
		"another name":    func(r *http.Request) { r.Header.Set("Mcp-Name", "delete_identity") },
		"no name":         func(r *http.Request) { r.Header.Del("Mcp-Name") },
		"no method":       func(r *http.Request) { r.Header.Del("Mcp-Method") },
		"no version":      func(r *http.Request) { r.Header.Del("Mcp-Protocol-Version") },
		"another version": func(r *http.Request) { r.Header.Set("Mcp-Protocol-Version", "2025-11-25") },
		"an old stream":   func(r *http.Request) { r.Header.Set("Last-Event-ID", "1") },
	} {
		a := e.newest("")
		body := a.message("list_identities", `{}`, "")
		r := a.request(t.Context(), "POST", "/mcp", body)
		change(r)
		got := a.do(r)
		assert.Equal(t, http.StatusBadRequest, got.status, name)
		assert.Equal(t, -32020, got.code(t), "%s: %s", name, got.body)
	}
	a := e.newest("")
	r := a.request(t.Context(), "POST", "/mcp", strings.ReplaceAll(a.message("list_identities", `{}`, ""), "2026-07-28", "2031-01-01"))
	r.Header.Set("Mcp-Protocol-Version", "2031-01-01")
	got := a.do(r)
	assert.Equal(t, http.StatusBadRequest, got.status)
	assert.Equal(t, -32022, got.code(t), got.body)
}

func TestMissingCapabilityIsNamed(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) { e.Requires = map[string][]string{"list_identities": {"elicitation", "sampling"}} })
	a := e.newest("")
	got := a.post(strings.Replace(a.message("list_identities", `{}`, ""), `"io.modelcontextprotocol/clientCapabilities":{}`,
		`"io.modelcontextprotocol/clientCapabilities":{"sampling":{}}`, 1))
	assert.Equal(t, http.StatusBadRequest, got.status)
	assert.Equal(t, -32021, got.code(t))
	assert.Contains(t, got.body, `"requiredCapabilities":{"elicitation":{}}`)
	got = a.post(strings.Replace(a.message("list_identities", `{}`, ""), `"io.modelcontextprotocol/clientCapabilities":{}`,
		`"io.modelcontextprotocol/clientCapabilities":{"sampling":{},"elicitation":{"form":{}}}`, 1))
	assert.Equal(t, http.StatusOK, got.status, got.body)
}

// SECURITY.md H5: the caller comes from the token, and never from what a header says about
// addresses.
func TestForwardedHeadersDoNotChangeTheCaller(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) { e.Limits.Rate, e.Callers = 2, loadCallers(t, twoCallers()) })
	a := e.agent(aliceToken)
	limited := 0
	for i := range 20 {
		r := a.request(t.Context(), "DELETE", "/mcp", "")
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i))
		r.Header.Set("X-Real-IP", fmt.Sprintf("192.0.2.%d", i))
		r.Header.Set("Forwarded", fmt.Sprintf("for=192.0.2.%d;host=evil.example", i))
		r.Header.Set("X-Forwarded-Host", "evil.example")
		got := a.do(r)
		if got.status == http.StatusTooManyRequests {
			limited++
			assert.Equal(t, "1", got.header.Get("Retry-After"))
		}
	}
	assert.GreaterOrEqual(t, limited, 10, "one caller, one rate")
}

func TestSlowRequestTimesOut(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) { e.Limits.HeaderTime, e.Limits.BodyTime = 100*time.Millisecond, 100*time.Millisecond })
	for what, head := range map[string]string{
		"head": "GET /healthz HTTP/1.1\r\nHost: %s\r\nX-Slow: ",
		"body": "POST /mcp HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
	} {
		c, err := net.Dial("tcp", e.addr)
		require.NoError(t, err)
		defer c.Close()
		_, err = fmt.Fprintf(c, head, e.addr)
		require.NoError(t, err)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
		answer, err := io.ReadAll(c)
		require.NoError(t, err, "the server closed the connection, not this test's patience")
		if what == "body" {
			assert.Contains(t, string(answer), " 408 ")
		}
	}
	a := e.open("")
	a.call("list_identities", `{}`)
}

// No client can hold a connection by announcing a body that never comes, with a request that is
// refused for something else.
func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	t.Parallel()
	e := guarded(t)
	for head, status := range map[string]int{
		"GET /healthz HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\n":         200,
		"POST /mcp HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\n":            401,
		"POST /mcp HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n":      401,
		"POST /message HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\n":        401,
		"POST /elsewhere HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\n":      404,
		"POST /mcp HTTP/1.1\r\nHost: evil.%s\r\nContent-Length: 1000\r\n\r\n":       403,
		"POST /mcp?token=x HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\n":    400,
		"DELETE /mcp HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000000000\r\n\r\n": 401,
	} {
		assert.Equal(t, status, e.raw(fmt.Sprintf(head, e.addr)), head)
	}
}

// Where no token is needed there is one caller, which a proxy would make of the whole world.
func TestProxyWithoutTokensIsRefused(t *testing.T) {
	t.Parallel()
	e, withTokens := serve(t, nil), guarded(t)
	for _, header := range []string{
		"Forwarded: for=192.0.2.1", "Via: 1.1 caddy", "X-Forwarded-For: 192.0.2.1", "x-forwarded-host: mcp.example.com", "X-Forwarded-Proto: https",
		"X-Real-IP: 192.0.2.1", "CF-Connecting-IP: 192.0.2.1", "True-Client-IP: 192.0.2.1", "CF-Ray: 8f0", "fly-client-ip: 192.0.2.1",
		"Ngrok-Trace-Id: 1", "X-Envoy-External-Address: 192.0.2.1", "Tailscale-User-Login: amber@example.com", "X-Forwarded-Port: 443",
		"X-Forwarded-Server: a", "X-Amzn-Trace-Id: Root=1", "X-Original-Forwarded-For: 192.0.2.1", "CDN-Loop: a", "X-Vercel-Id: 1",
	} {
		for _, path := range []string{"/mcp", "/sse", "/message?sessionId=x"} {
			head := "POST " + path + " HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n" + header + "\r\nHost: "
			assert.Equal(t, 403, e.raw(head+e.addr+"\r\n\r\n"), "%s %s", path, header)
			assert.Equal(t, 401, withTokens.raw(head+withTokens.addr+"\r\n\r\n"), "%s %s", path, header)
		}
	}
	// As nginx sends it with a bare proxy_pass.
	bare := "POST /mcp HTTP/1.0\r\nHost: " + e.addr + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	assert.Equal(t, 403, e.raw(bare))
	assert.Equal(t, 200, e.raw(strings.Replace(bare, "POST /mcp", "GET /healthz", 1)), "health checks are no callers")
	a := e.agent("")
	r := a.request(t.Context(), "POST", "/mcp", "{}")
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	assert.Contains(t, a.do(r).body, "--behind-tls-proxy")
}

func TestShellOriginIsComparedLiterally(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop", "moz-extension://0f6a1c2e-1b2c-4d5e-8f90-a1b2c3d4e5f6", "vscode-file://vscode-app",
		"safari-web-extension://AB12CD34-0000-4000-8000-ABCDEF012345", "tauri://localhost", "app://-", "capacitor://localhost", "https://App.example.com",
	}
	e := serve(t, func(e *endpoint) { e.CrossOrigins = allowed })
	ask := func(origin string) reply {
		a := e.agent("")
		r := a.request(t.Context(), "GET", "/healthz", "")
		r.Header.Set("Origin", origin)
		return a.do(r)
	}
	for _, origin := range append([]string{"https://app.example.com"}, allowed...) {
		got := ask(origin)
		assert.Equal(t, http.StatusOK, got.status, origin)
		assert.Equal(t, origin, got.header.Get("Access-Control-Allow-Origin"))
	}
	for _, origin := range []string{
		"null", "file://", "chrome-extension://bbcdefghijklmnopabcdefghijklmnop", "safari-web-extension://ab12cd34-0000-4000-8000-abcdef012345", "tauri://localhost.evil.example",
	} {
		assert.Equal(t, http.StatusForbidden, ask(origin).status, origin)
	}
}
