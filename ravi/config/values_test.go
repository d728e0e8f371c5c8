package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi/config"
)

// unfinished are values that cannot be meant, by what the error has to say of them.
var unfinished = map[string]string{
	"${CANARY}": "${...}", "${env:CANARY}": "${...}", "${input:canary}": "${...}", "x${CANARY}": "${...}", "${CANARY:-": "${...}",
	"$CANARY": "$NAME", "$env:CANARY": "$NAME", "%CANARY%": "%NAME%", "{{ canary }}": "{{...}}", "#{CANARY}": "#{...}",
	"$(cat canary)": "$(...)", "<your canary>": "<...>", `"canary"`: "quotation marks", "'canary'": "quotation marks", "“canary”": "quotation marks",
	"env:CANARY": "env:NAME", "process.env.CANARY": "program", `os.environ["CANARY"]`: "program", "import.meta.env.CANARY": "program",
	"__CANARY__": "__NAME__", "@CANARY@": "__NAME__", "[[canary]]": "__NAME__", "%%CANARY%%": "%NAME%",
	"undefined": "undefined", "null": "null", "can\nary": "line break",
}

// unfinishedTokens are such values of keys and tokens only.
var unfinishedTokens = map[string]string{
	"Bearer canary": "Bearer", "bearer canary": "Bearer", "can ary": "space", "op://canary/item/field": "reference",
	"keychain:canary": "reference", "vault:secret/canary#key": "reference", `C:\canary\token`: "reference", "/run/secrets/canary": "name of a file",
	"/Users/a/canary.txt": "name of a file", "./canary": "name of a file", "../canary/token": "name of a file", "CANARY_API_KEY": "name of a variable",
	"canäry": "characters", "...": "example", "your-canary-here": "example", "xxxxxxxx": "example", "RAVI_API_KEY": "its own name",
}

func TestUnfinishedCredentials(t *testing.T) {
	t.Parallel()
	for _, values := range []map[string]string{unfinished, unfinishedTokens} {
		for value, shape := range values {
			for _, name := range []string{config.EnvAPIKey, config.EnvAccessToken} {
				if value == "RAVI_API_KEY" && name != value {
					continue
				}
				m := newMachine(t)
				m.inHome("auth.json", `{"access_token": "of-another-account"}`)
				m.env[name] = value
				_, err := m.sources().Credentials()
				var bad *config.ValueError
				require.ErrorAs(t, err, &bad, value)
				assert.Equal(t, name, bad.Name)
				assert.Contains(t, bad.Shape, shape, value)
				assert.NotContains(t, err.Error(), "anary", value)
				assert.NotContains(t, err.Error(), "ANARY", value)
			}
		}
	}
	for _, good := range []string{"ravi_mgmt_0aZ-_9", "eyJh.eyJz-_.c2ln", "a+b/c==", "not-a-token-CANARY",
		"/aB3+x9/Zk0==", "/9j/4AAQSkZJRg==", "__a", "AZ_09"} {
		require.NoError(t, config.CheckToken("t", good), good)
	}
	for _, good := range []string{"research agent", "amber@ravi.id", "env: staging", "/run/secrets/ravi", "A_KEY", "__init", "team:amber", "c:/agents", "cash$", "100% sure", "nil", "/srv/a$b/.ravi", `C:\agents\a`} {
		require.NoError(t, config.CheckText("t", good), good)
	}
}

