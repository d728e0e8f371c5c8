package http_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
)

const carolToken = "rmcp_carol-CANARY-0123456789-0123456789"

// twoRavis is an endpoint whose callers alice and bob have accounts at two Ravis, and carol the
// server's own at a third. Their rights are the same: all identities that there are.
func twoRavis(t *testing.T) (e *endpoint, north, south *sandboxtest.Instance) {
	t.Helper()
	north, south = sandboxtest.Memory(t, sandbox.Config{}), sandboxtest.Memory(t, sandbox.Config{})
	entry := func(name, token, rest string) string {
		return fmt.Sprintf("[[caller]]\nname = %q\ntoken_sha256 = %q\nidentities = [\"*\"]\n%s\n", name, session.HashToken(token), rest)
	}
	e = serve(t, func(e *endpoint) {
		e.folders = map[string]*sandboxtest.Instance{"/etc/north": north, "/etc/south": south}
		e.Callers = loadCallers(t, entry("alice", aliceToken, `ravi_config_dir = "/etc/north"`)+
			entry("bob", bobToken, `ravi_config_dir = "/etc/south/"`)+entry("carol", carolToken, ""))
	})
	return e, north, south
}

// touched are the credentials and identities that a Ravi has seen.
func touched(of *sandboxtest.Instance) (credentials, identities map[string]bool) {
	credentials, identities = make(map[string]bool), make(map[string]bool)
	for _, r := range of.Server.Requests() {
		credentials[r.Fingerprint] = true
		for _, uuid := range []string{r.Identity, r.Header.Get("X-Ravi-Identity")} {
			if uuid != "" {
				identities[uuid] = true
			}
		}
	}
	return credentials, identities
}

func fingerprint(of *sandboxtest.Instance) string {
	sum := sha256.Sum256([]byte(of.Account.AccessToken))
	return hex.EncodeToString(sum[:4])
}

