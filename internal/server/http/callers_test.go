package http_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/session"
)

// guarded is an endpoint with the callers alice and bob.
func guarded(t *testing.T) *endpoint {
	t.Helper()
	return serve(t, func(e *endpoint) { e.Callers = loadCallers(t, twoCallers()) })
}

// SECURITY.md T1: over 2026-07-28 all callers have the same, empty session id.
func TestModernCallersSeeOnlyTheirOwn(t *testing.T) {
	t.Parallel()
	e := guarded(t)
	var wait sync.WaitGroup
	for i := range 100 {
		for name, token := range map[string]string{"alice": aliceToken, "bob": bobToken} {
			wait.Go(func() {
				a := e.newest(token)
				own := fmt.Sprintf("%s-%d", name, i%10)
				created := a.call("create_identity", fmt.Sprintf(`{"name":%q,"if_exists":"reuse"}`, own))
				assert.Equal(t, own, created.field(t, "identity", "name"))
				listed := string(a.call("list_identities", `{}`).StructuredContent)
				for _, other := range []string{"alice", "bob"} {
					if other != name {
						assert.NotContains(t, listed, other+"-")
						assert.Equal(t, "identity_not_found", a.call("get_identity", fmt.Sprintf(`{"identity":"%s-0"}`, other)).failure(t))
					}
				}
				assert.Equal(t, "identity_required", a.call("get_identity", `{}`).failure(t))
			})
		}
	}
	wait.Wait()
}

// SECURITY.md T3: an id of a session is worth nothing to another caller.
func TestSessionBelongsToItsOpener(t *testing.T) {
	t.Parallel()
	e := guarded(t)
	alice := e.open(aliceToken)
	alice.call("create_identity", `{"name":"alice-main"}`)
	require.Equal(t, 1, e.sessions.Len())

	thief := e.agent(bobToken)
	thief.session = alice.session
	stolen := thief.post(thief.message("get_identity", `{}`, ""))
	assert.Equal(t, http.StatusNotFound, stolen.status)
	thief.session = strings.Repeat("A", len(alice.session))
	madeUp := thief.post(thief.message("get_identity", `{}`, ""))
	assert.Equal(t, http.StatusNotFound, madeUp.status)
	assert.Equal(t, strings.ReplaceAll(madeUp.body, `"id":2`, `"id":1`), stolen.body, "a stolen id and one that never was look the same (T2)")

	thief.session = alice.session
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		response, err := thief.client.Do(thief.request(t.Context(), method, "/mcp", ""))
		require.NoError(t, err)
		assert.Equal(t, http.StatusNotFound, response.StatusCode, method)
		response.Body.Close() // a stream would not end
	}
	thief.token = ""
	assert.Equal(t, http.StatusUnauthorized, thief.post(thief.message("get_identity", `{}`, "")).status)

	assert.Equal(t, 1, e.sessions.Len(), "nothing was created, nothing ended")
	assert.Equal(t, "alice-main", alice.call("get_identity", `{}`).field(t, "identity", "name"))
}

// SECURITY.md T2: a cursor is worth nothing to another caller, and fails in the same words as one
// that never was.
func TestCursorBelongsToItsCaller(t *testing.T) {
	t.Parallel()
	e := guarded(t)
	alice, bob := e.newest(aliceToken), e.newest(bobToken)
	cursor := alice.call("create_identity", `{"name":"alice-main"}`).field(t, "cursor")
	bob.call("create_identity", `{"name":"bob-main"}`)

	stolen := bob.call("wait_for_otp", fmt.Sprintf(`{"cursor":%q}`, cursor))
	changed := []byte(cursor)
	changed[len(changed)/2] ^= 1
	unknown := bob.call("wait_for_otp", fmt.Sprintf(`{"cursor":%q}`, changed))
	assert.Equal(t, "cursor_invalid", stolen.failure(t))
	assert.Equal(t, unknown.Content[0].Text, stolen.Content[0].Text)
}

