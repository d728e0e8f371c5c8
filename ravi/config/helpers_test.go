package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi/config"
)

// machine is a user's home, a project directory and an environment.
type machine struct {
	t        testing.TB
	home     string
	project  string
	env      map[string]string
	trust    bool
	warnings []string
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	return &machine{t: t, home: t.TempDir(), project: t.TempDir(), env: map[string]string{}}
}

func (m *machine) sources() config.Sources {
	return config.Sources{
		LookupEnv:    func(name string) (string, bool) { v, set := m.env[name]; return v, set },
		Home:         m.home,
		WorkDir:      m.project,
		TrustProject: m.trust,
		Warn:         func(message string) { m.warnings = append(m.warnings, message) },
	}
}

// inHome writes a file of ~/.ravi as 0600 and returns its path.
func (m *machine) inHome(name, text string) string {
	return write(m.t, filepath.Join(m.home, ".ravi", name), text, 0o600)
}

// inProject writes a file of the project's .ravi as 0644, as git checks it out.
func (m *machine) inProject(name, text string) string {
	return write(m.t, filepath.Join(m.project, ".ravi", name), text, 0o644)
}

func write(t testing.TB, path, text string, mode os.FileMode) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}
