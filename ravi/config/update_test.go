package config_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
)

func pair(access, refresh string) config.Tokens {
	return config.Tokens{Access: secret.New(access), Refresh: secret.New(refresh)}
}

func TestUpdateReplacesOnlyTokens(t *testing.T) {
	t.Parallel()
	path := newMachine(t).inHome("auth.json", `{"access_token": "a1", "refresh_token": "r1", "expires_at": "2026-01-01T00:00:00Z", "private_key": "k<&>", "future": {"x": [1, 2]}}`)
	next := pair("a2", "r2")
	next.ExpiresAt = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	err := config.UpdateTokens(t.Context(), path, func(cur config.Credentials) (config.Tokens, error) {
		assert.Equal(t, "a1", cur.AccessToken.Reveal())
		assert.Equal(t, "r1", cur.RefreshToken.Reveal())
		return next, nil
	})
	require.NoError(t, err)
	assert.JSONEq(t, `{"access_token": "a2", "refresh_token": "r2", "expires_at": "2026-05-01T12:00:00Z", "private_key": "k<&>", "future": {"x": [1, 2]}}`, read(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = os.Stat(path + ".tmp")
	assert.ErrorIs(t, err, os.ErrNotExist, "no temporary file is left")
}

func TestUpdateRemovesUnknownExpiry(t *testing.T) {
	t.Parallel()
	path := newMachine(t).inHome("auth.json", `{"access_token": "a1", "refresh_token": "r1", "expires_at": "2026-01-01T00:00:00Z"}`)
	replace := func(next config.Tokens) {
		require.NoError(t, config.UpdateTokens(t.Context(), path, func(config.Credentials) (config.Tokens, error) { return next, nil }))
	}
	replace(pair("a2", ""))
	assert.JSONEq(t, `{"access_token": "a2", "refresh_token": "r1"}`, read(t, path), "a refresh token that does not rotate stays")
	next := pair("a3", "r3")
	next.ExpiresAt = time.Now()
	replace(next)
	assert.JSONEq(t, `{"access_token": "a3", "refresh_token": "r3"}`, read(t, path))
}

func TestUpdateOfBoundTokens(t *testing.T) {
	t.Parallel()
	path := newMachine(t).inHome("config.json", `{"identity_uuid": "u", "bound_access_token": "b1", "bound_refresh_token": "s1"}`)
	err := config.UpdateTokens(t.Context(), path, func(cur config.Credentials) (config.Tokens, error) {
		assert.Equal(t, "b1", cur.AccessToken.Reveal())
		assert.Equal(t, "u", cur.IdentityUUID)
		return pair("b2", "s2"), nil
	})
	require.NoError(t, err)
	assert.JSONEq(t, `{"identity_uuid": "u", "bound_access_token": "b2", "bound_refresh_token": "s2"}`, read(t, path))
}

func TestUpdateWithoutTokensWritesNothing(t *testing.T) {
	t.Parallel()
	const text = `{"access_token": "a1"}`
	path := newMachine(t).inHome("auth.json", text)
	require.NoError(t, config.UpdateTokens(t.Context(), path, func(config.Credentials) (config.Tokens, error) {
		return config.Tokens{}, nil
	}))
	boom := errors.New("boom")
	require.ErrorIs(t, config.UpdateTokens(t.Context(), path, func(config.Credentials) (config.Tokens, error) {
		return pair("a2", "r2"), boom
	}), boom)
	assert.Equal(t, text, read(t, path))
}

func TestUpdatesTakeTurns(t *testing.T) {
	t.Parallel()
	path := newMachine(t).inHome("auth.json", `{"access_token": "0", "refresh_token": "r"}`)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			err := config.UpdateTokens(t.Context(), path, func(cur config.Credentials) (config.Tokens, error) {
				var n int
				_, err := fmt.Sscan(cur.AccessToken.Reveal(), &n)
				return pair(fmt.Sprint(n+1), ""), err
			})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.JSONEq(t, `{"access_token": "20", "refresh_token": "r"}`, read(t, path))
}

func TestLockWaitEndsWithContext(t *testing.T) {
	t.Parallel()
	path := newMachine(t).inHome("auth.json", `{"access_token": "a"}`)
	held := flock.New(path + ".lock")
	require.NoError(t, held.Lock())
	defer held.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := config.UpdateTokens(ctx, path, func(config.Credentials) (config.Tokens, error) {
		t.Error("called without the lock")
		return config.Tokens{}, nil
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestUpdateRefusesUnsafeFiles(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	never := func(config.Credentials) (config.Tokens, error) {
		t.Error("must not be called")
		return config.Tokens{}, nil
	}
	path := m.inHome("auth.json", `{"access_token": "canary"}`)
	require.NoError(t, os.Chmod(path, 0o644))
	require.ErrorIs(t, config.UpdateTokens(t.Context(), path, never), config.ErrPermissions)
	m.inHome("auth.json", `{"access_token": canary}`)
	err := config.UpdateTokens(t.Context(), path, never)
	require.ErrorIs(t, err, config.ErrInvalidFile)
	assert.NotContains(t, err.Error(), "canary")
	require.NoError(t, os.Remove(path))
	require.ErrorIs(t, config.UpdateTokens(t.Context(), path, never), config.ErrInvalidFile)
}

func TestUpdateKeepsSymbolicLink(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	target := write(t, filepath.Join(t.TempDir(), "real"), `{"access_token": "a1"}`, 0o600)
	link := filepath.Join(m.home, "auth.json")
	require.NoError(t, os.Symlink(target, link))
	require.NoError(t, config.UpdateTokens(t.Context(), link, func(config.Credentials) (config.Tokens, error) { return pair("a2", "r2"), nil }))
	assert.JSONEq(t, `{"access_token": "a2", "refresh_token": "r2"}`, read(t, target))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink)
}

func TestUpdateReportsUnsavedTokens(t *testing.T) {
	t.Parallel()
	path := newMachine(t).inHome("auth.json", `{"access_token": "a1", "refresh_token": "r1"}`)
	// A directory in the place of the lock file: no lock, as on a read-only mount.
	require.NoError(t, os.MkdirAll(filepath.Join(path+".lock", "x"), 0o700))
	called := false
	err := config.UpdateTokens(t.Context(), path, func(config.Credentials) (config.Tokens, error) {
		called = true
		return pair("a2", "r2"), nil
	})
	require.ErrorIs(t, err, config.ErrNotSaved)
	assert.True(t, called)
	assert.Contains(t, read(t, path), "a1")
}

func TestLeftoversOfKilledProcess(t *testing.T) {
	t.Parallel()
	path := newMachine(t).inHome("auth.json", `{"access_token": "a1"}`)
	write(t, path+".tmp", `{"access_tok`, 0o600)
	require.NoError(t, config.UpdateTokens(t.Context(), path, func(config.Credentials) (config.Tokens, error) { return pair("a2", "r2"), nil }))
	assert.JSONEq(t, `{"access_token": "a2", "refresh_token": "r2"}`, read(t, path))
}

func TestSaveRoundTrip(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]config.Credentials{
		"tokens": {Scheme: config.SchemeToken, AccessToken: secret.New("a"), RefreshToken: secret.New("r"), PrivateKey: secret.New("p"),
			PublicKey: secret.New("q"), Salt: secret.New("s"), UserEmail: "me@example.com"},
		"keys": {Scheme: config.SchemeKey, ManagementKey: secret.New("ravi_mgmt_1"), IdentityKey: secret.New("ravi_id_1"),
			IdentityUUID: "u-1", IdentityName: "n", UserEmail: "me@example.com"},
		"bound": {Scheme: config.SchemeToken, Bound: true, AccessToken: secret.New("b"), RefreshToken: secret.New("s"), IdentityUUID: "u-1"},
	} {
		m := newMachine(t)
		dir := filepath.Join(m.home, ".ravi")
		require.NoError(t, config.Save(t.Context(), dir, c), name)
		got, err := m.sources().Credentials()
		require.NoError(t, err, name)
		got.AuthFile, got.Source = "", ""
		if name == "bound" {
			got.UserEmail = ""
		}
		assert.Equal(t, c, *got, name)
		info, err := os.Stat(dir)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	}
}

func TestSaveKeepsUnknownFields(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	path := m.inHome("config.json", `{"identity_uuid": "u-1", "theme": "dark"}`)
	c := config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New("ravi_mgmt_1")}
	require.NoError(t, config.Save(t.Context(), filepath.Dir(path), c))
	assert.JSONEq(t, `{"identity_uuid": "u-1", "theme": "dark", "management_key": "ravi_mgmt_1"}`, read(t, path))
	m.inHome("config.json", `{"identity_uuid"`)
	require.ErrorIs(t, config.Save(t.Context(), filepath.Dir(path), c), config.ErrInvalidFile)
	assert.Equal(t, `{"identity_uuid"`, read(t, path))
}

// What an earlier login left could be another account's: an old management key would win over the
// new tokens, and old keys would seal for another account.
func TestSaveRemovesOldCredential(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	dir := filepath.Join(m.home, ".ravi")
	old := config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New("ravi_mgmt_old"), IdentityKey: secret.New("ravi_id_old"), UserEmail: "old@example.com"}
	sealed := config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New("a1"), RefreshToken: secret.New("r1"),
		PrivateKey: secret.New("p1"), PublicKey: secret.New("q1"), Salt: secret.New("s1"), UserEmail: "sealed@example.com"}
	plain := config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New("a2"), RefreshToken: secret.New("r2"), UserEmail: "new@example.com"}
	for _, c := range []config.Credentials{old, sealed, plain} {
		require.NoError(t, config.Save(t.Context(), dir, c))
		got, err := m.sources().Credentials()
		require.NoError(t, err)
		got.AuthFile, got.Source = "", ""
		assert.Equal(t, c, *got)
	}
	require.NoError(t, config.Save(t.Context(), dir, old))
	assert.NotContains(t, read(t, filepath.Join(dir, "auth.json")), "a2")
}

func TestSaveKeysKeepsRotatedTokens(t *testing.T) {
	t.Parallel()
	path := newMachine(t).inHome("auth.json", `{"access_token": "rotated", "refresh_token": "r2", "theme": "dark"}`)
	require.NoError(t, config.SaveKeys(t.Context(), path, secret.New("p"), secret.New("q"), secret.New("s")))
	assert.JSONEq(t, `{"access_token": "rotated", "refresh_token": "r2", "theme": "dark", "private_key": "p", "public_key": "q", "pin_salt": "s"}`, read(t, path))
}
