package http_test

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// S14 and C8: what other servers take from a request (the address of the upstream, its credential,
// a proxy, a weaker check of certificates, wider rights) cannot be chosen by a header. A request
// that sends one gets what every other gets.
func TestHeadersChangeNeitherCallerNorRights(t *testing.T) {
	t.Parallel()
	elsewhere, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer elsewhere.Close()
	var visits atomic.Int32
	go func() {
		for {
			c, err := elsewhere.Accept()
			if err != nil {
				return
			}
			visits.Add(1)
			c.Close()
		}
	}()
	observed := &witness{hosts: map[string]int{}}
	e := serve(t, func(e *endpoint) {
		observed.RoundTripper = e.ravi.Server.RoundTripper()
		e.deps.Account.Connect = func() (*ravi.Client, error) {
			return ravi.New(ravi.Config{BaseURL: "https://ravi.test", Transport: observed,
				Credentials: config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(e.ravi.Account.AccessToken)}})
		}
		e.Callers = loadCallers(t, fmt.Sprintf("[[caller]]\nname = \"alice\"\ntoken_sha256 = %q\nidentities = [\"mine-*\"]\nread_only = true\n", session.HashToken(aliceToken)))
	})
	_, err = e.ravi.Server.CreateIdentity(e.ravi.Account.Email, sandbox.NewIdentity{Name: "mine-1"})
	require.NoError(t, err)
	_, err = e.ravi.Server.CreateIdentity(e.ravi.Account.Email, sandbox.NewIdentity{Name: "other-1"})
	require.NoError(t, err)

	address := "http://" + elsewhere.Addr().String()
	for name, value := range map[string]string{
		"X-Ravi-Base-Url": address, "Ravi-Base-Url": address, "X-Base-Url": address, "X-Api-Url": address, "X-Upstream": address,
		"X-Vault-Addr": address, "X-Vault-Token": "CANARY-token", "X-Vault-Namespace": "CANARY", "X-Grafana-Url": address,
		"X-Grafana-Api-Key": "CANARY-token", "X-Terraform-Address": address, "Tfe-Address": address, "Tfe-Skip-Tls-Verify": "true",
		"X-Skip-Tls-Verify": "true", "X-Ravi-Api-Key": "CANARY-token", "X-Ravi-Token": "CANARY-token", "X-Ravi-Access-Token": "CANARY-token",
		"X-Http-Proxy": address, "Proxy": address, "X-Forwarded-Proto": "https", "X-Original-Url": "/sse", "X-Rewrite-Url": "/sse",
		"X-Http-Method-Override": "DELETE", "X-Ravi-Caller": "admin", "X-Ravi-Read-Only": "false", "X-Ravi-Reveal": "allow",
		"X-Ravi-Toolsets": "default,mail", "X-Ravi-Allow-Identities": "*", "X-Ravi-Delete": "allow",
	} {
		for _, a := range []*agent{e.open(aliceToken), e.newest(aliceToken)} {
			a.header.Set(name, value)
			listed := a.call("list_identities", `{}`)
			assert.Contains(t, string(listed.StructuredContent), "mine-1", name)
			assert.NotContains(t, string(listed.StructuredContent), "other-1", name)
			read := a.call("list_messages", `{"identity":"mine-1"}`) // asks Ravi within the call
			assert.False(t, read.IsError, "%s: %v", name, read.Content)
			made := a.post(a.message("create_identity", `{"name":"mine-2"}`, ""))
			assert.NotContains(t, made.body, `"address"`, name)
		}
	}
	assert.Zero(t, visits.Load(), "nothing went elsewhere")
	assert.Len(t, observed.hosts, 1)
	assert.Greater(t, observed.hosts["https://ravi.test"], 100)
	for _, r := range e.ravi.Server.Requests() {
		assert.Equal(t, "access", r.Credential)
		assert.Equal(t, http.MethodGet, r.Method, "nothing was written: %s", r.Path)
		for name, values := range r.Header {
			for _, v := range values {
				assert.NotContains(t, v, "CANARY", name)
			}
		}
	}
}

// witness notes where requests to Ravi are to go.
type witness struct {
	http.RoundTripper
	mu    sync.Mutex
	hosts map[string]int
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.hosts[r.URL.Scheme+"://"+r.URL.Host]++
	w.mu.Unlock()
	return w.RoundTripper.RoundTrip(r)
}
