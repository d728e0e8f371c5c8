package inbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/internal/suspicion"
	"ravi-mcp/sandbox"
)

const sender = "+15550001111"

// filler is a text of n characters without digits.
func filler(n int) string {
	return strings.Repeat("please keep this message for your records and ", n/46+1)[:n]
}

func TestCountedPartsAreOneMessage(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.sms(sender, "(2/2) 456. Do not share it.")
		time.Sleep(time.Second)
		w.sms(sender, "(1/2) Your Acme verification code is 120")
		res := w.wait(inbox.Request{Cursor: cursor, Messages: true})
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, "Your Acme verification code is 120456. Do not share it.", res.Message.Text.Reveal())
		assert.Len(w, res.Message.Parts, 2)
		assert.Equal(w, res.Message.ID, res.Message.Parts[0], "in reading order; the newest names the message")

		res = w.wait(inbox.Request{Cursor: cursor})
		assert.Equal(w, "120456", res.Code.Reveal())
	})
}

func TestSplitCodeWaitsForNextPart(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		end := w.start(w.Context(), inbox.Request{Cursor: w.arm()})
		time.Sleep(time.Second)
		first := filler(126) + "Your Acme verification code is 1204"
		w.sms(sender, first)
		time.Sleep(1200 * time.Millisecond)
		w.sms(sender, "56. Valid for ten minutes.")
		res, err := end()
		require.NoError(w, err)
		assert.Equal(w, "120456", res.Code.Reveal())
		assert.Equal(w, 2200*time.Millisecond, res.Waited)
	})
}

func TestSinglePartIsAcceptedAfterHold(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		end := w.start(w.Context(), inbox.Request{Cursor: w.arm()})
		time.Sleep(time.Second)
		w.sms(sender, "(1/2) Your Acme verification code is 120456.")
		res, err := end()
		require.NoError(w, err)
		assert.Equal(w, "120456", res.Code.Reveal())
		assert.Equal(w, 4*time.Second, res.Waited)

		// At the deadline nothing is held back.
		w.sms(sender, "(1/2) Your Acme verification code is 650321.")
		res = w.wait(inbox.Request{Cursor: res.Cursor, Timeout: time.Second})
		assert.Equal(w, "650321", res.Code.Reveal())
	})
}

func TestTwoLongMessagesStaySeparate(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.sms(sender, "Your Acme verification code is 118204. "+filler(120))
		time.Sleep(2 * time.Second)
		w.sms(sender, "Your Acme verification code is 226051. "+filler(120))
		res := w.wait(inbox.Request{Cursor: cursor})
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, "226051", res.Code.Reveal())
		assert.Nil(w, res.Message.Parts)
		assert.Equal(w, 1, res.Superseded)
	})
}

func TestPartListedAtArmingIsNotReturned(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		w.sms(sender, "(1/2) Your Acme verification code is 120456.")
		cursor := w.arm()
		w.sms(sender, "(2/2) Do not share it.")
		res := w.wait(inbox.Request{Cursor: cursor, Timeout: 5 * time.Second})
		assert.Equal(w, inbox.Pending, res.Status)
	})
}

func TestDuplicateDeliveryIsOneMail(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		old := code("no-reply@acme.test", "118204")
		old.MessageID = "<old@acme.test>"
		w.mail(old)
		cursor := w.arm()
		time.Sleep(time.Minute)
		w.mail(old) // the sending server was not sure
		res := w.wait(inbox.Request{Cursor: cursor, Timeout: time.Second})
		require.Equal(w, inbox.Pending, res.Status)

		fresh := code("no-reply@acme.test", "226051")
		fresh.MessageID = "<new@acme.test>"
		first := w.mail(fresh)
		w.mail(fresh)
		res = w.wait(inbox.Request{Cursor: cursor})
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, first, res.Message.ID)
		assert.Zero(w, res.Superseded)
		res = w.wait(inbox.Request{Cursor: res.Cursor, Timeout: time.Second})
		assert.Equal(w, inbox.Pending, res.Status, "the second copy is no new message")
	})
}

// Anyone can write a Message-ID, so it hides no other mail.
func TestMessageIDAloneHidesNoMail(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		liar := sandbox.Email{From: "x@evil.test", Subject: "Hello", Text: "Nothing here.", MessageID: "<next@acme.test>"}
		w.mail(liar)
		genuine := code("no-reply@acme.test", "226051")
		genuine.MessageID = liar.MessageID
		w.mail(genuine)
		res := w.wait(inbox.Request{Cursor: cursor})
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, "226051", res.Code.Reveal())
	})
}

func TestCodeAndLinkInOneAnswer(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.mail(sandbox.Email{
			From: "Acme <no-reply@acme.test>", Subject: "Sign in to Acme",
			HTML: `<p>Your verification code is <b>482913</b>.</p><p><a href="https://acme.test/verify?token=3f9c0a7e5b1d4c62">Verify your email address</a></p>`,
		})
		for _, want := range []inbox.Want{inbox.WantAny, inbox.WantCode, inbox.WantLink} {
			res := w.wait(inbox.Request{Cursor: cursor, Want: want})
			require.Equal(w, inbox.Found, res.Status, want)
			assert.Equal(w, "482913", res.Code.Reveal(), want)
			require.NotNil(w, res.Link, want)
			assert.Equal(w, "https://acme.test/verify?token=3f9c0a7e5b1d4c62", res.Link.URL.Reveal())
			assert.Equal(w, suspicion.SameDomain, res.Link.Relation)
		}
		w.mail(code("Acme <no-reply@acme.test>", "593024"))
		res := w.wait(inbox.Request{Cursor: cursor, Want: inbox.WantLink})
		assert.Equal(w, "482913", res.Code.Reveal(), "a mail without a link does not replace one")
	})
}
