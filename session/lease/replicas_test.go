package lease_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/internal/token"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/session/lease"
	"ravi-mcp/session/redisstore"
)

// shared is what replicas have in common: a Redis, and the key that seals.
type shared struct {
	registry lease.Registry
	sealer   *token.Sealer
	down     atomic.Bool
	pace     time.Duration // of sweeps; 0: what they are
}

var registries atomic.Int64

// share opens a part of a Redis of its own, whose time is the bubble's.
func share(t testing.TB, redis *redistest.Server) *shared {
	store, err := redisstore.Open(redisstore.Config{
		URL: secret.New(redis.URL()), Prefix: fmt.Sprintf("simulation-%d:", registries.Add(1)), Now: time.Now, Timeout: time.Minute,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return &shared{registry: store, sealer: token.Random()}
}

// join makes a process a replica.
func (s *shared) join(p *process) {
	p.Registry, p.Sealer, p.Persistent = &crashingRegistry{Registry: s.registry, life: p.life, down: &s.down}, s.sealer, true
	if s.pace > 0 {
		p.SweepRegistryEvery(s.pace)
	}
}

// The same with replicas that share a Redis: whatever happens in whatever order, after the time to
// live no ephemeral identity is left, and no other identity is ever gone.
func TestLeasesOfReplicasInRandomOrder(t *testing.T) {
	redis := redistest.Start(t)
	for part := range 3 {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) { simulate(t, rt, part == 2, redis) })
		})
	}
}
