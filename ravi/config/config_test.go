package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi/config"
)

func TestNoCredentials(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	_, err := m.sources().Credentials()
	require.ErrorIs(t, err, config.ErrNoCredentials)

	m.inHome("config.json", `{"identity_uuid": "u-1"}`)
	_, err = m.sources().Credentials()
	require.ErrorIs(t, err, config.ErrNoCredentials, "a file that only names an identity is no credential")
}

func TestCredentialPrecedence(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.inHome("auth.json", `{"access_token": "home-access", "refresh_token": "home-refresh", "expires_at": "2026-03-01T10:00:00Z"}`)
	c, err := m.sources().Credentials()
	require.NoError(t, err)
	assert.Equal(t, config.SchemeToken, c.Scheme)
	assert.Equal(t, "home-access", c.AccessToken.Reveal())
	assert.Equal(t, "home-refresh", c.RefreshToken.Reveal())
	assert.Equal(t, time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), c.ExpiresAt)
	assert.Equal(t, filepath.Join(m.home, ".ravi", "auth.json"), c.AuthFile)
	assert.Equal(t, "~/.ravi/auth.json", c.Source)

	dir := t.TempDir()
	m.env["RAVI_CONFIG_DIR"] = dir
	write(t, filepath.Join(dir, "config.json"), `{"identity_uuid": "u-1"}`, 0o644)
	c, err = m.sources().Credentials()
	require.NoError(t, err)
	assert.Equal(t, "home-access", c.AccessToken.Reveal(), "a directory that only names an identity leaves the login of the user")

	write(t, filepath.Join(dir, "config.json"), `{"management_key": "ravi_mgmt_1", "identity_key": "ravi_id_1", "identity_uuid": "u-1", "identity_name": "n"}`, 0o600)
	c, err = m.sources().Credentials()
	require.NoError(t, err)
	assert.Equal(t, config.SchemeKey, c.Scheme)
	assert.Equal(t, "ravi_mgmt_1", c.ManagementKey.Reveal())
	assert.Equal(t, "ravi_id_1", c.IdentityKey.Reveal())
	assert.Equal(t, "u-1", c.IdentityUUID)
	assert.Empty(t, c.AuthFile)

	m.env["RAVI_ACCESS_TOKEN"] = "env-access"
	c, err = m.sources().Credentials()
	require.NoError(t, err)
	assert.Equal(t, config.SchemeToken, c.Scheme)
	assert.Equal(t, "env-access", c.AccessToken.Reveal())
	assert.True(t, c.RefreshToken.Empty())
	assert.Empty(t, c.AuthFile, "a token of the environment is written nowhere")

	m.env["RAVI_API_KEY"] = "ravi_id_env"
	m.env["RAVI_BASE_URL"] = "https://ravi.test"
	c, err = m.sources().Credentials()
	require.NoError(t, err)
	assert.Equal(t, "ravi_id_env", c.IdentityKey.Reveal())
	assert.True(t, c.ManagementKey.Empty())
	assert.Equal(t, "https://ravi.test", c.BaseURL)
	assert.Equal(t, "RAVI_API_KEY", c.Source)
}

func TestAPIKeyInTokenVariable(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.env["RAVI_ACCESS_TOKEN"] = "ravi_mgmt_x"
	c, err := m.sources().Credentials()
	require.NoError(t, err)
	assert.Equal(t, config.SchemeKey, c.Scheme)
	assert.Equal(t, "ravi_mgmt_x", c.ManagementKey.Reveal())
	assert.True(t, c.AccessToken.Empty())
}

func TestBoundTokensOfEra2(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	conf := m.inHome("config.json", `{"bound_access_token": "b-access", "bound_refresh_token": "b-refresh", "identity_uuid": "u-1"}`)
	c, err := m.sources().Credentials()
	require.NoError(t, err)
	assert.True(t, c.Bound)
	assert.Equal(t, "b-access", c.AccessToken.Reveal())
	assert.Equal(t, "u-1", c.IdentityUUID)
	assert.Equal(t, conf, c.AuthFile)

	auth := m.inHome("auth.json", `{"access_token": "a", "refresh_token": "r", "private_key": "p", "public_key": "q", "pin_salt": "s", "plaintext_mode": true}`)
	c, err = m.sources().Credentials()
	require.NoError(t, err)
	assert.False(t, c.Bound)
	assert.Equal(t, "a", c.AccessToken.Reveal())
	assert.Equal(t, "b-access", c.BoundAccessToken.Reveal())
	assert.Equal(t, "b-refresh", c.BoundRefreshToken.Reveal())
	assert.Equal(t, auth, c.AuthFile)
	assert.Equal(t, conf, c.BoundFile)
	assert.Equal(t, "p", c.PrivateKey.Reveal())
	assert.True(t, c.Plaintext)
}

func TestKeysInAuthJSON(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.inHome("auth.json", `{"management_key": "ravi_mgmt_1", "access_token": "old"}`)
	c, err := m.sources().Credentials()
	require.NoError(t, err)
	assert.Equal(t, config.SchemeKey, c.Scheme)
	assert.Equal(t, "~/.ravi/auth.json", c.Source)
}

