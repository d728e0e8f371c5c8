package session_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/session"
)

func TestSessionBelongsToItsCaller(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	var s session.Sessions
	id, err := s.Open(ctx, "alice")
	require.NoError(t, err)
	assert.Len(t, id, 43, "256 bits")

	require.ErrorIs(t, s.Enter(ctx, "bob", id), session.ErrNoSession)
	require.ErrorIs(t, s.End(ctx, "bob", id), session.ErrNoSession)
	s.Leave("bob", id)
	require.ErrorIs(t, s.Enter(ctx, "alice", strings.Repeat("A", 43)), session.ErrNoSession)
	assert.Equal(t, 1, s.Len(), "asking creates nothing")

	require.NoError(t, s.Enter(ctx, "alice", id))
	s.Leave("alice", id)
	require.NoError(t, s.End(ctx, "alice", id))
	require.ErrorIs(t, s.Enter(ctx, "alice", id), session.ErrNoSession)
	s.Leave("alice", id)
	assert.Zero(t, s.Len())
}

// T6, by the clock of a bubble: half an hour alone, or a day in any case.
func TestSessionEndsByTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var mu sync.Mutex
		ended := map[string]time.Time{}
		s := session.Sessions{OnEnd: func(key session.Key) {
			mu.Lock()
			defer mu.Unlock()
			ended[key.Session] = time.Now()
		}}
		var done sync.WaitGroup
		done.Go(func() { s.Run(ctx) })
		start := time.Now()
		idle, err := s.Open(ctx, "alice")
		require.NoError(t, err)
		busy, err := s.Open(ctx, "alice")
		require.NoError(t, err)
		require.NoError(t, s.Enter(ctx, "alice", busy), "a call that runs for very long")

		time.Sleep(29 * time.Minute)
		require.NoError(t, s.Enter(ctx, "alice", idle))
		s.Leave("alice", idle)
		time.Sleep(29 * time.Minute)
		assert.Equal(t, 2, s.Len(), "each request begins the time anew")
		time.Sleep(3 * time.Minute)
		assert.Equal(t, 1, s.Len(), "the other never ends while a call of it runs")
		mu.Lock()
		assert.Contains(t, ended, idle)
		mu.Unlock()

		time.Sleep(23*time.Hour - time.Since(start))
		require.NoError(t, s.Enter(ctx, "alice", busy))
		s.Leave("alice", busy)
		time.Sleep(time.Hour + 2*time.Minute)
		assert.Zero(t, s.Len(), "a day is the end, whatever runs")
		stop()
		done.Wait()
	})
}

func TestExpiredSessionIsGoneBeforeTheSweep(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := session.Sessions{Now: func() time.Time { return now }}
	id, err := s.Open(t.Context(), "alice")
	require.NoError(t, err)
	now = now.Add(session.DefaultIdle)
	require.ErrorIs(t, s.Enter(t.Context(), "alice", id), session.ErrNoSession)
	assert.Zero(t, s.Len())
}

func TestSessionLimitEvictsTheLongestIdle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	now := time.Now()
	var ended []session.Key
	s := session.Sessions{PerCaller: 3, Total: 5, Now: func() time.Time { return now }, OnEnd: func(k session.Key) { ended = append(ended, k) }}
	var ids []string
	for range 3 {
		id, err := s.Open(ctx, "alice")
		require.NoError(t, err)
		ids = append(ids, id)
		now = now.Add(time.Second)
	}
	_, err := s.Open(ctx, "alice")
	require.ErrorIs(t, err, session.ErrTooManySessions, "all were used just now")
	_, err = s.Open(ctx, "bob")
	require.NoError(t, err, "another caller has a limit of their own")

	require.NoError(t, s.Enter(ctx, "alice", ids[0]))
	s.Leave("alice", ids[0])
	require.NoError(t, s.Enter(ctx, "alice", ids[1]), "this one runs on")
	now = now.Add(2 * time.Minute)
	_, err = s.Open(ctx, "alice")
	require.NoError(t, err)
	assert.Equal(t, []session.Key{{Caller: "alice", Session: ids[2]}}, ended)

	_, err = s.Open(ctx, "bob")
	require.NoError(t, err)
	_, err = s.Open(ctx, "carol")
	require.ErrorIs(t, err, session.ErrTooManySessions, "all together have a limit as well, and no caller loses a session to another one")
}

func TestRemovedCallerLosesItsSessions(t *testing.T) {
	t.Parallel()
	var ended []session.Key
	s := session.Sessions{OnEnd: func(k session.Key) { ended = append(ended, k) }}
	for range 5 {
		_, err := s.Open(t.Context(), "alice")
		require.NoError(t, err)
	}
	_, err := s.Open(t.Context(), "bob")
	require.NoError(t, err)
	s.EndCaller("alice")
	s.EndCaller("unknown")
	assert.Len(t, ended, 5)
	assert.Equal(t, 1, s.Len())
}

// T6: 5,000 abandoned sessions leave nothing behind.
func TestAbandonedSessionsLeaveNothing(t *testing.T) {
	now := time.Now()
	var store session.Memory
	s := session.Sessions{Now: func() time.Time { return now }, OnEnd: func(k session.Key) {
		assert.NoError(t, store.EndSession(context.Background(), k))
	}}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	round := func() {
		for i := range 5000 {
			caller := fmt.Sprintf("caller-%d", i%7)
			id, err := s.Open(t.Context(), caller)
			require.NoError(t, err)
			key := session.Key{Caller: caller, Session: id}
			learn(t, &store, key, "identity")
			_, err = store.SwapCursor(t.Context(), key, "identity", "", strings.Repeat("c", 200))
			require.NoError(t, err)
		}
		now = now.Add(time.Hour)
		s.Sweep()
		require.Zero(t, s.Len())
	}
	round() // maps keep their size
	before := heap()
	round()
	assert.Less(t, int64(heap())-int64(before), int64(1<<20))
	runtime.KeepAlive(&store)
}

func TestSessionsUnderConcurrency(t *testing.T) {
	t.Parallel()
	var s session.Sessions
	ctx := t.Context()
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			caller := fmt.Sprintf("caller-%d", i%5)
			for range 100 {
				id, err := s.Open(ctx, caller)
				assert.NoError(t, err)
				assert.NoError(t, s.Enter(ctx, caller, id))
				assert.ErrorIs(t, s.Enter(ctx, "other", id), session.ErrNoSession)
				s.Sweep()
				s.Leave(caller, id)
				assert.NoError(t, s.End(ctx, caller, id))
			}
		})
	}
	wait.Wait()
	assert.Zero(t, s.Len())
}