// The fields of the files are looked at as well: a file is a template as often as an environment.
func TestUnfinishedFields(t *testing.T) {
	t.Parallel()
	for field, file := range map[string]string{
		"management_key": "config.json", "identity_key": "config.json", "bound_access_token": "config.json", "identity_uuid": "config.json",
		"identity_name": "config.json", "access_token": "auth.json", "refresh_token": "auth.json", "private_key": "auth.json", "pin_salt": "auth.json",
	} {
		m := newMachine(t)
		path := m.inHome(file, `{"`+field+`": "${CANARY}"}`)
		_, err := m.sources().Credentials()
		require.ErrorIs(t, err, config.ErrInvalidFile, field)
		require.ErrorIs(t, err, config.ErrInvalidValue, field)
		assert.ErrorContains(t, err, path+": the field "+field+" has the shape ${...}")
		assert.NotContains(t, err.Error(), "CANARY")

		require.NoError(t, config.Save(t.Context(), filepath.Dir(path), config.Credentials{Scheme: config.SchemeToken, IdentityUUID: "u", IdentityName: "n"}),
			"a login replaces what was left unfinished")
	}
}

func TestUnfinishedBaseURL(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.env[config.EnvAPIKey] = "ravi_mgmt_1"
	m.env[config.EnvBaseURL] = "https://${CANARY}"
	_, err := m.sources().Credentials()
	require.ErrorIs(t, err, config.ErrInvalidValue)
	assert.NotContains(t, err.Error(), "CANARY")
}

// RAVI_CONFIG_DIR decides alone: where it says nothing, neither another account nor another
// identity stands in for it.
func TestConfigDirDecidesAlone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := write(t, filepath.Join(folder, "file"), "", 0o600)
	useless := t.TempDir()
	write(t, filepath.Join(useless, "config.json"), `{}`, 0o600)
	write(t, filepath.Join(useless, "auth.json"), `{"public_key": "k"}`, 0o600)
	for dir, says := range map[string]string{
		filepath.Join(folder, "typo"): "does not exist", file: "is no folder", t.TempDir(): "has no file that counts", useless: "has no file that counts",
	} {
		for _, variable := range []string{"", config.EnvAPIKey, config.EnvAccessToken} {
			m := newMachine(t)
			m.inHome("auth.json", `{"access_token": "of-another-account"}`)
			m.inHome("config.json", `{"identity_uuid": "another"}`)
			m.inProject("config.json", `{"identity_uuid": "another"}`)
			m.env[config.EnvConfigDir] = dir
			if variable != "" {
				m.env[variable] = "of-another-account"
			}
			_, err := m.sources().Credentials()
			require.ErrorIs(t, err, config.ErrConfigDir, variable)
			assert.ErrorContains(t, err, dir+": named by RAVI_CONFIG_DIR, "+says)
			_, err = m.sources().Identity()
			require.ErrorIs(t, err, config.ErrConfigDir)
			assert.ErrorContains(t, err, dir)
		}
	}
	for _, dir := range []string{"", " ", "${CANARY}/x", "$HOME/.ravi", "~/.ravi", "%USERPROFILE%\\.ravi"} {
		m := newMachine(t)
		m.inHome("auth.json", `{"access_token": "of-another-account"}`)
		m.env[config.EnvConfigDir] = dir
		_, err := m.sources().Credentials()
		require.ErrorIs(t, err, config.ErrInvalidValue, dir)
		_, err = m.sources().Identity()
		require.ErrorIs(t, err, config.ErrInvalidValue, dir)
		_, err = m.sources().LoginDir()
		require.ErrorIs(t, err, config.ErrInvalidValue, "a login makes no folder of that name: %s", dir)
	}
}

// A variable with a credential wins over the files of a folder that can be used, and over nothing
// else: the identity comes from the folder.
func TestCredentialOfVariableInConfigDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := newMachine(t)
	m.inProject("config.json", `{"identity_uuid": "another"}`)
	m.env[config.EnvConfigDir], m.env[config.EnvAccessToken] = dir, "token"
	write(t, filepath.Join(dir, "config.json"), `{"identity_uuid": "of-the-folder"}`, 0o600)
	check := func() error {
		c, err := m.sources().Credentials()
		if err == nil {
			assert.Equal(t, config.EnvAccessToken, c.Source)
		}
		return err
	}
	require.NoError(t, check())
	file := write(t, filepath.Join(dir, "auth.json"), `{"access_token": "of-the-folder"}`, 0o600)
	require.NoError(t, check())
	ref, err := m.sources().Identity()
	require.NoError(t, err)
	assert.Equal(t, "of-the-folder", ref.UUID)
	require.NoError(t, os.Chmod(file, 0o644))
	require.ErrorIs(t, check(), config.ErrPermissions)
	write(t, file, `{`, 0o600)
	require.ErrorIs(t, check(), config.ErrInvalidFile)
}

