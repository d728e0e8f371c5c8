package cli_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/sandbox"
)

// leaseReplicas starts two replicas with one state directory, whose caller alice has a Ravi account
// of her own and whose caller carol has not.
func leaseReplicas(t *testing.T) (r *replicas, alice, carol *peer) {
	t.Helper()
	r = newReplicas(t, redistest.Start(t))
	second, err := r.ravi.Server.Account(sandbox.AccountConfig{Email: "second@example.com"})
	require.NoError(t, err)
	folder := writeConfig(t, map[string]any{"auth.json": args{"access_token": second.AccessToken, "refresh_token": second.RefreshToken}})
	env := r.environment()
	for range 2 {
		r.start(env, callerAt("alice", folder)+callerAt("carol", ""))
	}
	return r, &peer{replicas: r, caller: "alice"}, &peer{replicas: r, caller: "carol"}
}

// lease makes an ephemeral identity of the caller's.
func (p *peer) lease(at int, name string) {
	p.t.Helper()
	got := p.call(at, "create_identity", fmt.Sprintf(`{"name":%q,"ephemeral":true}`, name))
	require.Equal(p.t, "true", got.text("ephemeral"), got.body)
}

// Two replicas share the ephemeral identities of their callers. One is killed: the other puts off
// the end of what is used there, and deletes what is not when its time is over, with the account
// that it belongs to, also if Ravi is down at that moment, and nothing else (T7).
func TestReplicaReapsTheLeasesOfAKilledOne(t *testing.T) {
	t.Parallel()
	r, alice, carol := leaseReplicas(t)
	carol.create(0, "permanent")
	carol.lease(0, "used")
	carol.lease(0, "task")
	alice.create(0, "own-permanent")
	alice.lease(0, "own-task")
	r.all[0].Kill(t)
	for name, value := range redistest.Dump(t, r.redis) {
		for _, known := range []string{r.ravi.Account.AccessToken, "alice", "carol", "task", "permanent"} {
			assert.NotContains(t, name+value.Text, known)
		}
	}
	left := func(names ...string) {
		t.Helper()
		harness.Eventually(t, func() bool {
			assert.Subset(t, identityNames(r.ravi), names, "nothing else is ever gone")
			return len(identityNames(r.ravi)) == len(names)
		}, "%s", r.all[1])
	}

	redistest.AgeLeases(t, r.redis, 50*time.Minute)
	require.Empty(t, carol.call(1, "use_identity", `{"identity":"used"}`).code)
	r.ravi.Server.Faults().Add(sandbox.Fault{Method: "DELETE", Status: 503, Count: 3})
	redistest.AgeLeases(t, r.redis, 30*time.Minute)
	left("permanent", "used", "own-permanent")
	redistest.AgeLeases(t, r.redis, 40*time.Minute)
	left("permanent", "own-permanent")
	carol.lease(1, "task")
}

// While the Redis is away no ephemeral identity is made, as none could be noted.
func TestNoEphemeralIdentityWithoutTheStore(t *testing.T) {
	t.Parallel()
	r, _, carol := leaseReplicas(t)
	r.redis.Pause()
	for at := range 2 {
		assert.Equal(t, "unavailable", carol.call(at, "create_identity", `{"name":"task","ephemeral":true}`).code)
	}
	r.redis.Resume()
	assert.Empty(t, identityNames(r.ravi))
	harness.Eventually(t, func() bool {
		return carol.call(1, "create_identity", `{"name":"task","ephemeral":true}`).code == ""
	})
}
