package ravi_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

const mintRoute = "/api/auth/keys/identity/"

// lastKind returns the kind of credential of the last request.
func lastKind(s *sandbox.Server) string {
	all := s.Requests()
	return all[len(all)-1].Credential
}

func TestKeyOfCreationServesItsIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{Era: sandbox.EraKeys})
	id, scope := w.identity(t, "mine")
	require.False(t, id.APIKey.Empty())
	_, err := scope.Passwords(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "identity", lastKind(w.Server))
	assert.Zero(t, w.Server.CountRequests("", mintRoute), "no key was minted")
	for _, r := range w.Server.Requests() {
		assert.Empty(t, r.Header.Get("X-Ravi-Identity"), "the key scheme sends no such header")
	}
}

func TestConfiguredKeyServesItsIdentityOnly(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{Era: sandbox.EraKeys})
	mine, other := i.CreateIdentity(t, sandbox.NewIdentity{Name: "mine"}), i.CreateIdentity(t, sandbox.NewIdentity{Name: "other"})
	admin := newClient(t, i, credentialsOf(i.Account))
	key, err := admin.MintIdentityKey(t.Context(), mine.UUID, "mine")
	require.NoError(t, err)

	creds := credentialsOf(i.Account)
	creds.IdentityKey, creds.IdentityUUID = key.Key, mine.UUID
	c := newClient(t, i, creds)
	_, bound := c.Bound()
	assert.False(t, bound, "with a management key it is not bound")
	_, err = c.Scope(mine.UUID).Passwords(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "identity", lastKind(i.Server))
	_, err = c.Scope(other.UUID).Passwords(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "management", lastKind(i.Server))

	// Revoked, it is replaced by the next way.
	creds.IdentityKey = secret.New("ravi_id_revoked")
	c = newClient(t, i, creds)
	_, err = c.Scope(mine.UUID).Passwords(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "management", lastKind(i.Server))
}

func TestLoneIdentityKeyIsItsIdentity(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{Era: sandbox.EraKeys})
	mine, other := i.CreateIdentity(t, sandbox.NewIdentity{Name: "mine"}), i.CreateIdentity(t, sandbox.NewIdentity{Name: "other"})
	key, err := newClient(t, i, credentialsOf(i.Account)).MintIdentityKey(t.Context(), mine.UUID, "x")
	require.NoError(t, err)

	for name, creds := range map[string]config.Credentials{
		"from a file":            {Scheme: config.SchemeKey, IdentityKey: key.Key, IdentityUUID: mine.UUID, IdentityName: "mine"},
		"from the environment":   {Scheme: config.SchemeKey, IdentityKey: key.Key},
		"with a name, no number": {Scheme: config.SchemeKey, IdentityKey: key.Key, IdentityUUID: mine.UUID},
	} {
		c := newClient(t, i, creds)
		_, bound := c.Bound()
		assert.True(t, bound, name)
		uuid, err := c.BoundIdentity(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, mine.UUID, uuid, name)

		_, err = c.Scope(mine.UUID).Passwords(t.Context())
		require.NoError(t, err, name)
		_, err = c.Scope(other.UUID).Passwords(t.Context())
		require.ErrorIs(t, err, ravi.ErrWrongIdentity, name)
		_, err = c.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "x"})
		require.ErrorIs(t, err, ravi.ErrForbidden, name)
		_, err = c.Identities(t.Context())
		require.ErrorIs(t, err, ravi.ErrForbidden, name)
		_, err = c.Identity(t.Context(), other.UUID)
		require.ErrorIs(t, err, ravi.ErrWrongIdentity, name)
		id, err := c.Identity(t.Context(), mine.UUID)
		require.NoError(t, err, name)
		assert.Equal(t, mine.Inbox, id.Inbox, name)
	}
}

