package ravi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

func TestContacts(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era, RecordBodies: true})
		_, scope := w.identity(t, "popular")
		ctx := t.Context()
		email, phone, name, trusted := "bob@example.com", "+15557654321", "Bob Example", true
		made, err := scope.CreateContact(ctx, ravi.ContactFields{Email: &email, Phone: &phone, DisplayName: &name, IsTrusted: &trusted})
		require.NoError(t, err)
		assert.True(t, made.IsTrusted)
		got, err := scope.Contact(ctx, made.UUID)
		require.NoError(t, err)
		assert.Equal(t, made, got)

		byMail, err := scope.FindContact(ctx, email, "")
		require.NoError(t, err)
		assert.Equal(t, made.UUID, byMail.UUID)
		byPhone, err := scope.FindContact(ctx, "", phone)
		require.NoError(t, err)
		assert.Equal(t, made.UUID, byPhone.UUID)
		assert.Equal(t, phone, lastRequest(w).Query.Get("phone_number"))
		_, err = scope.FindContact(ctx, "nobody@example.com", "")
		require.ErrorIs(t, err, ravi.ErrNotFound)
		hits, err := scope.SearchContacts(ctx, "bob")
		require.NoError(t, err)
		assert.Len(t, hits, 1)

		nick, none := "bobby", ""
		changed, err := scope.UpdateContact(ctx, made.UUID, ravi.ContactFields{Nickname: &nick, Phone: &none})
		require.NoError(t, err)
		assert.JSONEq(t, `{"nickname":"bobby","phone_number":""}`, string(lastRequest(w).Body))
		assert.Equal(t, "bobby", changed.Nickname)
		assert.Empty(t, changed.Phone)
		assert.Equal(t, email, changed.Email)

		all, err := scope.Contacts(ctx)
		require.NoError(t, err)
		assert.Len(t, all, 1)
		require.NoError(t, scope.DeleteContact(ctx, made.UUID))
		require.ErrorIs(t, scope.DeleteContact(ctx, made.UUID), ravi.ErrNotFound)
	})
}
