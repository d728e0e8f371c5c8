package harness

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// ModuleRoot returns the folder with go.mod, above the package under test.
func ModuleRoot(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	require.NoError(t, err)
	for !exists(filepath.Join(folder, "go.mod")) {
		require.NotEqual(t, folder, filepath.Dir(folder), "no go.mod above the test")
		folder = filepath.Dir(folder)
	}
	return folder
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Readme returns the text of README.md.
func Readme(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(ModuleRoot(t), "README.md"))
	require.NoError(t, err)
	return string(text)
}
