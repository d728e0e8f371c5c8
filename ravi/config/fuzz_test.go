package config_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/ravi/config"
)

var fileSeeds = []string{`{}`, `{"access_token":"a","refresh_token":"r","expires_at":"2026-01-01T00:00:00Z"}`, `{"management_key":"ravi_mgmt_x"}`,
	`{"bound_access_token":"b"}`, `[]`, `null`, ` null `, `{"access_token":1}`, "\xff", `{"identity_uuid":"u"`, "", `{"a":1}{"b":2}`, `{"bound_access_token":"x"}`,
	`{"access_token":"a","identity_name":"${NAME}"}`}

// Whatever config.json and auth.json contain: a result, or a documented error.
func FuzzFiles(f *testing.F) {
	for _, s := range fileSeeds {
		f.Add(s, s)
	}
	m := newMachine(f)
	f.Fuzz(func(t *testing.T, conf, auth string) {
		m.t = t
		m.inHome("config.json", conf)
		m.inHome("auth.json", auth)
		var fe *config.FileError
		if c, err := m.sources().Credentials(); err == nil {
			assert.NotEmpty(t, c.Scheme)
		} else {
			assert.True(t, errors.Is(err, config.ErrNoCredentials) || errors.As(err, &fe))
		}
		if _, err := m.sources().Identity(); err != nil {
			assert.ErrorAs(t, err, &fe)
		}
	})
}

// Whatever the file contained: it has the new token afterwards, or it is as it was.
func FuzzUpdateTokens(f *testing.F) {
	for _, s := range fileSeeds {
		f.Add(s)
	}
	m := newMachine(f)
	f.Fuzz(func(t *testing.T, text string) {
		m.t = t
		path := m.inHome("auth.json", text)
		err := config.UpdateTokens(t.Context(), path, func(config.Credentials) (config.Tokens, error) { return pair("a2", "r2"), nil })
		if err != nil {
			assert.Equal(t, text, read(t, path))
			return
		}
		c, err := config.Sources{LookupEnv: func(string) (string, bool) { return "", false }, Home: filepath.Dir(filepath.Dir(path))}.Credentials()
		if assert.NoError(t, err) && c.Scheme == config.SchemeToken {
			assert.Equal(t, "a2", c.AccessToken.Reveal())
		}
	})
}