func TestIdentityQueryIsProbedOnce(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{Era: sandbox.EraKeys})
	a, b := i.CreateIdentity(t, sandbox.NewIdentity{Name: "a"}), i.CreateIdentity(t, sandbox.NewIdentity{Name: "b"})
	c := newClient(t, i, credentialsOf(i.Account))
	for _, uuid := range []string{a.UUID, b.UUID, a.UUID} {
		_, err := c.Scope(uuid).Passwords(t.Context())
		require.NoError(t, err)
		all := i.Server.Requests()
		assert.Equal(t, uuid, all[len(all)-1].Query.Get("identity"))
	}
	assert.Equal(t, 2, i.Server.CountRequests(http.MethodGet, "/api/email/"), "one probe, which is two requests")
	assert.Zero(t, i.Server.CountRequests("", mintRoute))
}

func TestKeyIsMintedOnceWithoutQuery(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{Era: sandbox.EraKeys, NoIdentityQuery: true})
	a, b := i.CreateIdentity(t, sandbox.NewIdentity{Name: "a"}), i.CreateIdentity(t, sandbox.NewIdentity{Name: "b"})
	c := newClient(t, i, credentialsOf(i.Account))
	var wg sync.WaitGroup
	for n := range 40 {
		uuid := []string{a.UUID, b.UUID}[n%2]
		wg.Go(func() {
			_, err := c.Scope(uuid).Passwords(t.Context())
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Equal(t, 2, i.Server.CountRequests(http.MethodPost, mintRoute), "one key for each identity")
	for _, r := range i.Server.Requests() {
		if r.Endpoint == "/api/passwords/" {
			assert.Equal(t, "identity", r.Credential)
		}
	}
}

// A Ravi that ignores ?identity= would answer with the whole account's data.
func TestIgnoredIdentityQueryIsNotUsed(t *testing.T) {
	t.Parallel()
	w := &wire{}
	w.answer = func(r *http.Request) *http.Response {
		switch {
		case r.URL.Path == "/api/email/":
			return respond(200, `[{"id":1,"email":"a@x"},{"id":2,"email":"b@x"}]`)
		case r.URL.Path == mintRoute && r.Header.Get("Authorization") == "Bearer ravi_mgmt_1":
			return respond(201, `{"key":"ravi_id_1","identity_uuid":"u","label":"l"}`)
		case r.Header.Get("Authorization") == "Bearer ravi_id_1" && r.URL.RawQuery == "":
			return respond(200, `[]`)
		}
		return respond(500, `{}`)
	}
	c, err := ravi.New(ravi.Config{Credentials: config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New("ravi_mgmt_1")},
		BaseURL: "https://ravi.test", Transport: w})
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Scope("u").Passwords(t.Context())
	require.NoError(t, err)
}

func TestMintedKeyReplacedAfter401(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{Era: sandbox.EraKeys, NoIdentityQuery: true})
	a := i.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	c := newClient(t, i, credentialsOf(i.Account))
	scope := c.Scope(a.UUID)
	_, err := scope.Passwords(t.Context())
	require.NoError(t, err)
	i.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/", Status: 401})
	_, err = scope.Passwords(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, i.Server.CountRequests(http.MethodPost, mintRoute))

	i.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/", Status: 401, Count: -1})
	_, err = scope.Passwords(t.Context())
	require.ErrorIs(t, err, ravi.ErrUnauthorized, "not for ever")
	i.Server.Faults().Clear()

	require.NoError(t, c.DeleteIdentity(t.Context(), a.UUID))
	i.Server.ClearRequests()
	_, err = scope.Passwords(t.Context())
	require.ErrorIs(t, err, ravi.ErrNotFound)
	for _, r := range i.Server.Requests() {
		assert.NotEqual(t, 401, r.Status, "its key is not tried any more")
	}
}

func TestSSOTokenNeedsIdentityKey(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{Era: sandbox.EraKeys})
	a := i.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	c := newClient(t, i, credentialsOf(i.Account))
	token, err := c.Scope(a.UUID).SSOToken(t.Context())
	require.NoError(t, err)
	assert.False(t, token.Token.Empty())
	assert.False(t, token.ExpiresAt.IsZero())
	keys, err := c.Scope(a.UUID).IdentityKeys(t.Context())
	require.NoError(t, err)
	assert.Contains(t, keys, ravi.IdentityKey{IdentityUUID: a.UUID, Label: "ravi-mcp"}, "the minted one, without the key itself")
}