// A relative folder depends on where a client starts the server, so that errors name the whole
// path.
func TestRelativeConfigDirIsNamedWhole(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.env[config.EnvConfigDir] = filepath.Join("dirs", "..", "dirs", "a")
	dir := filepath.Join(m.project, "dirs", "a")
	_, err := m.sources().Credentials()
	require.ErrorContains(t, err, dir+": named by RAVI_CONFIG_DIR, does not exist")
	where, err := m.sources().LoginDir()
	require.NoError(t, err)
	assert.Equal(t, dir, where)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	write(t, filepath.Join(dir, "auth.json"), `{"access_token": "of-the-folder"}`, 0o600)
	c, err := m.sources().Credentials()
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "auth.json")+" (RAVI_CONFIG_DIR)", c.Source)
}

// A login that comes after the start makes the folder, and the next look finds it.
func TestConfigDirMayAppearLater(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	dir := filepath.Join(t.TempDir(), "new", "folder")
	m.env[config.EnvConfigDir] = dir
	sources := m.sources()
	_, err := sources.Credentials()
	require.ErrorIs(t, err, config.ErrConfigDir)
	where, err := sources.LoginDir()
	require.NoError(t, err)
	assert.Equal(t, dir, where)
	require.NoError(t, config.Save(t.Context(), where, config.Credentials{Scheme: config.SchemeKey, ManagementKey: pair("ravi_mgmt_1", "").Access}))
	c, err := sources.Credentials()
	require.NoError(t, err)
	assert.Equal(t, "ravi_mgmt_1", c.ManagementKey.Reveal())
	assert.Equal(t, filepath.Join(dir, "config.json")+" (RAVI_CONFIG_DIR)", c.Source)
	_, err = sources.Identity()
	require.NoError(t, err, "the folder counts, and names no identity")
	require.NoError(t, os.RemoveAll(dir))
	_, err = sources.Credentials()
	require.ErrorIs(t, err, config.ErrConfigDir)
}

// A variable that is set and empty was meant to say which account, or which identity: no file that
// is there by itself takes its place.
func TestEmptyVariableIsNoOtherAccount(t *testing.T) {
	t.Parallel()
	for _, name := range []string{config.EnvAPIKey, config.EnvAccessToken} {
		m := newMachine(t)
		m.inHome("auth.json", `{"access_token": "of-another-account"}`)
		m.env[name] = ""
		_, err := m.sources().Credentials()
		require.ErrorIs(t, err, config.ErrInvalidValue)
		assert.ErrorContains(t, err, name+" is set and empty")
	}
	m := newMachine(t)
	m.env[config.EnvAPIKey], m.env[config.EnvAccessToken] = "", "token"
	c, err := m.sources().Credentials()
	require.NoError(t, err, "the other variable says which account")
	assert.Equal(t, config.EnvAccessToken, c.Source)

	m.env[config.EnvBaseURL] = " "
	_, err = m.sources().Credentials()
	require.ErrorIs(t, err, config.ErrInvalidValue, "a credential for another Ravi would go to the usual one")
	assert.ErrorContains(t, err, config.EnvBaseURL+" is set and empty")

	m.inHome("config.json", `{"identity_uuid": "another"}`)
	m.env[config.EnvIdentity] = ""
	_, err = m.sources().Identity()
	require.ErrorIs(t, err, config.ErrInvalidValue)
}
