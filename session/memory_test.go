package session_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/session"
)

func TestSessionsOfTwoCallersShareNothingEvenUnderOneID(t *testing.T) {
	ctx := t.Context()
	var m session.Memory
	mine, theirs := session.Key{Caller: "a", Session: "1"}, session.Key{Caller: "b", Session: "1"}
	require.NoError(t, m.Bind(ctx, mine, "identity-a"))
	swap(t, &m, mine, "identity-a", "cursor-a")
	require.NoError(t, m.RecordCreated(ctx, "a", "identity-a"))

	bound, err := m.Binding(ctx, theirs)
	require.NoError(t, err)
	assert.Empty(t, bound)
	cursor, err := m.Cursor(ctx, theirs, "identity-a")
	require.NoError(t, err)
	assert.Empty(t, cursor)
	created, err := m.CreatedBy(ctx, "b", "identity-a")
	require.NoError(t, err)
	assert.False(t, created)
}

// swap moves a cursor that nobody else moves.
func swap(t *testing.T, m *session.Memory, key session.Key, identity, cursor string) {
	t.Helper()
	old, err := m.Cursor(t.Context(), key, identity)
	require.NoError(t, err)
	did, err := m.SwapCursor(t.Context(), key, identity, old, cursor)
	require.NoError(t, err)
	require.True(t, did)
}

func TestACreatorIsRememberedForThirtyDays(t *testing.T) {
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

func TestADeletedIdentityIsForgottenInEverySession(t *testing.T) {
	ctx := t.Context()
	var m session.Memory
	for i := range 3 {
		key := session.Key{Caller: "a", Session: fmt.Sprint(i)}
		require.NoError(t, m.Bind(ctx, key, "gone"))
		swap(t, &m, key, "gone", "c")
		swap(t, &m, key, "kept", "k")
	}
	require.NoError(t, m.RecordCreated(ctx, "a", "gone"))
	require.NoError(t, m.ForgetIdentity(ctx, "gone"))
	for i := range 3 {
		key := session.Key{Caller: "a", Session: fmt.Sprint(i)}
		bound, _ := m.Binding(ctx, key)
		gone, _ := m.Cursor(ctx, key, "gone")
		kept, _ := m.Cursor(ctx, key, "kept")
		assert.Equal(t, []string{"", "", "k"}, []string{bound, gone, kept})
	}
	created, _ := m.CreatedBy(ctx, "a", "gone")
	assert.False(t, created)
}

func TestASessionKeepsABoundedNumberOfCursors(t *testing.T) {
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

// The store against a model, over random histories of a few callers, sessions
// and identities.
func TestMemoryObeysItsContract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		var m session.Memory
		bound := map[session.Key]string{}
		cursors := map[session.Key]map[string]string{}
		key := rapid.Custom(func(t *rapid.T) session.Key {
			return session.Key{Caller: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "caller"), Session: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "session")}
		})
		identity := rapid.SampledFrom([]string{"x", "y", "z"})
		t.Repeat(map[string]func(*rapid.T){
			"bind": func(t *rapid.T) {
				k, i := key.Draw(t, "key"), identity.Draw(t, "identity")
				require.NoError(t, m.Bind(ctx, k, i))
				bound[k] = i
			},
			"bind if unbound": func(t *rapid.T) {
				k, i := key.Draw(t, "key"), identity.Draw(t, "identity")
				did, err := m.BindIfUnbound(ctx, k, i)
				require.NoError(t, err)
				require.Equal(t, bound[k] == "", did)
				if did {
					bound[k] = i
				}
			},
			"swap cursor": func(t *rapid.T) {
				k, i, c := key.Draw(t, "key"), identity.Draw(t, "identity"), rapid.StringN(1, 3, -1).Draw(t, "cursor")
				old := rapid.SampledFrom([]string{"", "a", cursors[k][i]}).Draw(t, "old")
				did, err := m.SwapCursor(ctx, k, i, old, c)
				require.NoError(t, err)
				require.Equal(t, old == cursors[k][i], did)
				if !did {
					return
				}
				if cursors[k] == nil {
					cursors[k] = map[string]string{}
				}
				cursors[k][i] = c
			},
			"end": func(t *rapid.T) {
				k := key.Draw(t, "key")
				require.NoError(t, m.EndSession(ctx, k))
				delete(bound, k)
				delete(cursors, k)
			},
			"forget": func(t *rapid.T) {
				i := identity.Draw(t, "identity")
				require.NoError(t, m.ForgetIdentity(ctx, i))
				for k := range bound {
					if bound[k] == i {
						delete(bound, k)
					}
				}
				for k := range cursors {
					delete(cursors[k], i)
				}
			},
			"": func(t *rapid.T) {
				k, i := key.Draw(t, "key"), identity.Draw(t, "identity")
				b, err := m.Binding(ctx, k)
				require.NoError(t, err)
				require.Equal(t, bound[k], b)
				c, err := m.Cursor(ctx, k, i)
				require.NoError(t, err)
				require.Equal(t, cursors[k][i], c)
			},
		})
	})
}
