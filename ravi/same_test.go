package ravi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// A file that is read again holds the same credential until a user logs in: a refresh by the client
// itself does not count.
func TestSameCredential(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{})
	home := t.TempDir()
	c := newClient(t, i, login(t, home, i.Account))
	assert.True(t, c.SameCredential(newClient(t, i, found(t, home))))
	require.NoError(t, i.Server.ExpireAccess(i.Account.Email))
	_, err := c.Identities(t.Context())
	require.NoError(t, err)
	assert.True(t, c.SameCredential(newClient(t, i, found(t, home))), "refreshed")

	again, err := i.Server.Account(sandbox.AccountConfig{})
	require.NoError(t, err)
	assert.False(t, c.SameCredential(newClient(t, i, login(t, home, again))), "logged in again")
	assert.False(t, c.SameCredential(newClient(t, i, login(t, t.TempDir(), i.Account))), "another file")

	key := config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New("ravi_mgmt_1")}
	k := newClient(t, i, key)
	assert.True(t, k.SameCredential(newClient(t, i, key)))
	key.ManagementKey = secret.New("ravi_mgmt_2")
	assert.False(t, k.SameCredential(newClient(t, i, key)))
	assert.False(t, k.SameCredential(c))
}
