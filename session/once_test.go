package session_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/session"
)

func TestOnlyOneUseIsTheFirst(t *testing.T) {
	t.Parallel()
	store := &session.Memory{}
	var firsts atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			first, err := store.UseOnce(t.Context(), "k", time.Minute)
			assert.NoError(t, err)
			if first {
				firsts.Add(1)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, firsts.Load())
}

func TestMarkLastsForItsTTL(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 6, 12, 0, 0, 0, time.UTC)
	store := &session.Memory{Now: func() time.Time { return now }}
	use := func() bool {
		first, err := store.UseOnce(t.Context(), "k", time.Minute)
		require.NoError(t, err)
		return first
	}
	require.True(t, use())
	now = now.Add(time.Minute - 1)
	require.False(t, use())
	now = now.Add(1)
	require.True(t, use())
}

func TestFullStoreRefusesAndForgetsNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 6, 12, 0, 0, 0, time.UTC)
	store := &session.Memory{Now: func() time.Time { return now }}
	for i := range 100_000 {
		first, err := store.UseOnce(t.Context(), strconv.Itoa(i), time.Hour)
		require.NoError(t, err)
		require.True(t, first)
	}
	_, err := store.UseOnce(t.Context(), "one more", time.Hour)
	require.Error(t, err)
	first, err := store.UseOnce(t.Context(), "0", time.Hour)
	require.NoError(t, err)
	require.False(t, first)

	now = now.Add(time.Hour)
	first, err = store.UseOnce(t.Context(), "one more", time.Hour)
	require.NoError(t, err)
	require.True(t, first, "expired marks make room")
}
