package tools_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

// sealedSystem is a system whose account is end-to-end encrypted. Its Ravi refuses every field that
// a client should have sealed and did not.
func sealedSystem(t *testing.T) *system {
	t.Helper()
	h := newSystem(t, sandbox.Config{RequireSealed: true})
	account, err := h.ravi.Server.Account(sandbox.AccountConfig{Email: "sealed@example.com", PIN: "123456"})
	require.NoError(t, err)
	h.ravi.Account = account
	return h
}

// loseKeys goes on with the access token alone, which opens nothing.
func (h *system) loseKeys() {
	token := h.ravi.Account.AccessToken
	h.build(func() (*ravi.Client, error) {
		return h.connectRavi(config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(token)})
	})
}

// another is a second server for the same account, which shares nothing with the first but Ravi.
func (h *system) another() *system {
	other := &system{t: h.t, ravi: h.ravi, store: h.store, sealer: h.sealer}
	other.build(func() (*ravi.Client, error) { return other.connectRavi(other.credentials()) })
	return other
}

// worker is a client whose session is bound to a new identity.
func (h *system) worker(name string) *agent {
	h.t.Helper()
	a := h.connect(local())
	ok[created](h.t, a.call("create_identity", args{"name": name}))
	return a
}

// writes counts the requests that could have changed the vaults.
func (h *system) writes() int {
	n := 0
	for _, r := range h.ravi.Server.Requests() {
		for _, store := range []string{"/api/passwords/", "/api/secrets/", "/api/vault/"} {
			if r.Method != "GET" && strings.HasPrefix(r.Endpoint, store) {
				n++
			}
		}
	}
	return n
}

// sent returns the bodies that went to an endpoint, the last one last.
func (h *system) sent(method, endpoint string) []map[string]string {
	h.t.Helper()
	var out []map[string]string
	for _, r := range h.ravi.Server.Requests() {
		if r.Method == method && r.Endpoint == endpoint {
			var body map[string]string
			require.NoError(h.t, json.Unmarshal(r.Body, &body))
			out = append(out, body)
		}
	}
	return out
}

// scope is the view of an identity that another client of the account has.
func (h *system) scope(name string) *ravi.Scope {
	h.t.Helper()
	client, err := h.account.Client()
	require.NoError(h.t, err)
	for _, i := range h.ravi.Server.Identities() {
		if i.Name == name {
			return client.Scope(i.UUID)
		}
	}
	require.Fail(h.t, "no such identity", name)
	return nil
}

func secretOf(value string) secret.Secret { return secret.New(value) }

// steps takes up to ten random steps, with a look at everything after each: the action without a
// name. It is rapid's Repeat with fewer steps, because each of them is a call of a tool.
func steps(rt *rapid.T, actions map[string]func(*rapid.T)) {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(actions)), func(name string) bool { return name == "" })
	for range rapid.IntRange(1, 10).Draw(rt, "steps") {
		actions[rapid.SampledFrom(names).Draw(rt, "step")](rt)
		actions[""](rt)
	}
}
