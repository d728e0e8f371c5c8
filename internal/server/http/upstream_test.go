package http_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

// SECURITY.md T5: when Ravi takes the credential back, calls fail, and nothing that was read with
// it is served any more.
func TestRevokedCredentialDropsTheCache(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	old, young := e.open(""), e.newest("")
	uuid := old.call("create_identity", `{"name":"main"}`).field(t, "identity", "uuid")
	named := fmt.Sprintf(`{"identity":%q}`, uuid)
	lists := func() int { return e.ravi.Server.CountRequests("GET", "/api/identities/") }
	young.call("get_identity", named)
	before := lists()
	for _, a := range []*agent{old, young} {
		require.False(t, a.call("get_identity", named).IsError)
		require.False(t, a.call("list_identities", `{}`).IsError)
	}
	require.Equal(t, before, lists(), "all of that was cached")

	require.NoError(t, e.ravi.Server.RevokeTokens(e.ravi.Account.Email))
	assert.Equal(t, "token_expired", young.call("list_secrets", named).failure(t), "the next call that needs Ravi")
	for _, a := range []*agent{old, young} {
		for _, tool := range []string{"get_identity", "list_identities"} {
			arguments := map[string]string{"get_identity": named, "list_identities": "{}"}[tool]
			assert.Equal(t, "token_expired", a.call(tool, arguments).failure(t), "%s from the cache", tool)
		}
	}

	// Another login is another credential; what is read then is read anew.
	fresh, err := e.ravi.Server.Account(sandbox.AccountConfig{})
	require.NoError(t, err)
	e.ravi.Account = fresh
	before = lists()
	require.False(t, young.call("get_identity", named).IsError)
	assert.Greater(t, lists(), before)
}

// hung is a Ravi whose secrets never answer.
type hung struct {
	http.RoundTripper
	came, left chan struct{}
}

func (h hung) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.Path, "/api/secrets/") {
		return h.RoundTripper.RoundTrip(r)
	}
	h.came <- struct{}{}
	<-r.Context().Done()
	h.left <- struct{}{}
	return nil, context.Cause(r.Context())
}

// SECURITY.md H9: calls that hang at Ravi fill the places of a caller. When their clients hang up,
// the requests to Ravi are cancelled, and the places are free again.
func TestDisconnectCancelsTheRequestToRavi(t *testing.T) {
	t.Parallel()
	const places = 4
	fake := hung{came: make(chan struct{}, 2*places), left: make(chan struct{}, 2*places)}
	e := serve(t, func(e *endpoint) {
		fake.RoundTripper = e.ravi.Server.RoundTripper()
		e.Limits.CallsPerCaller = places
		e.deps.Account.Connect = func() (*ravi.Client, error) {
			return ravi.New(ravi.Config{BaseURL: "https://ravi.test", Transport: fake,
				Credentials: config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(e.ravi.Account.AccessToken)}})
		}
	})
	young, stream := e.newest(""), e.agent("").stream()
	uuid := young.call("create_identity", `{"name":"main"}`).field(t, "identity", "uuid")
	named := fmt.Sprintf(`{"identity":%q}`, uuid)
	ctx, leave := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for range places {
		r := young.request(ctx, http.MethodPost, "/mcp", young.message("list_secrets", named, ""))
		wait.Go(func() {
			_, err := young.client.Do(r)
			assert.ErrorIs(t, err, context.Canceled)
		})
		<-fake.came
	}
	patient, giveUp := context.WithTimeout(t.Context(), 30*time.Second)
	defer giveUp()
	response, err := young.client.Do(young.request(patient, http.MethodPost, "/mcp", young.message("list_secrets", named, "")))
	if assert.NoError(t, err, "the call beyond the places is answered at once") {
		assert.Equal(t, http.StatusTooManyRequests, read(t, response).status)
	}
	leave()
	for range places {
		<-fake.left
	}
	wait.Wait()
	// The guard notices a moment after Ravi does.
	require.Eventually(t, func() bool {
		return young.post(young.message("list_identities", `{}`, "")).status == http.StatusOK
	}, 30*time.Second, 5*time.Millisecond)

	// The same for a client that leaves a stream.
	stream.ask(sseInitialize)
	require.Equal(t, http.StatusAccepted, stream.post(stream.a.message("list_secrets", named, "")).status)
	<-fake.came
	stream.leave()
	<-fake.left
}
