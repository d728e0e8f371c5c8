package session_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/session"
)

func TestCallersWithOneSessionIDShareNothing(t *testing.T) {
	ctx := t.Context()
	var m session.Memory
	mine, theirs := session.Key{Caller: "a", Session: "1"}, session.Key{Caller: "b", Session: "1"}
	learn(t, &m, mine, "identity-a")
	swap(t, &m, mine, "identity-a", "cursor-a")
	require.NoError(t, m.RecordCreated(ctx, "a", "identity-a"))

	known, err := m.Known(ctx, theirs)
	require.NoError(t, err)
	assert.Empty(t, known)
	cursor, err := m.Cursor(ctx, theirs, "identity-a")
	require.NoError(t, err)
	assert.Empty(t, cursor)
	created, err := m.CreatedBy(ctx, "b", "identity-a")
	require.NoError(t, err)
	assert.False(t, created)
}

func learn(t *testing.T, s session.Store, key session.Key, identity string) {
	t.Helper()
	_, err := s.Learn(t.Context(), key, identity, "")
	require.NoError(t, err)
}

// swap moves a cursor that no other goroutine moves.
func swap(t *testing.T, m *session.Memory, key session.Key, identity, cursor string) {
	t.Helper()
	old, err := m.Cursor(t.Context(), key, identity)
	require.NoError(t, err)
	did, err := m.SwapCursor(t.Context(), key, identity, old, cursor)
	require.NoError(t, err)
	require.True(t, did)
}

func TestCreatorIsRememberedForThirtyDays(t *testing.T) {
	ctx := t.Context()
	now := time.Date(2026, 7, 28, 0, 0, 0, 0, time.UTC)
	m := session.Memory{Now: func() time.Time { return now }}
	require.NoError(t, m.RecordCreated(ctx, "a", "i"))
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{{30*24*time.Hour - time.Second, true}, {time.Second, false}} {
		now = now.Add(step.after)
		got, err := m.CreatedBy(ctx, "a", "i")
		require.NoError(t, err)
		assert.Equal(t, step.want, got)
	}
}

func TestDeletedIdentityIsForgottenEverywhere(t *testing.T) {
	ctx := t.Context()
	var m session.Memory
	for i := range 3 {
		key := session.Key{Caller: "a", Session: fmt.Sprint(i)}
		learn(t, &m, key, "gone")
		swap(t, &m, key, "gone", "c")
		swap(t, &m, key, "kept", "k")
	}
	require.NoError(t, m.RecordCreated(ctx, "a", "gone"))
	require.NoError(t, m.ForgetIdentity(ctx, "gone"))
	for i := range 3 {
		key := session.Key{Caller: "a", Session: fmt.Sprint(i)}
		known, _ := m.Known(ctx, key)
		gone, _ := m.Cursor(ctx, key, "gone")
		kept, _ := m.Cursor(ctx, key, "kept")
		assert.Equal(t, []string{"gone", "", "k"}, []string{known.Identity, gone, kept}, "that the session knew it stays")
	}
	created, _ := m.CreatedBy(ctx, "a", "gone")
	assert.False(t, created)
}

func TestCursorsOfASessionAreBounded(t *testing.T) {
	ctx := t.Context()
	var m session.Memory
	key := session.Key{Caller: "a", Session: "1"}
	for i := range 300 {
		swap(t, &m, key, fmt.Sprint(i), "c")
	}
	oldest, _ := m.Cursor(ctx, key, "0")
	newest, _ := m.Cursor(ctx, key, "299")
	assert.Empty(t, oldest)
	assert.Equal(t, "c", newest)
}
