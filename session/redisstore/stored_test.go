package redisstore_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/session"
	"ravi-mcp/session/redisstore"
)

// openRaw opens an empty store under the prefix "p:" with a clock of its own, and gives the client
// of its Redis beside it.
func openRaw(t *testing.T) (*redisstore.Store, *redis.Client, *clock) {
	t.Helper()
	server, c := redistest.Start(t), newClock()
	s := open(t, server, func(cfg *redisstore.Config) {
		cfg.URL, cfg.Prefix, cfg.Now, cfg.Timeout = secret.New(server.URL()), "p:", c.Now, patience
	})
	raw := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = raw.Close() })
	return s, raw, c
}

func score(t *testing.T, raw *redis.Client, list, id string) float64 {
	t.Helper()
	at, err := raw.ZScore(t.Context(), list, id).Result()
	require.NoError(t, err)
	return at
}

// leaseLists are the names of the lists of leases by credential.
func leaseLists(t *testing.T, raw *redis.Client) []string {
	t.Helper()
	lists, err := raw.Keys(t.Context(), "p:leases:*").Result()
	require.NoError(t, err)
	require.NotEmpty(t, lists)
	return lists
}

func TestTakenLeaseIsNotRenewed(t *testing.T) {
	t.Parallel()
	for _, takenBy := range []string{"this version", "another version"} {
		t.Run(takenBy, func(t *testing.T) {
			t.Parallel()
			s, raw, clock := openRaw(t)
			ctx := t.Context()
			require.NoError(t, s.Add(ctx, leaseOf("1", "u"), time.Minute))
			clock.advance(time.Minute)
			if takenBy == "this version" {
				require.Len(t, take(t, s, "k"), 1)
				doomed, err := raw.HGet(ctx, "p:lease:1", "doomed").Result()
				require.NoError(t, err, "replicas of other versions look for this field")
				assert.Equal(t, "1", doomed)
			} else {
				require.NoError(t, raw.HSet(ctx, "p:lease:1", "fence", 1, "doomed", 1).Err())
			}
			list := leaseLists(t, raw)[0]
			before := score(t, raw, list, "1")
			require.NoError(t, s.Renew(ctx, "alice", "u", 0, 24*time.Hour))
			assert.InDelta(t, before, score(t, raw, list, "1"), 0)
		})
	}
}

// Names of keys and fields are shared with replicas of other versions, so none of them may change.
func TestStoredNamesStay(t *testing.T) {
	t.Parallel()
	s, raw, clock := openRaw(t)
	ctx := t.Context()
	require.NoError(t, s.Add(ctx, leaseOf("1", "u"), time.Minute))
	clock.advance(time.Minute)
	require.Len(t, take(t, s, "k"), 1)

	sessions := &redisstore.Sessions{Store: s}
	ended := raw.Subscribe(ctx, "p:ended")
	defer ended.Close()
	_, err := ended.Receive(ctx)
	require.NoError(t, err)
	over, err := sessions.Open(ctx, "alice")
	require.NoError(t, err)
	require.NoError(t, sessions.End(ctx, "alice", over))
	id, err := sessions.Open(ctx, "alice")
	require.NoError(t, err)
	require.NoError(t, sessions.Note(ctx, "alice", id, "word"))
	key := session.Key{Caller: "alice", Session: id}
	_, err = s.LearnDefault(ctx, key, "u")
	require.NoError(t, err)
	learn(t, s, key, "u")
	_, err = s.SwapCursor(ctx, key, "u", "", "cursor")
	require.NoError(t, err)
	require.NoError(t, s.RecordFound(ctx, key, "u", "sms:1"))
	require.NoError(t, s.RecordCreated(ctx, "alice", "u"))
	require.NoError(t, s.RecordOwner(ctx, session.Ownership{Caller: "alice", Identity: "u", Credential: "k"}))
	_, err = s.UseOnce(ctx, "k", time.Minute)
	require.NoError(t, err)
	unlock, err := s.Lock(ctx, "k", time.Minute)
	require.NoError(t, err)
	defer unlock()

	select {
	case m := <-ended.Channel():
		assert.Len(t, m.Payload, 22, "the hash of a session")
	case <-time.After(patience):
		assert.Fail(t, "the end of a session was not announced")
	}
	assert.Equal(t, map[string]string{
		"p:about:u":             "zset",
		"p:found:HASH":          "zset",
		"p:lease:1":             "born caller cred data doomed fence name ttl uuid",
		"p:leasename:HASH:HASH": "zset",
		"p:leaseof:u":           "string",
		"p:leases:HASH":         "zset",
		"p:lock:HASH":           "string",
		"p:made:u":              "HASH",
		"p:named:HASH":          "zset",
		"p:once:HASH":           "string",
		"p:order:HASH":          "zset",
		"p:owners:all":          "u",
		"p:session:HASH":        "note:word opened used",
		"p:sessions":            "zset",
		"p:sessions:HASH":       "zset",
		"p:state:HASH":          "c:u default identity sets",
	}, storedNames(t, raw))

	// The hashes stay as well: of the credential "k", the name "task" and the caller "alice".
	made, err := raw.HKeys(ctx, "p:made:u").Result()
	require.NoError(t, err)
	assert.Equal(t, []string{"K5ZxOneDi_avT78FGYH5CA"}, made)
	owner, err := raw.HGet(ctx, "p:owners:all", "u").Result()
	require.NoError(t, err)
	assert.Equal(t, "K5ZxOneDi_avT78FGYH5CA nC7kUPeWFuT94trEvglGuQ", owner)
	assert.Equal(t, []string{"p:leases:nC7kUPeWFuT94trEvglGuQ"}, leaseLists(t, raw))
	named, err := raw.Keys(ctx, "p:leasename:*").Result()
	require.NoError(t, err)
	assert.Equal(t, []string{"p:leasename:nC7kUPeWFuT94trEvglGuQ:vtrlytXuz6FV0xksaUHADQ"}, named)
}

var hashed = regexp.MustCompile(`[A-Za-z0-9_-]{22}`)

// storedNames returns the keys of a Redis, and with each its type, or the fields of a hash. HASH
// stands for the hash of a name.
func storedNames(t *testing.T, raw *redis.Client) map[string]string {
	t.Helper()
	ctx, names := t.Context(), map[string]string{}
	keys, err := raw.Keys(ctx, "*").Result()
	require.NoError(t, err)
	for _, key := range keys {
		kind, err := raw.Type(ctx, key).Result()
		require.NoError(t, err)
		if kind == "hash" {
			fields, err := raw.HGetAll(ctx, key).Result()
			require.NoError(t, err)
			kind = hashed.ReplaceAllString(strings.Join(slices.Sorted(maps.Keys(fields)), " "), "HASH")
		}
		name := hashed.ReplaceAllString(key, "HASH")
		require.NotContains(t, names, name, fmt.Sprint(keys))
		names[name] = kind
	}
	return names
}