func TestProjectFileNamesIdentityOnly(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.inHome("auth.json", `{"access_token": "mine"}`)
	path := m.inProject("config.json", `{"identity_uuid": "u-2", "management_key": "ravi_mgmt_theirs"}`)

	c, err := m.sources().Credentials()
	require.NoError(t, err)
	assert.Equal(t, "mine", c.AccessToken.Reveal())
	require.Len(t, m.warnings, 1)
	assert.Contains(t, m.warnings[0], path)
	assert.NotContains(t, m.warnings[0], "theirs")

	ref, err := m.sources().Identity()
	require.NoError(t, err)
	assert.Equal(t, config.IdentityRef{UUID: "u-2", Path: path, Source: path}, ref)

	m.trust = true
	_, err = m.sources().Credentials()
	require.ErrorIs(t, err, config.ErrPermissions, "trusted, but readable by others")
	require.NoError(t, os.Chmod(path, 0o600))
	c, err = m.sources().Credentials()
	require.NoError(t, err)
	assert.Equal(t, "ravi_mgmt_theirs", c.ManagementKey.Reveal())
}

func TestHomeDirectoryIsNoProject(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.project = m.home
	m.inHome("config.json", `{"management_key": "ravi_mgmt_mine"}`)
	c, err := m.sources().Credentials()
	require.NoError(t, err)
	assert.Equal(t, "ravi_mgmt_mine", c.ManagementKey.Reveal())
	assert.Empty(t, m.warnings)
}

func TestHomeThatIsNoFolderHasNoFiles(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.home = filepath.Join(m.home, "file")
	require.NoError(t, os.WriteFile(m.home, nil, 0o600))
	ref, err := m.sources().Identity()
	require.NoError(t, err)
	assert.Zero(t, ref)
	_, err = m.sources().Credentials()
	assert.ErrorIs(t, err, config.ErrNoCredentials)
}

func TestIdentityLookup(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	ref, err := m.sources().Identity()
	require.NoError(t, err)
	assert.Zero(t, ref, "nothing names one")

	m.inHome("config.json", `{"identity_name": "global"}`)
	ref, err = m.sources().Identity()
	require.NoError(t, err)
	assert.Equal(t, "global", ref.Name)

	m.inProject("config.json", `{}`)
	ref, err = m.sources().Identity()
	require.NoError(t, err)
	assert.Equal(t, "global", ref.Name, "an empty file does not end the search")

	m.inProject("config.json", `{"identity_uuid": "u-project"}`)
	ref, err = m.sources().Identity()
	require.NoError(t, err)
	assert.Equal(t, "u-project", ref.UUID)

	m.env["RAVI_CONFIG_DIR"] = t.TempDir()
	write(t, filepath.Join(m.env["RAVI_CONFIG_DIR"], "auth.json"), `{"access_token": "a"}`, 0o600)
	ref, err = m.sources().Identity()
	require.NoError(t, err)
	assert.Zero(t, ref, "RAVI_CONFIG_DIR replaces all other places")
}

func TestBrokenFilesAreNamedNotQuoted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text         string
		line, column int
	}{
		"syntax":        {"{\n  \"identity_uuid\": canary\n}", 2, 20},
		"wrong type":    {"{\n\"identity_uuid\": {\"canary\": 1}}", 2, 18},
		"array":         {`["canary"]`, 1, 1},
		"secret object": {`{"management_key": ["canary"]}`, 0, 0},
		"empty":         {"", 0, 0},
		"cut":           {`{"identity_uuid": "canary`, 1, 25},
	} {
		m := newMachine(t)
		path := m.inProject("config.json", tc.text)
		_, err := m.sources().Identity()
		require.ErrorIs(t, err, config.ErrInvalidFile, name)
		var fe *config.FileError
		require.ErrorAs(t, err, &fe, name)
		assert.Equal(t, path, fe.Path, name)
		assert.Equal(t, tc.line, fe.Line, name)
		assert.Equal(t, tc.column, fe.Column, name)
		assert.Contains(t, err.Error(), path)
		assert.NotContains(t, err.Error(), "canary", name)

		m.inHome("config.json", tc.text)
		_, err = m.sources().Credentials()
		require.ErrorIs(t, err, config.ErrInvalidFile, name)
	}
}

func TestCredentialFileMustBePrivate(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o660} {
		m := newMachine(t)
		path := m.inHome("auth.json", `{"access_token": "canary"}`)
		require.NoError(t, os.Chmod(path, mode))
		_, err := m.sources().Credentials()
		require.ErrorIs(t, err, config.ErrPermissions, "%o", mode)
		assert.Contains(t, err.Error(), "chmod 600 "+path)
		assert.NotContains(t, err.Error(), "canary")
	}
}

func TestSymbolicLinks(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	private := t.TempDir()
	target := write(t, filepath.Join(private, "data"), `{"access_token": "a"}`, 0o600)
	require.NoError(t, os.MkdirAll(filepath.Join(m.home, ".ravi"), 0o700))
	require.NoError(t, os.Symlink(target, filepath.Join(m.home, ".ravi", "auth.json")))
	_, err := m.sources().Credentials()
	require.NoError(t, err, "a link into a private directory is how secrets are mounted")

	require.NoError(t, os.Chmod(private, 0o777))
	_, err = m.sources().Credentials()
	require.ErrorIs(t, err, config.ErrPermissions, "any user could put another file there")
}

func TestOddFilesAreRefused(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	require.NoError(t, os.MkdirAll(filepath.Join(m.home, ".ravi", "config.json"), 0o700))
	_, err := m.sources().Identity()
	require.ErrorIs(t, err, config.ErrInvalidFile, "a directory")

	m = newMachine(t)
	m.inHome("config.json", `{"x": "`+strings.Repeat("a", 1<<20)+`"}`)
	_, err = m.sources().Identity()
	require.ErrorIs(t, err, config.ErrInvalidFile, "too large")

	m = newMachine(t)
	m.inHome("auth.json", `{"access_token": "a", "expires_at": 12, "future_field": {"x": 1}}`)
	c, err := m.sources().Credentials()
	require.NoError(t, err, "an unknown field and an odd expiry do no harm")
	assert.True(t, c.ExpiresAt.IsZero())
}
