package session

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A folder has a bound, which holds for all processes, and marks make room when their time is over.
func TestFullFolderRefusesAndForgetsNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "used")
	a, err := OpenMarkFiles(dir)
	require.NoError(t, err)
	a.max = 10
	for i := range 9 { // one was made when it was opened
		first, err := a.mark(strconv.Itoa(i), time.Now())
		require.NoError(t, err)
		require.True(t, first)
	}
	b := &MarkFiles{dir: dir, max: 10}
	for _, m := range []*MarkFiles{a, b} {
		for _, key := range []string{"one more", "0"} {
			first, err := m.mark(key, time.Now())
			assert.ErrorIs(t, err, errTooManyMarks)
			assert.False(t, first)
		}
	}
	first, err := b.mark("one more", time.Now().Add(markLife+time.Second))
	require.NoError(t, err)
	assert.True(t, first)
}
