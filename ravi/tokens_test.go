package ravi_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

const refreshRoute = "/api/auth/token/refresh/"

// login saves an account's tokens into a home directory and reads them back.
func login(t testing.TB, home string, a *sandbox.Account) config.Credentials {
	t.Helper()
	require.NoError(t, config.Save(t.Context(), filepath.Join(home, ".ravi"), credentialsOf(a)))
	return found(t, home)
}

func found(t testing.TB, home string) config.Credentials {
	t.Helper()
	c, err := config.Sources{LookupEnv: func(string) (string, bool) { return "", false }, Home: home, WorkDir: home}.Credentials()
	require.NoError(t, err)
	return *c
}

func TestHeaderNamesIdentityOfEveryRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{})
	a, scopeA := w.identity(t, "a")
	b, scopeB := w.identity(t, "b")
	_, err := scopeA.Passwords(t.Context())
	require.NoError(t, err)
	_, err = scopeB.Passwords(t.Context())
	require.NoError(t, err)
	_, err = w.client.Identities(t.Context())
	require.NoError(t, err)
	var named []string
	for _, r := range w.Server.Requests() {
		named = append(named, r.Header.Get("X-Ravi-Identity"))
		assert.Empty(t, r.Query.Get("identity"))
	}
	assert.Equal(t, []string{"", "", a.UUID, b.UUID, ""}, named)
}

func TestExpiredTokenIsRefreshedAndSaved(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{})
	home := t.TempDir()
	c := newClient(t, i, login(t, home, i.Account))
	require.NoError(t, i.Server.ExpireAccess(i.Account.Email))
	id := c.CredentialID()
	_, err := c.Identities(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, i.Server.CountRequests("", refreshRoute))
	saved := found(t, home)
	assert.NotEqual(t, i.Account.AccessToken, saved.AccessToken.Reveal())
	assert.NotEqual(t, i.Account.RefreshToken, saved.RefreshToken.Reveal(), "rotated")
	assert.Equal(t, id, newClient(t, i, saved).CredentialID(), "the credential is still the same one")

	_, err = c.Identities(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, i.Server.CountRequests("", refreshRoute))

	i.Server.ClearRequests()
	require.NoError(t, i.Server.ExpireAccess(i.Account.Email))
	_, err = c.Identities(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, i.Server.CountRequests("", ""), "refused, refreshed, done: its own token in the file is not a new one")
}

// A token that lives for five minutes is not refreshed all the time.
func TestShortLivedTokenIsNotRefreshedEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := sandboxtest.Memory(t, sandbox.Config{TokenLife: 5 * time.Minute})
		c := newClient(t, i, credentialsOf(i.Account))
		for range 10 {
			_, err := c.Identities(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		assert.Equal(t, 1, i.Server.CountRequests("", refreshRoute))
		require.NoError(t, c.Close())
		require.NoError(t, i.Server.Close())
	})
}

func TestTokenIsRefreshedAheadOfExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := sandboxtest.Memory(t, sandbox.Config{TokenLife: time.Hour})
		c := newClient(t, i, credentialsOf(i.Account))
		list := func() {
			_, err := c.Identities(t.Context())
			require.NoError(t, err)
		}
		list()
		time.Sleep(54 * time.Minute)
		list()
		assert.Zero(t, i.Server.CountRequests("", refreshRoute))
		time.Sleep(2 * time.Minute)
		list()
		list()
		assert.Equal(t, 1, i.Server.CountRequests("", refreshRoute), "at five minutes before the hour, once")
		for _, r := range i.Server.Requests() {
			assert.NotEqual(t, 401, r.Status, "no request ever met an expired token")
		}
		require.NoError(t, c.Close())
		require.NoError(t, i.Server.Close())
	})
}