// SECURITY.md H3: a request without a token, or with more than one, has no caller.
func TestRequestWithoutAValidTokenIsRefused(t *testing.T) {
	t.Parallel()
	e := guarded(t)
	initialize := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`
	for name, c := range map[string]struct {
		authorization []string
		status        int
	}{
		"none":           {nil, http.StatusUnauthorized},
		"wrong":          {[]string{"Bearer rmcp_nobody-0123456789-0123456789-0123"}, http.StatusUnauthorized},
		"nearly":         {[]string{"Bearer " + aliceToken + "x"}, http.StatusUnauthorized},
		"empty":          {[]string{"Bearer "}, http.StatusUnauthorized},
		"no scheme":      {[]string{aliceToken}, http.StatusUnauthorized},
		"another scheme": {[]string{"Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+aliceToken))}, http.StatusUnauthorized},
		"its hash":       {[]string{"Bearer " + session.HashToken(aliceToken).String()}, http.StatusUnauthorized},
		"two":            {[]string{"Bearer " + aliceToken, "Bearer " + bobToken}, http.StatusBadRequest},
		"the right one":  {[]string{"bearer " + aliceToken}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			a := e.agent("")
			r := a.request(t.Context(), http.MethodPost, "/mcp", initialize)
			if c.authorization != nil {
				r.Header["Authorization"] = c.authorization
			}
			got := a.do(r)
			assert.Equal(t, c.status, got.status, got.body)
			if c.status == http.StatusUnauthorized {
				assert.Contains(t, got.header.Get("WWW-Authenticate"), "Bearer")
				assert.Empty(t, got.header.Get("Mcp-Session-Id"))
			}
		})
	}
	assert.Equal(t, http.StatusUnauthorized, e.raw("GET /sse HTTP/1.1\r\nHost: "+e.addr+"\r\n\r\n"))
	assert.Equal(t, http.StatusUnauthorized, e.raw("POST /message?sessionId=x HTTP/1.1\r\nHost: "+e.addr+"\r\nContent-Length: 0\r\n\r\n"))
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge,
		e.raw("GET /mcp HTTP/1.1\r\nHost: "+e.addr+"\r\nAuthorization: Bearer "+strings.Repeat("a", 1<<20)+"\r\n\r\n"))
	assert.Equal(t, 1, e.sessions.Len())
}

// SECURITY.md H4: a caller's token goes no further than the guard, and a Ravi credential is none.
func TestTokenStaysInTheGuard(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) {
		// An operator made Ravi's own credentials a caller's.
		e.Callers = loadCallers(t, twoCallers()+fmt.Sprintf("[[caller]]\nname = \"mistake\"\ntoken_sha256 = %q\nidentities = [\"*\"]\n",
			session.HashToken("ravi_mgmt_0123456789-0123456789-0123456789")))
	})
	a := e.open(aliceToken)
	a.call("create_identity", `{"name":"alice-main"}`)
	a.call("list_messages", `{"channel":"any"}`)
	upstream := fmt.Sprintf("%+v", e.ravi.Server.Requests())
	require.NotEmpty(t, upstream)
	for name, form := range map[string]string{
		"raw": aliceToken, "base64": base64.StdEncoding.EncodeToString([]byte(aliceToken)), "hex": hex.EncodeToString([]byte(aliceToken)),
	} {
		assert.NotContains(t, upstream, form, name)
		assert.NotContains(t, e.log.String(), form, name)
	}

	mistake := e.agent("ravi_mgmt_0123456789-0123456789-0123456789")
	assert.Equal(t, http.StatusUnauthorized, mistake.post(mistake.message("list_identities", `{}`, "")).status)
}

func TestRemovedCallerIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	path := writeFile(t, twoCallers())
	callers, err := session.LoadCallers(path, nil)
	require.NoError(t, err)
	e := serve(t, func(e *endpoint) { e.Callers = callers })
	alice, bob := e.open(aliceToken), e.open(bobToken)
	alice.call("create_identity", `{"name":"alice-main"}`)
	cursor := alice.call("watch_inbox", `{}`).field(t, "cursor")
	waiting := make(chan reply, 2)
	for _, a := range []*agent{alice, e.newest(aliceToken)} { // with a session to end, and without one
		r := a.request(t.Context(), http.MethodPost, "/mcp", a.message("wait_for_otp", fmt.Sprintf(`{"cursor":%q,"timeout_seconds":40}`, cursor), `"progressToken":1`))
		response, err := a.client.Do(r) // returns with the first progress: the wait runs
		require.NoError(t, err)
		go func() { waiting <- read(t, response) }()
	}

	_, onlyBob, _ := strings.Cut(twoCallers(), "\n\n")
	require.NoError(t, os.WriteFile(path, []byte(onlyBob), 0o600))
	gone, err := callers.Reload()
	require.NoError(t, err)
	require.Equal(t, []string{"alice"}, gone)
	for _, name := range gone {
		e.sessions.EndCaller(name)
		e.CallerGone(name)
	}
	for range 2 {
		for _, m := range (<-waiting).messages {
			assert.NotContains(t, string(m), `"result"`, "the wait was not answered")
		}
	}
	assert.Equal(t, http.StatusUnauthorized, alice.post(alice.message("list_identities", `{}`, "")).status)
	assert.Equal(t, 1, e.sessions.Len())
	bob.call("list_identities", `{}`)
}
