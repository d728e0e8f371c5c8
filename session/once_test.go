package session_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/session"
)

func TestOnlyOneUseIsTheFirst(t *testing.T) {
	t.Parallel()
	memory := &session.Memory{}
	dir := filepath.Join(t.TempDir(), "used")
	for name, store := range map[string]func() *session.Memory{
		"memory": func() *session.Memory { return memory },
		"folder": func() *session.Memory { return &session.Memory{Marks: marks(t, dir)} }, // of another process
	} {
		var firsts atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				first, err := store().UseOnce(t.Context(), "k", time.Minute)
				assert.NoError(t, err)
				if first {
					firsts.Add(1)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, firsts.Load(), name)
	}
}

func marks(t *testing.T, dir string) *session.MarkFiles {
	t.Helper()
	m, err := session.OpenMarkFiles(dir)
	require.NoError(t, err)
	return m
}

// fill makes n marks that are an age old.
func fill(t *testing.T, dir string, n int, age time.Duration) {
	t.Helper()
	made := time.Now().Add(-age)
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("%s-%d", age, i))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Chtimes(path, made, made))
	}
}

func TestMarksInAFolderAreSwept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "used")
	store := &session.Memory{Marks: marks(t, dir)}
	use := func(key string, ttl time.Duration) (bool, error) { return store.UseOnce(t.Context(), key, ttl) }
	first, err := use("k", time.Hour)
	require.NoError(t, err)
	require.True(t, first)
	fill(t, dir, 100, 59*time.Minute)
	fill(t, dir, 100, 58*time.Minute)
	store.Now = func() time.Time { return time.Now().Add(90 * time.Second) }
	first, err = use("k", time.Hour)
	require.NoError(t, err)
	assert.False(t, first)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 102, "two of this test, and those that are not an hour old then")
	for _, entry := range left {
		info, err := entry.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Size())
	}

	_, err = use("long", time.Hour+1)
	assert.Error(t, err, "it would be swept too early")
}

// Where a mark cannot be made, nothing counts as used for the first time.
func TestFolderWithoutRoomForMarks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "used")
	store := &session.Memory{Marks: marks(t, dir)}
	require.NoError(t, os.RemoveAll(dir)) // as an operator may do
	first, err := store.UseOnce(t.Context(), "k", time.Minute)
	require.NoError(t, err, "the folder is made anew")
	assert.True(t, first)
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	first, err = store.UseOnce(t.Context(), "another", time.Minute)
	assert.False(t, first)
	assert.True(t, fault.Has(err, fault.Unavailable), "%v", err)
	_, err = session.OpenMarkFiles(dir)
	assert.Error(t, err)
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
