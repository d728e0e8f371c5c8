package session_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/session"
)

// A caller with a folder never gets the server's own account, not even from a server that knows no
// folders.
func TestCallerWithFolderNeedsAnAccountOfItsOwn(t *testing.T) {
	t.Parallel()
	own := &session.Account{Connect: func() (*ravi.Client, error) { panic("the server's own account was used") }}
	var none *session.Accounts
	assert.Same(t, own, none.Of(&session.Caller{Name: "carol"}, own))
	_, err := none.Of(&session.Caller{Name: "alice", RaviConfigDir: "/x"}, own).Client()
	assert.True(t, fault.Has(err, fault.InvalidConfig))
	require.ErrorContains(t, err, "account of its own")
	require.NoError(t, none.Close())

	accounts := &session.Accounts{Connect: func(string) (*ravi.Client, error) { return nil, config.ErrNoCredentials }}
	alice, second := &session.Caller{Name: "alice", RaviConfigDir: "/x"}, &session.Caller{Name: "second", RaviConfigDir: "/x"}
	assert.Same(t, accounts.Of(alice, own), accounts.Of(second, own), "one folder, one account")
	assert.NotSame(t, accounts.Of(alice, own), accounts.Of(&session.Caller{Name: "bob", RaviConfigDir: "/y"}, own))
	_, err = accounts.Of(alice, own).Client()
	require.ErrorIs(t, err, config.ErrNoCredentials)
}
