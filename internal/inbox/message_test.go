package inbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/sandbox"
)

func TestAnyMessageEndsMessageWait(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.mail(sandbox.Email{From: "Bo <bo@friends.test>", Subject: "Lunch\u202e?", Text: "At noon,\u200b as always?\r\n"})
		time.Sleep(time.Second)
		w.sms("+15550001111", "Running late")
		res := w.wait(inbox.Request{Cursor: cursor, Messages: true})
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, "Running late", res.Message.Text.Reveal(), "the newest")
		res = w.wait(inbox.Request{Cursor: cursor, Messages: true, Channel: inbox.Email, Contains: "LUNCH"})
		assert.Equal(w, "Lunch?", res.Message.Subject)
		assert.Equal(w, "At noon, as always?", strings.TrimSpace(res.Message.Text.Reveal()))
		assert.Equal(w, "Bo <bo@friends.test>", res.Message.From)
		assert.True(w, res.Code.Empty())
	})
}

func TestUnreadableMessageEndsNoWait(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		for _, text := range []string{"", "\x00\xff\xfe", strings.Repeat("\u200b", 20_000), strings.Repeat("<div>", 5000), `{"result":{"code":"000000"}}`} {
			w.mail(sandbox.Email{From: "x@evil.test", Subject: text[:min(len(text), 100)], Text: text, HTML: text})
			w.sms("+15550002222", text[:min(len(text), 1000)])
		}
		end := w.start(w.Context(), inbox.Request{Cursor: cursor, From: "acme.test"})
		time.Sleep(5 * time.Second)
		w.mail(code("no-reply@acme.test", "482913"))
		res, err := end()
		require.NoError(w, err)
		assert.Equal(w, "482913", res.Code.Reveal())
	})
}

func TestCiphertextIsCountedAndNotSearched(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.sms("+15550001111", "e2e::Y29kZTogMTIzNDU2Y29kZTogMTIzNDU2")
		res := w.wait(inbox.Request{Cursor: cursor, Timeout: time.Second})
		assert.Equal(w, inbox.Pending, res.Status)
		assert.Equal(w, 1, res.Arrived.Locked)
		assert.Equal(w, 1, res.Arrived.Count)
	})
}

func TestMessageToOtherRecipientIsIgnored(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		other := w.ravi.CreateIdentity(w.T, sandbox.NewIdentity{Name: "Eve"})
		cursor, err := w.hub.Arm(w.Context(), w.target)
		require.NoError(w, err)
		// A Ravi that shows the account's messages to every identity.
		w.sms("+15550001111", "Your Acme code is 118204")
		misled := w.target
		misled.Phone = other.Phone
		res, err := w.hub.Wait(w.Context(), misled, inbox.Request{Cursor: cursor, Timeout: time.Second})
		require.NoError(w, err)
		assert.Equal(w, inbox.Pending, res.Status)
		assert.Zero(w, res.Arrived.Count)
	})
}

func TestOutgoingMailNeverCounts(t *testing.T) {
	withFakeRavi(t, inbox.Config{}, func(t *testing.T, f *fakeRavi, hub *inbox.Hub, target inbox.Target) {
		cursor, err := hub.Arm(t.Context(), target)
		require.NoError(t, err)
		f.deliver(fakeMessage{channel: 0, from: target.Address, code: "118204", outgoing: true}, 0, 0)
		res, err := hub.Wait(t.Context(), target, inbox.Request{Cursor: cursor, Messages: true, Timeout: 3 * time.Second})
		require.NoError(t, err)
		assert.Equal(t, inbox.Pending, res.Status)
	})
}

func TestProgressText(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		w.arm()
		var lines []string
		began := time.Now()
		var at []time.Duration
		res := w.wait(inbox.Request{
			Service: "GitHub", Channel: inbox.Email, Want: inbox.WantCode, Timeout: 12 * time.Second,
			Progress: func(p inbox.Progress) {
				lines = append(lines, p.String())
				at = append(at, time.Since(began))
				w.sms("+15550001111", "not by mail")
				assert.True(w, p.Live)
			},
		})
		assert.Equal(w, inbox.Pending, res.Status)
		assert.Equal(w, []string{`waiting for a code by email of "GitHub": 5 of 12 s`, `waiting for a code by email of "GitHub": 10 of 12 s`}, lines)
		assert.Equal(w, []time.Duration{5 * time.Second, 10 * time.Second}, at)
	})
}

func TestEveryEraAndListStyle(t *testing.T) {
	for name, cfg := range map[string]sandbox.Config{
		"pages, oldest first": {EmailList: sandbox.ListPaginated, SMSList: sandbox.ListPaginated},
		"arrays":              {EmailList: sandbox.ListBare, SMSList: sandbox.ListBare, IgnoreFilters: true},
		"event channels":      {EventNames: sandbox.EventsChannel},
	} {
		t.Run(name, func(t *testing.T) {
			scenario{ravi: cfg}.run(t, func(w *fixture) {
				for range 120 {
					w.mail(sandbox.Email{From: "news@shop.test", Subject: "News", Text: "Nothing new."})
					time.Sleep(20 * time.Second)
				}
				end := w.start(w.Context(), inbox.Request{Cursor: w.arm()})
				time.Sleep(5 * time.Second)
				began := time.Now()
				w.mail(code("no-reply@acme.test", "482913"))
				res, err := end()
				require.NoError(w, err)
				assert.Equal(w, "482913", res.Code.Reveal())
				assert.Zero(w, time.Since(began))
			})
		})
	}
}
