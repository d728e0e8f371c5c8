package sandbox_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

func TestSMSArriveByNumber(t *testing.T) {
	t.Parallel()
	eachEra(t, sandbox.Config{}, func(t *testing.T, r *sandboxtest.Instance, c client, id sandbox.IdentityInfo) {
		first, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15559876543", Body: "Your code is 481516"})
		require.NoError(t, err)
		second, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "Shop", Body: "Hello"})
		require.NoError(t, err)

		flat := c.get("/api/messages/").is(200).list()
		require.Len(t, flat, 2)
		assert.EqualValues(t, second, flat[0]["id"], "newest first")
		one := c.get("/api/messages/" + itoa(first) + "/").is(200).object()
		assert.Equal(t, "Your code is 481516", one["body"])
		assert.Equal(t, "incoming", one["direction"])
		assert.Equal(t, false, one["is_read"])
		assert.Equal(t, "+15559876543", one["from_number"])
		assert.Equal(t, id.Phone, one["to_number"])
		assert.Equal(t, id.Phone, one["phone"])

		threads := c.get("/api/sms-inbox/?has_unread=true").is(200).list()
		require.Len(t, threads, 2)
		assert.Equal(t, "Hello", threads[0]["preview"])
		conv := threads[1]["conversation_id"].(string)
		assert.Equal(t, itoa(id.PhoneID)+"_+15559876543", conv)
		for _, escaped := range []string{url.PathEscape(conv), url.QueryEscape(conv)} { // + and %2B
			d := c.get("/api/sms-inbox/" + escaped + "/").is(200).object()
			assert.EqualValues(t, 1, d["message_count"])
			assert.Equal(t, "Your code is 481516", d["messages"].([]any)[0].(object)["body"])
		}
		c.get("/api/sms-inbox/1_+1/").is(404)

		_, err = r.Server.DeliverSMS(sandbox.SMS{To: "+15550000000", From: "x", Body: "y"})
		assert.ErrorIs(t, err, sandbox.ErrBounce)
	})
}

func TestMailIsThreadedByReferences(t *testing.T) {
	t.Parallel()
	eachEra(t, sandbox.Config{EmailList: sandbox.ListBare}, func(t *testing.T, r *sandboxtest.Instance, c client, id sandbox.IdentityInfo) {
		deliver := func(m sandbox.Email) int64 {
			m.To = id.Inbox
			n, err := r.Server.DeliverEmail(m)
			require.NoError(t, err)
			return n
		}
		deliver(sandbox.Email{From: "Shop <noreply@shop.example>", Subject: "Welcome", HTML: "<style>x</style><p>Code <b>1234</b></p>", MessageID: "<a/b+1@shop.example>"})
		deliver(sandbox.Email{From: "other@example.com", Subject: "Other", Text: "Unrelated"})
		last := deliver(sandbox.Email{From: "Shop <noreply@shop.example>", Subject: "Re: Welcome", Text: "Again", InReplyTo: "<a/b+1@shop.example>"})

		threads := c.get("/api/email-inbox/").is(200).list()
		require.Len(t, threads, 2)
		assert.Equal(t, "<a/b+1@shop.example>", threads[0]["thread_id"], "the thread with the newest message comes first")
		assert.EqualValues(t, 2, threads[0]["message_count"])
		assert.EqualValues(t, 2, threads[0]["unread_count"])
		assert.Equal(t, "Again", threads[0]["preview"])

		d := c.get("/api/email-inbox/" + url.PathEscape("<a/b+1@shop.example>") + "/").is(200).object()
		msgs := d["messages"].([]any)
		require.Len(t, msgs, 2)
		assert.Equal(t, "Code 1234", msgs[0].(object)["text_content"], "chronological, text made from HTML")
		assert.NotContains(t, msgs[0], "thread_id")

		one := c.get("/api/email-messages/" + itoa(last) + "/").is(200).object()
		assert.Equal(t, "<a/b+1@shop.example>", one["thread_id"])
		assert.Equal(t, []any{}, one["attachments"])
		assert.Equal(t, "", one["cc"])
		assert.EqualValues(t, last, c.get("/api/email-messages/").is(200).list()[0]["id"])
		assert.Equal(t, "Not found.", c.get("/api/email-messages/999999/").is(404).object()["detail"])
		c.get("/api/email-messages/abc/").is(404)
	})
}
