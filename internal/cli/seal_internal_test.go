package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// Processes that start at the same time agree on one key, and none of them ever sees half of it.
func TestOwnSealKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		o := options{stateDir: filepath.Join(t.TempDir(), "new")}
		keys := make([]string, 16)
		var all errgroup.Group
		for i := range keys {
			all.Go(func() error {
				key, _, err := o.ownSealKey()
				keys[i] = string(key)
				return err
			})
		}
		require.NoError(t, all.Wait())
		for _, key := range keys {
			assert.Equal(t, keys[0], key)
		}
		assert.NotNil(t, sealKey(keys[0][:len(keys[0])-1]), "a line")
		left, err := os.ReadDir(o.stateDir)
		require.NoError(t, err)
		assert.Len(t, left, 1, "the key, and nothing that went into it")
	}
}