// A clock that is a day ahead must not make every token look expired.
func TestWrongClockCostsOneRefresh(t *testing.T) {
	t.Parallel()
	behind := func() time.Time { return time.Now().Add(-24 * time.Hour) }
	i := sandboxtest.Memory(t, sandbox.Config{Now: behind})
	c := newClient(t, i, credentialsOf(i.Account))
	for range 5 {
		_, err := c.Identities(t.Context())
		require.NoError(t, err)
	}
	assert.Equal(t, 1, i.Server.CountRequests("", refreshRoute))
}

func TestFailedEarlyRefreshIsNoError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := sandboxtest.Memory(t, sandbox.Config{TokenLife: time.Hour})
		c := newClient(t, i, credentialsOf(i.Account))
		i.Server.Faults().Add(sandbox.Fault{Endpoint: refreshRoute, Status: 500, Count: -1})
		time.Sleep(56 * time.Minute)
		for range 3 {
			_, err := c.Identities(t.Context())
			require.NoError(t, err, "the token is still good")
		}
		assert.Equal(t, 1, i.Server.CountRequests("", refreshRoute), "and it is not tried with every call")
		i.Server.Faults().Clear()
		time.Sleep(time.Minute)
		_, err := c.Identities(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, i.Server.CountRequests("", refreshRoute))
		require.NoError(t, c.Close())
		require.NoError(t, i.Server.Close())
	})
}

func TestEnvironmentTokenIsNotRefreshed(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{})
	c := newClient(t, i, config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(i.Account.AccessToken), Source: "RAVI_ACCESS_TOKEN"})
	require.NoError(t, i.Server.ExpireAccess(i.Account.Email))
	_, err := c.Identities(t.Context())
	require.ErrorIs(t, err, ravi.ErrTokenExpired)
	assert.Contains(t, err.Error(), "RAVI_ACCESS_TOKEN")
	assert.Contains(t, err.Error(), "list identities")
	assert.Zero(t, i.Server.CountRequests("", refreshRoute))
}

func TestRevokedRefreshTokenIsTriedOnce(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{})
	home := t.TempDir()
	c := newClient(t, i, login(t, home, i.Account))
	require.NoError(t, i.Server.RevokeTokens(i.Account.Email))
	for range 3 {
		_, err := c.Identities(t.Context())
		require.ErrorIs(t, err, ravi.ErrTokenExpired)
	}
	assert.Equal(t, 1, i.Server.CountRequests("", refreshRoute))

	// A new login is found without a restart.
	again, err := i.Server.Account(sandbox.AccountConfig{})
	require.NoError(t, err)
	login(t, home, again)
	_, err = c.Identities(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, i.Server.CountRequests("", refreshRoute))
}

func TestRefreshOfAnotherProcessIsUsed(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{})
	creds := login(t, t.TempDir(), i.Account)
	one, two := newClient(t, i, creds), newClient(t, i, creds)
	require.NoError(t, i.Server.ExpireAccess(i.Account.Email))
	for _, c := range []*ravi.Client{one, two} {
		_, err := c.Identities(t.Context())
		require.NoError(t, err)
	}
	assert.Equal(t, 1, i.Server.CountRequests("", refreshRoute))
}

func TestReadOnlyMountKeepsTokenInMemory(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{})
	creds := login(t, t.TempDir(), i.Account)
	// A directory in the place of the lock stands for a mount without writing, which root could
	// write all the same.
	require.NoError(t, os.RemoveAll(creds.AuthFile+".lock"))
	require.NoError(t, os.MkdirAll(filepath.Join(creds.AuthFile+".lock", "x"), 0o700))
	var log bytes.Buffer
	c, err := ravi.New(ravi.Config{Credentials: creds, BaseURL: i.URL, Transport: i.Client.Transport, Logger: zerolog.New(&log).Level(zerolog.WarnLevel)})
	require.NoError(t, err)
	defer c.Close()
	for range 3 {
		require.NoError(t, i.Server.ExpireAccess(i.Account.Email))
		_, err = c.Identities(t.Context())
		require.NoError(t, err)
	}
	assert.Equal(t, 3, i.Server.CountRequests("", refreshRoute), "each with the refresh token that only the memory has")
	assert.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), "one warning: %s", log.String())
	assert.NotContains(t, log.String(), i.Account.RefreshToken)
}

