package ravi_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

func TestUserOwnerAndDomains(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era})
		_, scope := w.identity(t, "x")
		user, err := w.client.User(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "owner@example.com", user.Email)
		assert.Equal(t, "Ada", user.FirstName)
		owner, err := scope.Owner(t.Context())
		require.NoError(t, err)
		assert.Equal(t, &ravi.Owner{FirstName: "Ada", LastName: "Lovelace"}, owner)
		domains, err := w.client.Domains(t.Context())
		require.NoError(t, err)
		require.Len(t, domains, 1)
		assert.True(t, domains[0].IsPlatform)
	})
}

func TestLogin(t *testing.T) {
	for _, era := range []sandbox.Era{sandbox.EraTokens, sandbox.EraKeys} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := sandboxtest.Memory(t, sandbox.Config{Era: era, AutoApprove: "me@example.com", DeviceInterval: 5 * time.Second})
				c := newClient(t, i, config.Credentials{})
				device, err := c.StartLogin(t.Context())
				require.NoError(t, err)
				assert.NotEmpty(t, device.UserCode)
				assert.Equal(t, 15*time.Minute, device.ExpiresIn)
				login, err := c.WaitLogin(t.Context(), device)
				require.NoError(t, err)
				assert.Equal(t, "me@example.com", login.User.Email)

				creds := login.Credentials()
				me := newClient(t, i, creds)
				if era == sandbox.EraKeys {
					assert.False(t, login.ManagementKey.Empty())
				}
				_, err = me.Identities(t.Context())
				require.NoError(t, err)
				require.NoError(t, me.Close())
				require.NoError(t, c.Close())
				require.NoError(t, i.Server.Close())
			})
		})
	}
}

func TestLoginCodeExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := sandboxtest.Memory(t, sandbox.Config{DeviceInterval: 5 * time.Second, DeviceLife: time.Minute})
		c := newClient(t, i, config.Credentials{})
		device, err := c.StartLogin(t.Context())
		require.NoError(t, err)
		_, err = c.PollLogin(t.Context(), device)
		require.ErrorIs(t, err, ravi.ErrLoginPending)
		_, err = c.PollLogin(t.Context(), device) // at once: slow down
		require.Error(t, err)
		began := time.Now()
		_, err = c.WaitLogin(t.Context(), device)
		require.ErrorIs(t, err, ravi.ErrLoginExpired)
		assert.Less(t, time.Since(began), 90*time.Second)
		for n, r := range i.Server.Requests() {
			assert.Equal(t, "none", r.Credential, "request %d", n)
		}
		require.NoError(t, c.Close())
		require.NoError(t, i.Server.Close())
	})
}

func TestLoginEndsWithItsContext(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{})
	c := newClient(t, i, config.Credentials{})
	device, err := c.StartLogin(t.Context())
	require.NoError(t, err)
	ctx, cancel := contextWithTimeout(t, 10*time.Millisecond)
	defer cancel()
	_, err = c.WaitLogin(ctx, device)
	require.ErrorIs(t, err, ctx.Err())
}

func TestLogoutEndsTheTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{})
	require.NoError(t, w.client.Logout(t.Context()))
	_, err := w.client.Identities(t.Context())
	require.ErrorIs(t, err, ravi.ErrTokenExpired)
}

func TestManagementKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{Era: sandbox.EraKeys})
	key, err := w.client.MintManagementKey(t.Context(), "second")
	require.NoError(t, err)
	_, err = newClient(t, w.Instance, config.Credentials{Scheme: config.SchemeKey, ManagementKey: key.Key}).Identities(t.Context())
	require.NoError(t, err)
	keys, err := w.client.ManagementKeys(t.Context())
	require.NoError(t, err)
	assert.Contains(t, keys, ravi.IdentityKey{Label: "second"}, "without the key itself")
}

func TestSSOTokenNamesItsIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{Era: sandbox.EraKeys})
	id, scope := w.identity(t, "signs-in")
	token, err := scope.SSOToken(t.Context())
	require.NoError(t, err)
	relying := newClient(t, w.Instance, config.Credentials{})
	who, err := relying.VerifySSO(t.Context(), token.Token)
	require.NoError(t, err)
	assert.Equal(t, id.UUID, who.UUID)
	assert.Equal(t, id.Inbox, who.Email)
	assert.Equal(t, "owner@example.com", who.Owner.Email)
	_, err = relying.VerifySSO(t.Context(), secret.New("rvt_wrong"))
	require.ErrorIs(t, err, ravi.ErrInvalid)
	require.NoError(t, w.Server.SetPlan(w.Account.Email, false))
	_, err = scope.SSOToken(t.Context())
	require.ErrorIs(t, err, ravi.ErrSubscriptionRequired)
}
