package ravi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

func TestSMSConversations(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era, MarkRead: true})
		id, scope := w.identity(t, "reader")
		phone, err := scope.Phone(t.Context())
		require.NoError(t, err)
		assert.Equal(t, id.Phone, phone.Number)

		smsID, err := w.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15559876543", Body: "Your code is 424242"})
		require.NoError(t, err)
		list, err := scope.SMSConversations(t.Context(), true)
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Contains(t, list[0].ConversationID, "_+15559876543")
		assert.EqualValues(t, 1, list[0].UnreadCount)

		detail, err := scope.SMSConversation(t.Context(), list[0].ConversationID)
		require.NoError(t, err)
		assert.Contains(t, lastRequest(w).Path, "_%2B15559876543", "the plus sign is escaped")
		require.Len(t, detail.Messages, 1)
		assert.Equal(t, "Your code is 424242", detail.Messages[0].Body)
		assert.Equal(t, "+15559876543", detail.Messages[0].From)

		list, err = scope.SMSConversations(t.Context(), true)
		require.NoError(t, err)
		assert.Empty(t, list)
		one, err := scope.SMSMessage(t.Context(), smsID)
		require.NoError(t, err)
		assert.Equal(t, id.Phone, one.To)
		assert.True(t, one.IsRead)
		assert.Empty(t, collect(t, scope.SMSMessages(t.Context(), ravi.MessageFilter{Unread: true})))
		_, err = scope.SMSMessage(t.Context(), 424242)
		require.ErrorIs(t, err, ravi.ErrNotFound)
		_, err = scope.SMSConversation(t.Context(), "9_+1")
		require.ErrorIs(t, err, ravi.ErrNotFound)
	})
}

func TestSendSMSNeedsEra4(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{Era: sandbox.EraKeys, RecordBodies: true})
	_, scope := w.identity(t, "writer")
	sent, err := scope.SendSMS(t.Context(), "+15551230000", "hi")
	require.NoError(t, err)
	assert.Equal(t, ravi.Outgoing, sent.Direction)
	assert.JSONEq(t, `{"to_number":"+15551230000","body":"hi"}`, string(lastRequest(w).Body))
	_, err = scope.SendSMS(t.Context(), "nonsense", "hi")
	require.ErrorIs(t, err, ravi.ErrInvalid)
	var e *ravi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, []string{"to_number"}, e.Fields)

	w = newWorld(t, sandbox.Config{Era: sandbox.EraTokens})
	_, scope = w.identity(t, "writer")
	_, err = scope.SendSMS(t.Context(), "+15551230000", "hi")
	require.ErrorIs(t, err, ravi.ErrUnsupported)
}

func TestProvisionPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{Era: sandbox.EraKeys})
	id, err := w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "silent"})
	require.NoError(t, err)
	assert.Empty(t, id.Phone, "null reads as none")
	_, err = w.client.Scope(id.UUID).Phone(t.Context())
	require.ErrorIs(t, err, ravi.ErrNotFound)
	assert.Contains(t, err.Error(), "no phone number")

	id, err = w.client.ProvisionPhone(t.Context(), id.UUID, "US")
	require.NoError(t, err)
	assert.NotEmpty(t, id.Phone)
	_, err = w.client.ProvisionPhone(t.Context(), id.UUID, "")
	require.ErrorIs(t, err, ravi.ErrConflict)
	w.Server.ClearRequests()
	w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/identities/{uuid}/provision-phone/", Status: 503, Count: -1})
	_, err = w.client.ProvisionPhone(t.Context(), id.UUID, "")
	require.ErrorIs(t, err, ravi.ErrUnavailable)
	assert.Equal(t, 1, w.Server.CountRequests("POST", ""), "a provider that is down is not asked again")
}
