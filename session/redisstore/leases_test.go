package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/session/lease"
	"ravi-mcp/session/redisstore"
)

// registry opens an empty registry of leases with a clock of its own.
func registry(t *testing.T) (*redisstore.Store, *clock) {
	t.Helper()
	c := newClock()
	return open(t, redistest.Start(t), func(cfg *redisstore.Config) { cfg.Now, cfg.Timeout = c.Now, patience }), c
}

func leaseOf(id, uuid string) lease.Entry {
	return lease.Entry{ID: id, Name: "task", UUID: uuid, Caller: "alice", Credential: "k", TTL: time.Minute, Data: "sealed " + id}
}

func take(t *testing.T, s *redisstore.Store, credentials ...string) []lease.Entry {
	t.Helper()
	taken, err := s.Take(t.Context(), credentials, time.Minute, 10)
	require.NoError(t, err)
	return taken
}

// A replica that took a lease and then hung may wake up late: what it does then neither ends a
// lease nor undoes what others did.
func TestHungReplicaChangesNothingLate(t *testing.T) {
	t.Parallel()
	s, clock := registry(t)
	ctx := t.Context()
	require.NoError(t, s.Add(ctx, leaseOf("1", ""), time.Minute))
	assert.Empty(t, take(t, s, "k"), "not due")
	clock.advance(time.Minute)
	hung := take(t, s, "k")
	require.Len(t, hung, 1)
	assert.Equal(t, lease.Entry{ID: "1", TTL: time.Minute, Data: "sealed 1", Fence: 1, Age: time.Minute}, hung[0])
	assert.Empty(t, take(t, s, "k"), "one has it")

	clock.advance(time.Minute)
	next := take(t, s, "k")
	require.Len(t, next, 1)
	found := leaseOf("1", "u")
	found.Fence = next[0].Fence
	kept, err := s.Update(ctx, found, time.Hour)
	require.NoError(t, err)
	require.True(t, kept)
	for range 2 { // the hung one wakes up
		holds, err := s.Holds(ctx, "1", hung[0].Fence)
		require.NoError(t, err)
		assert.False(t, holds)
		require.NoError(t, s.Drop(ctx, "1", hung[0].Fence))
		kept, err := s.Update(ctx, hung[0], 0)
		require.NoError(t, err)
		assert.False(t, kept)
	}
	assert.Empty(t, take(t, s, "k"))
	leased, err := s.Leased(ctx, "u")
	require.NoError(t, err)
	assert.True(t, leased)

	require.NoError(t, s.DropIdentity(ctx, "u"))
	holds, err := s.Holds(ctx, "1", found.Fence)
	require.NoError(t, err)
	assert.False(t, holds, "it was deleted meanwhile")
	kept, err = s.Update(ctx, found, 0)
	require.NoError(t, err)
	assert.False(t, kept, "what is gone does not come back")
}

// A use renews the lease of its own caller, also when it is reported late, as long as no replica
// has taken the lease: from then on the deletion may be on its way.
func TestLeaseIsRenewedUntilTaken(t *testing.T) {
	t.Parallel()
	s, clock := registry(t)
	ctx := t.Context()
	require.NoError(t, s.Add(ctx, leaseOf("1", "u"), time.Minute))
	for range 3 {
		clock.advance(50 * time.Second)
		require.NoError(t, s.Renew(ctx, "alice", "u", 0, 5*time.Second))
		assert.Empty(t, take(t, s, "k"))
	}
	clock.advance(2 * time.Minute) // it is over, but no replica has come
	require.NoError(t, s.Renew(ctx, "alice", "u", time.Minute, 5*time.Second))
	require.NoError(t, s.Renew(ctx, "alice", "u", 2*time.Minute, 0)) // an older use changes nothing
	assert.Empty(t, take(t, s, "k"), "used a minute ago")
	require.NoError(t, s.Renew(ctx, "bob", "u", 0, 0))
	clock.advance(5 * time.Second)
	taken := take(t, s, "k")
	require.Len(t, taken, 1, "bob's use does not count")
	require.NoError(t, s.Renew(ctx, "alice", "u", 0, 24*time.Hour))
	failed := leaseOf("1", "u")
	failed.Fence = taken[0].Fence
	kept, err := s.Update(ctx, failed, time.Minute) // the deletion failed
	require.NoError(t, err)
	require.True(t, kept)
	require.NoError(t, s.Renew(ctx, "alice", "u", 0, 24*time.Hour))
	clock.advance(time.Minute)
	assert.Len(t, take(t, s, "k"), 1)
}

// Each credential has its own leases, and the answer to who has which name.
func TestLeasesAreFoundByCredentialAndName(t *testing.T) {
	t.Parallel()
	s, clock := registry(t)
	ctx := t.Context()
	other := leaseOf("2", "v")
	other.Credential = "other"
	require.NoError(t, s.Add(ctx, leaseOf("1", ""), 0))
	require.NoError(t, s.Add(ctx, other, 0))
	again := leaseOf("1", "u")
	require.NoError(t, s.Add(ctx, again, 0)) // sent twice, because its answer was lost
	clock.advance(time.Second)
	named, err := s.Named(ctx, "k", "task")
	require.NoError(t, err)
	assert.Equal(t, []lease.Entry{{ID: "1", TTL: time.Minute, Data: "sealed 1", Age: time.Second}}, named)
	named, err = s.Named(ctx, "k", "tas")
	require.NoError(t, err)
	assert.Empty(t, named)
	leased, err := s.Leased(ctx, "u")
	require.NoError(t, err)
	assert.False(t, leased)

	assert.Empty(t, take(t, s, "unknown"))
	assert.Empty(t, take(t, s))
	assert.Len(t, take(t, s, "unknown", "k"), 1)
	assert.Len(t, take(t, s, "k", "other"), 1)
	for n := range 30 {
		require.NoError(t, s.Add(ctx, leaseOf(fmt.Sprint("many-", n), fmt.Sprint("many-", n)), 0))
	}
	seen := map[string]bool{}
	for range 3 {
		for _, e := range take(t, s, "k") {
			seen[e.ID] = true
		}
	}
	assert.Len(t, seen, 30, "ten at a time")
}
