package ravi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

func TestIdentities(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era, RecordBodies: true})
		ctx := t.Context()
		made, err := w.client.CreateIdentity(ctx, ravi.NewIdentity{Name: "agent"})
		require.NoError(t, err)
		assert.JSONEq(t, `{"name":"agent"}`, string(lastRequest(w).Body))
		assert.False(t, made.Created.IsZero())
		got, err := w.client.Identity(ctx, made.UUID)
		require.NoError(t, err)
		assert.Equal(t, made.Inbox, got.Inbox)
		assert.True(t, got.APIKey.Empty(), "a key is shown once")

		name := "renamed"
		got, err = w.client.UpdateIdentity(ctx, made.UUID, ravi.IdentityUpdate{Name: &name})
		require.NoError(t, err)
		assert.Equal(t, "renamed", got.Name)
		want := map[sandbox.Era]string{sandbox.EraTokens: "PUT", sandbox.EraKeys: "PATCH"}[era]
		assert.Equal(t, want, lastRequest(w).Method)

		all, err := w.client.Identities(ctx)
		require.NoError(t, err)
		assert.Len(t, all, 1)
		require.NoError(t, w.client.DeleteIdentity(ctx, made.UUID))
		require.ErrorIs(t, w.client.DeleteIdentity(ctx, made.UUID), ravi.ErrNotFound)
		_, err = w.client.Identity(ctx, made.UUID)
		require.ErrorIs(t, err, ravi.ErrNotFound)
		_, err = w.client.Scope(made.UUID).Passwords(ctx)
		require.ErrorIs(t, err, ravi.ErrNotFound)
	})
}

func TestCreateIdentityWithAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{Era: sandbox.EraKeys, RecordBodies: true})
	made, err := w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "a", Email: "sales", ProvisionPhone: true})
	require.NoError(t, err)
	assert.JSONEq(t, `{"name":"a","email":"sales","provision_phone":true}`, string(lastRequest(w).Body))
	assert.Equal(t, "sales@in.ravi.app", made.Inbox)
	_, err = w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "b", Email: "sales"})
	require.ErrorIs(t, err, ravi.ErrConflict)
	_, err = w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "c", Email: "a..b"})
	require.ErrorIs(t, err, ravi.ErrInvalid)
	nameless, err := w.client.CreateIdentity(t.Context(), ravi.NewIdentity{})
	require.NoError(t, err)
	assert.NotEmpty(t, nameless.Name)
}

func TestSubscriptionRequired(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era})
		require.NoError(t, w.Server.SetPlan(w.Account.Email, false))
		_, err := w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "x"})
		require.ErrorIs(t, err, ravi.ErrSubscriptionRequired)
		assert.Equal(t, 1, w.Server.CountRequests("POST", "/api/identities/"), "never tried again")
	})
}

func TestIdentityRoutesMissing(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era, NoIdentityGet: true, NoDelete: true, NoStream: true})
		made, scope := w.identity(t, "x")
		got, err := w.client.Identity(t.Context(), made.UUID)
		require.NoError(t, err)
		assert.Equal(t, made.Inbox, got.Inbox, "taken from the list")
		_, err = w.client.Identity(t.Context(), "00000000-0000-4000-8000-00000000dead")
		require.ErrorIs(t, err, ravi.ErrNotFound)
		require.ErrorIs(t, w.client.DeleteIdentity(t.Context(), made.UUID), ravi.ErrUnsupported)
		_, err = scope.Events(t.Context(), ravi.EventsConfig{})
		require.ErrorIs(t, err, ravi.ErrUnsupported)
	})
}

func TestDeleteOfListedIdentityAnswered404(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{})
	made, _ := w.identity(t, "x")
	w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/identities/{uuid}/", Method: "DELETE", Status: 404})
	require.ErrorIs(t, w.client.DeleteIdentity(t.Context(), made.UUID), ravi.ErrUnsupported)
}
