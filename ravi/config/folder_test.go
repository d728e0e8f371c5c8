package config_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi/config"
)

// A folder that is named is the whole truth: neither the environment nor the home directory stands
// in for it.
func TestNamedFolderIsTheOnlySource(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.env[config.EnvAPIKey] = "ravi_mgmt_of-the-environment"
	m.env[config.EnvConfigDir] = filepath.Join(m.home, ".ravi")
	m.env[config.EnvBaseURL] = "https://ravi.example"
	m.inHome("auth.json", `{"access_token":"of-the-home"}`)
	folder := t.TempDir()
	_, err := m.sources().Folder(folder)
	require.ErrorIs(t, err, config.ErrNoCredentials)
	_, err = m.sources().Folder(filepath.Join(folder, "none"))
	require.ErrorIs(t, err, config.ErrNoCredentials)

	file := write(t, filepath.Join(folder, "auth.json"), `{"access_token":"of-the-folder"}`, 0o600)
	c, err := m.sources().Folder(folder)
	require.NoError(t, err)
	assert.Equal(t, "of-the-folder", c.AccessToken.Reveal())
	assert.Equal(t, file, c.AuthFile, "a rotated token goes back to where it came from")
	assert.Equal(t, "https://ravi.example", c.BaseURL)

	write(t, file, `{"access_token":"of-the-folder"}`, 0o644)
	_, err = m.sources().Folder(folder)
	require.ErrorIs(t, err, config.ErrPermissions)
	write(t, file, `{"access_token":`, 0o600)
	_, err = m.sources().Folder(folder)
	require.ErrorIs(t, err, config.ErrInvalidFile)
}
