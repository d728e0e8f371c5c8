package redisstore_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/session"
)

func TestFoundMessagesAreKnownForTwoMinutes(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, fresh func(func() time.Time) session.Store) {
		ctx, clock := t.Context(), newClock()
		store := fresh(clock.Now)
		mine, other := session.Key{Caller: "a", Session: "1"}, session.Key{Caller: "b", Session: "1"}
		recent := func(key session.Key, identity string) (ids []string) {
			found, err := store.RecentlyFound(ctx, key, identity)
			require.NoError(t, err)
			for _, f := range found {
				ids = append(ids, f.MessageID)
			}
			return ids
		}
		assert.Empty(t, recent(mine, "x"))
		require.NoError(t, store.RecordFound(ctx, mine, "x", "email:7"))
		clock.advance(time.Minute)
		require.NoError(t, store.RecordFound(ctx, mine, "x", "sms:8", "sms:9"))
		require.NoError(t, store.RecordFound(ctx, mine, "y", "sms:1"))
		found, err := store.RecentlyFound(ctx, mine, "x")
		require.NoError(t, err)
		require.Len(t, found, 3)
		assert.Equal(t, "email:7", found[2].MessageID)
		assert.True(t, found[2].At.Equal(newClock().Now()))
		assert.Equal(t, []string{"sms:1"}, recent(mine, "y"), "an identity has its own")
		assert.Empty(t, recent(other, "x"), "and so has a session")

		clock.advance(time.Minute)
		assert.ElementsMatch(t, []string{"sms:8", "sms:9"}, recent(mine, "x"))
		require.NoError(t, store.RecordFound(ctx, mine, "x", "sms:8"))
		clock.advance(time.Minute)
		assert.Equal(t, []string{"sms:8"}, recent(mine, "x"), "found again, it counts from then on")
		clock.advance(time.Minute)
		assert.Empty(t, recent(mine, "x"))
	})
}

func TestFoundMessagesAreBounded(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, fresh func(func() time.Time) session.Store) {
		ctx, clock := context.Background(), newClock()
		store, key := fresh(clock.Now), session.Key{Caller: "a", Session: "1"}
		var ids []string
		for i := range 2 * session.MaxFound {
			ids = append(ids, fmt.Sprintf("sms:%d", i))
			require.NoError(t, store.RecordFound(ctx, key, "x", ids[i]))
			clock.advance(time.Millisecond)
		}
		found, err := store.RecentlyFound(ctx, key, "x")
		require.NoError(t, err)
		slices.Reverse(ids)
		require.Len(t, found, session.MaxFound)
		for i, f := range found {
			assert.Equal(t, ids[i], f.MessageID)
		}
	})
}
