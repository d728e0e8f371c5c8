package cli_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/session"
)

// With own, what a caller created at one replica is its own at the other, also after all replicas
// and their Redis were gone, and no other caller's.
func TestOwnHoldsAcrossReplicas(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always"))
	var callers string
	for name, identities := range map[string]string{"alice": `"own"`, "bob": `"own", "shared-*"`, "operator": `"*"`} {
		callers += fmt.Sprintf("[[caller]]\nname = %q\ntoken_sha256 = %q\nidentities = [%s]\n\n", name, session.HashToken(tokenOf(name)), identities)
	}
	for range 2 {
		r.start(r.environment(), callers)
	}
	alice, bob := &peer{replicas: r, caller: "alice"}, &peer{replicas: r, caller: "bob"}
	mine, theirs := alice.create(0, "main"), bob.create(1, "main")
	require.NotEqual(t, mine, theirs)
	check := func() {
		t.Helper()
		for at := range 2 {
			for _, own := range []struct {
				p          *peer
				uuid, none string
			}{{alice, mine, theirs}, {bob, theirs, mine}, {r.open("alice", at), mine, theirs}} {
				got := own.p.call(at, "list_identities", `{}`)
				assert.EqualValues(t, 1, got.result["total"], got.body)
				got = own.p.call(at, "get_identity", `{"identity":"main"}`)
				assert.Contains(t, got.text("identity"), own.uuid, got.body)
				for _, tool := range []string{"list_messages", "get_identity"} {
					assert.Empty(t, own.p.call(at, tool, fmt.Sprintf(`{"identity":%q}`, own.uuid)).code)
					assert.Equal(t, "identity_not_found", own.p.call(at, tool, fmt.Sprintf(`{"identity":%q}`, own.none)).code)
				}
			}
			all := (&peer{replicas: r, caller: "operator"}).call(at, "list_identities", `{}`)
			assert.EqualValues(t, 2, all.result["total"], all.body)
		}
	}
	check()
	for _, replica := range r.all {
		replica.Kill(t)
	}
	r.redis.Stop()
	r.redis.Restart()
	r.all = nil
	for range 2 {
		r.start(r.environment(), callers)
	}
	check()
	assert.Empty(t, alice.call(1, "delete_identity", fmt.Sprintf(`{"identity":%q}`, mine)).code)
	assert.Equal(t, "identity_not_found", alice.call(0, "get_identity", `{"identity":"main"}`).code)
}