func TestFileThatBecamePublicIsNotUsed(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{})
	creds := login(t, t.TempDir(), i.Account)
	c := newClient(t, i, creds)
	require.NoError(t, os.Chmod(creds.AuthFile, 0o644))
	require.NoError(t, i.Server.ExpireAccess(i.Account.Email))
	_, err := c.Identities(t.Context())
	require.ErrorIs(t, err, ravi.ErrTokenExpired)
	require.ErrorIs(t, err, config.ErrPermissions)
	assert.Zero(t, i.Server.CountRequests("", refreshRoute))
}

func TestBoundTokenIsItsIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{})
	mine, _ := w.identity(t, "mine")
	other, _ := w.identity(t, "other")
	tokens, err := w.client.BindIdentity(t.Context(), mine.UUID)
	require.NoError(t, err)
	bound := config.Credentials{Scheme: config.SchemeToken, AccessToken: tokens.Access, RefreshToken: tokens.Refresh, Bound: true}

	c := newClient(t, w.Instance, bound)
	uuid, ok := c.Bound()
	assert.True(t, ok)
	assert.Equal(t, mine.UUID, uuid, "the token says whose it is")
	_, err = c.Scope(mine.UUID).Passwords(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "bound", lastKind(w.Server))
	all := w.Server.Requests()
	assert.Empty(t, all[len(all)-1].Header.Get("X-Ravi-Identity"), "era 2 sends no header")
	_, err = c.Scope(other.UUID).Passwords(t.Context())
	require.ErrorIs(t, err, ravi.ErrWrongIdentity)
	_, err = c.Identities(t.Context())
	require.ErrorIs(t, err, ravi.ErrForbidden)
	id, err := c.Identity(t.Context(), mine.UUID)
	require.NoError(t, err)
	assert.Equal(t, mine.Inbox, id.Inbox)

	// Beside an unbound pair it serves its identity, the other serves the rest.
	both := credentialsOf(w.Account)
	both.BoundAccessToken, both.BoundRefreshToken, both.IdentityUUID = tokens.Access, tokens.Refresh, mine.UUID
	c = newClient(t, w.Instance, both)
	_, err = c.Scope(mine.UUID).Passwords(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "bound", lastKind(w.Server))
	_, err = c.Scope(other.UUID).Passwords(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "access", lastKind(w.Server))
	require.NoError(t, w.Server.ExpireAccess(w.Account.Email))
	_, err = c.Scope(mine.UUID).Passwords(t.Context())
	require.NoError(t, err, "a bound pair is refreshed too")
}

func TestNoCredentialSendsNothing(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{})
	c := newClient(t, i, config.Credentials{})
	_, err := c.Identities(t.Context())
	require.ErrorIs(t, err, ravi.ErrNotAuthenticated)
	_, err = c.Scope("u").Passwords(t.Context())
	require.ErrorIs(t, err, ravi.ErrNotAuthenticated)
	assert.Empty(t, i.Server.Requests())
	assert.Empty(t, c.CredentialID())
}

func TestAfterCloseCallsFail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{})
	require.NoError(t, w.client.Close())
	require.NoError(t, w.client.Close())
	_, err := w.client.Identities(t.Context())
	require.ErrorIs(t, err, ravi.ErrUnavailable)
}

func TestOneRefreshForACall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{})
	w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/identities/", Status: 401, Count: -1})
	_, err := w.client.Identities(t.Context())
	require.ErrorIs(t, err, ravi.ErrUnauthorized)
	assert.Equal(t, 1, w.Server.CountRequests("", refreshRoute))
	assert.Equal(t, 2, w.Server.CountRequests("", "/api/identities/"))
}
