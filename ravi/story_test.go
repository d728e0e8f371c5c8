package ravi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

// The four steps of an integration: an identity, a code, a credential, and the failure of asking
// for what is another's.
func TestSignUpStory(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era})
		ctx := t.Context()
		id, scope := w.identity(t, "signs-up")
		_, other := w.identity(t, "other")

		stream, err := scope.Events(ctx, ravi.EventsConfig{})
		require.NoError(t, err)
		smsID, err := w.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15550001111", Body: "Your code is 123456"})
		require.NoError(t, err)
		ev := <-stream.Events()
		assert.Equal(t, ravi.EventSMS, ev.Kind)

		messages := collect(t, scope.SMSMessages(ctx, ravi.MessageFilter{Unread: true}))
		require.Len(t, messages, 1)
		assert.Equal(t, smsID, messages[0].ID)
		assert.Equal(t, "Your code is 123456", messages[0].Body)
		assert.Equal(t, ravi.Incoming, messages[0].Direction)
		assert.Empty(t, collect(t, other.SMSMessages(ctx, ravi.MessageFilter{})), "the other identity sees nothing")

		_, err = w.Server.DeliverEmail(sandbox.Email{To: id.Inbox, From: "hello@example.com", Subject: "Welcome", Text: "Hi"})
		require.NoError(t, err)
		assert.Equal(t, ravi.EventEmail, (<-stream.Events()).Kind)
		mails := collect(t, scope.EmailMessages(ctx, ravi.MessageFilter{}))
		require.Len(t, mails, 1)
		mail, err := scope.EmailMessage(ctx, mails[0].ID)
		require.NoError(t, err)
		assert.Equal(t, "Welcome", mail.Subject)

		entry, err := scope.CreatePassword(ctx, ravi.NewPassword{Domain: "login.example.com", Username: "me", Password: secret.New("hunter2")})
		require.NoError(t, err)
		assert.Equal(t, "example.com", entry.Domain)
		entry, err = scope.Password(ctx, entry.UUID)
		require.NoError(t, err)
		assert.Equal(t, "hunter2", entry.Password.Reveal())
		_, err = other.Password(ctx, entry.UUID)
		require.ErrorIs(t, err, ravi.ErrNotFound)

		_, created, err := scope.SetSecret(ctx, "api_key", secret.New("one"), secret.Secret{})
		require.NoError(t, err)
		assert.True(t, created)
		_, created, err = scope.SetSecret(ctx, "API_KEY", secret.New("two"), secret.Secret{})
		require.NoError(t, err)
		assert.False(t, created)
		s, err := scope.Secret(ctx, "api_key")
		require.NoError(t, err)
		assert.Equal(t, "two", s.Value.Reveal())
		require.NoError(t, scope.DeleteSecret(ctx, "api_key"))

		require.NoError(t, stream.Close())
		require.NoError(t, w.client.DeleteIdentity(ctx, id.UUID))
		_, err = w.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15550001111", Body: "late"})
		require.ErrorIs(t, err, sandbox.ErrBounce)
	})
}