// client is one of a caller, over one of the HTTP transports.
func (e *endpoint) client(over, token string) *tenant {
	c := &tenant{}
	switch over {
	case "2025-11-25":
		c.agent = e.open(token)
	case "2026-07-28":
		c.agent = e.newest(token)
	default:
		c.agent = e.agent(token)
		c.stream = c.agent.stream()
		c.stream.ask(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`)
		c.stream.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	}
	return c
}

// Two callers with Ravi accounts of their own, who give everything the same name at the same time,
// never see or touch what is the other's.
func TestCallersWithOwnAccountsShareNothing(t *testing.T) {
	t.Parallel()
	e, north, south := twoRavis(t)
	for round, over := range []string{"2025-11-25", "2026-07-28", "sse"} {
		var wait sync.WaitGroup
		for token, at := range map[string]*sandboxtest.Instance{aliceToken: north, bobToken: south} {
			wait.Go(func() {
				c := e.client(over, token)
				mine := "of-" + token[5:8]
				name := fmt.Sprintf("main-%d", round)
				created := c.do(t, "create_identity", fmt.Sprintf(`{"name":%q,"provision_phone":true}`, name))
				uuid, cursor, phone := created.field(t, "identity", "uuid"), created.field(t, "cursor"), created.field(t, "phone")
				assert.Equal(t, uuid, c.do(t, "get_identity", fmt.Sprintf(`{"identity":%q}`, name)).field(t, "identity", "uuid"))
				c.do(t, "set_secret", fmt.Sprintf(`{"identity":%q,"name":"KEY","value":%q}`, name, mine))
				c.do(t, "save_credential", fmt.Sprintf(`{"identity":%q,"domain":"shop.example","username":"u","password":%q}`, name, mine))
				assert.Equal(t, mine, c.do(t, "get_secret", fmt.Sprintf(`{"identity":%q,"name":"KEY"}`, name)).field(t, "value"))
				assert.Contains(t, string(c.do(t, "get_credential", fmt.Sprintf(`{"identity":%q,"domain":"shop.example"}`, name)).StructuredContent), mine)
				code := fmt.Sprint(100000*(round+1) + int(token[5])) // another one for each
				_, err := at.Server.DeliverSMS(sandbox.SMS{To: phone, From: "32665", Body: "Your code is " + code})
				assert.NoError(t, err)
				assert.Equal(t, code, c.do(t, "wait_for_otp", fmt.Sprintf(`{"cursor":%q,"timeout_seconds":20}`, cursor)).field(t, "code"))
			})
		}
		wait.Wait()
	}
	listed := func(token string) string {
		return string(e.newest(token).call("list_identities", `{}`).StructuredContent)
	}
	uuids := func(of *sandboxtest.Instance) (all []string) {
		for _, i := range of.Server.Identities() {
			all = append(all, i.UUID)
		}
		return all
	}
	for token, at := range map[string]*sandboxtest.Instance{aliceToken: north, bobToken: south} {
		other := map[*sandboxtest.Instance]*sandboxtest.Instance{north: south, south: north}[at]
		require.Len(t, uuids(at), 3)
		for _, uuid := range uuids(other) {
			for range 2 { // from Ravi, and from memory
				assert.Equal(t, "identity_not_found", e.newest(token).call("get_identity", fmt.Sprintf(`{"identity":%q}`, uuid)).failure(t))
				assert.Equal(t, "identity_not_found", e.newest(token).call("delete_identity", fmt.Sprintf(`{"identity":%q}`, uuid)).failure(t))
				assert.NotContains(t, listed(token), uuid)
			}
		}
		credentials, identities := touched(at)
		assert.Equal(t, map[string]bool{fingerprint(at): true}, credentials, "one Ravi never saw the credential of another")
		for uuid := range identities {
			assert.NotContains(t, uuids(other), uuid)
		}
	}
	assert.Empty(t, e.ravi.Server.Requests(), "no call has used the server's own account")
	assert.NotContains(t, listed(carolToken), "main-")
	credentials, _ := touched(e.ravi)
	assert.Equal(t, map[string]bool{fingerprint(e.ravi): true}, credentials)
}

// The memory of one account neither serves another one nor is emptied by it.
func TestEachAccountHasItsOwnCache(t *testing.T) {
	t.Parallel()
	e, north, south := twoRavis(t)
	alice, bob := e.newest(aliceToken), e.newest(bobToken)
	alice.call("create_identity", `{"name":"main"}`)
	bob.call("create_identity", `{"name":"main"}`)
	alice.call("list_identities", `{}`)
	asked := len(north.Server.Requests())
	bob.call("get_identity", `{"identity":"unknown"}`)
	bob.call("delete_identity", `{"identity":"main"}`)
	alice.call("list_identities", `{}`)
	alice.call("get_identity", `{"identity":"main"}`)
	assert.Len(t, north.Server.Requests(), asked, "what bob did has emptied nothing of alice's")
	require.NotEmpty(t, south.Server.Requests())
	assert.NotContains(t, string(bob.call("list_identities", `{}`).StructuredContent), "main")
}

// SECURITY.md T5: a credential that is revoked at one Ravi ends what is known of that account, and
// of no other.
func TestRevokedAccountDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	e, north, _ := twoRavis(t)
	alice, bob := e.open(aliceToken), e.open(bobToken)
	for _, a := range []*agent{alice, bob} {
		a.call("create_identity", `{"name":"main"}`)
		a.call("list_identities", `{}`)
	}
	require.NoError(t, north.Server.RevokeTokens(north.Account.Email))
	refused := []string{"token_expired", "not_authenticated"}
	assert.Contains(t, refused, alice.call("list_messages", `{}`).failure(t))
	for range 2 {
		for _, tool := range []string{"get_identity", "list_identities", "watch_inbox", "list_secrets"} {
			assert.Contains(t, refused, alice.call(tool, `{}`).failure(t), tool)
			assert.False(t, bob.call(tool, `{}`).IsError, tool)
		}
	}
}

// A folder without a credential is its caller's trouble alone.
func TestBrokenAccountDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	e, north, _ := twoRavis(t)
	delete(e.folders, "/etc/south")
	alice, bob, carol := e.newest(aliceToken), e.newest(bobToken), e.newest(carolToken)
	for range 2 {
		assert.Equal(t, "not_authenticated", bob.call("list_identities", `{}`).failure(t))
		assert.Equal(t, "not_authenticated", bob.call("create_identity", `{"name":"main"}`).failure(t))
		assert.False(t, alice.call("list_identities", `{}`).IsError)
		assert.False(t, carol.call("list_identities", `{}`).IsError)
	}
	require.NotEmpty(t, north.Server.Requests())
	for _, r := range e.ravi.Server.Requests() {
		assert.Equal(t, http.MethodGet, r.Method, "bob's call was not made with the server's own account")
	}
	// The folder is repaired while the server runs.
	e.folders["/etc/south"] = sandboxtest.Memory(t, sandbox.Config{})
	assert.False(t, bob.call("create_identity", `{"name":"main"}`).IsError)
	assert.NotContains(t, string(alice.call("list_identities", `{}`).StructuredContent), "main")
}
