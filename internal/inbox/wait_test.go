package inbox_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/sandbox"
)

func TestCodeDuringWaitReturnsAtOnce(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		w.sms("+15550001111", "Your Acme code is 118204")
		cursor := w.arm()
		end := w.start(w.Context(), inbox.Request{Cursor: cursor})
		time.Sleep(7 * time.Second)
		w.sms("+15550001111", "Your Acme code is 226051")
		res, err := end()
		require.NoError(w, err)
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, "226051", res.Code.Reveal())
		assert.Equal(w, inbox.SMS, res.Message.Channel)
		assert.Equal(w, "+15550001111", res.Message.From)
		assert.Equal(w, 7*time.Second, res.Waited, "the stream woke the wait")
	})
}

func TestCodeAfterArmingReturnsAtOnce(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.mail(code("Acme <no-reply@acme.test>", "482913"))
		time.Sleep(5 * time.Minute) // the watcher ended long ago
		res := w.wait(inbox.Request{Cursor: cursor})
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, "482913", res.Code.Reveal())
		assert.Zero(w, res.Waited)
		assert.False(w, res.ArmedAtCall)

		// A lost answer loses nothing, and a newer cursor never repeats.
		again := w.wait(inbox.Request{Cursor: cursor})
		assert.Equal(w, res.Message, again.Message)
		assert.Equal(w, "482913", again.Code.Reveal())
		next := w.wait(inbox.Request{Cursor: res.Cursor, Timeout: 5 * time.Second})
		assert.Equal(w, inbox.Pending, next.Status)
		assert.Equal(w, 5*time.Second, next.Waited)
	})
}

func TestWaitWithoutCursorSkipsListed(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		w.mail(code("Acme <no-reply@acme.test>", "482913"))
		res := w.wait(inbox.Request{Timeout: 3 * time.Second})
		assert.Equal(w, inbox.Pending, res.Status)
		assert.True(w, res.ArmedAtCall)
		assert.Equal(w, 1, res.Fruitless)
		assert.Zero(w, res.Arrived.Count)

		w.mail(code("Acme <no-reply@acme.test>", "593024"))
		res = w.wait(inbox.Request{Cursor: res.Cursor})
		assert.Equal(w, "593024", res.Code.Reveal())
	})
}

func TestPendingConsumesNothing(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.sms("+15550001111", "Your Acme code is 226051")
		w.mail(sandbox.Email{From: "News <news@shop.test>", Subject: "Sale", Text: "Everything must go."})
		res := w.wait(inbox.Request{Cursor: cursor, From: "bank.test", Timeout: 2 * time.Second})
		require.Equal(w, inbox.Pending, res.Status)
		assert.Equal(w, inbox.Arrived{Count: 2, Senders: []string{"News <news@shop.test>", "+15550001111"}, Skipped: 1}, res.Arrived)
		assert.Equal(w, 1, res.Fruitless)

		res = w.wait(inbox.Request{Cursor: res.Cursor, Service: "Gizmo", Timeout: 2 * time.Second})
		require.Equal(w, inbox.Pending, res.Status)
		assert.Equal(w, 2, res.Fruitless)

		res = w.wait(inbox.Request{Cursor: res.Cursor, Service: "acme"})
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, "226051", res.Code.Reveal())
		assert.Zero(w, res.Fruitless)
	})
}

func TestNewestOfSenderWins(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		for _, c := range []string{"118204", "226051", "226051", "330495"} {
			w.sms("+15550001111", "Your Acme code is "+c)
			time.Sleep(time.Second)
		}
		res := w.wait(inbox.Request{Cursor: cursor})
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, "330495", res.Code.Reveal())
		assert.Equal(w, 2, res.Superseded, "a message that came twice counts once")
	})
}

func TestTwoSendersAreNeverGuessed(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.sms("+15550001111", "Your Acme code is 118204")
		time.Sleep(time.Second)
		w.mail(code("Gizmo <no-reply@gizmo.test>", "226051"))
		res := w.wait(inbox.Request{Cursor: cursor})
		require.Equal(w, inbox.Ambiguous, res.Status)
		require.Len(w, res.Candidates, 2)
		assert.Equal(w, "226051", res.Candidates[0].Code.Reveal())
		assert.Equal(w, "118204", res.Candidates[1].Code.Reveal())
		assert.True(w, res.Code.Empty())

		// A filter that tells them apart decides, from the same cursor.
		res = w.wait(inbox.Request{Cursor: cursor, From: "@gizmo.test"})
		assert.Equal(w, "226051", res.Code.Reveal())
		res = w.wait(inbox.Request{Cursor: cursor, Channel: inbox.SMS})
		assert.Equal(w, "118204", res.Code.Reveal())
		// The SMS answer left the mailbox alone.
		res = w.wait(inbox.Request{Cursor: res.Cursor})
		assert.Equal(w, "226051", res.Code.Reveal())
	})
}

func TestEventBeforeMessageIsReread(t *testing.T) {
	for _, late := range []time.Duration{30 * time.Millisecond, 120 * time.Millisecond, 450 * time.Millisecond} {
		t.Run(late.String(), func(t *testing.T) {
			scenario{}.run(t, func(w *fixture) {
				end := w.start(w.Context(), inbox.Request{Cursor: w.arm()})
				time.Sleep(time.Second)
				w.sms("+15550001111", "no code in this one, it is only here so that events are trusted")
				time.Sleep(20 * time.Second)
				w.ravi.Server.Faults().Add(sandbox.Fault{Endpoint: sandbox.DeliverSMSPoint, LateBy: late})
				began := time.Now()
				w.sms("+15550001111", "Your Acme code is 226051")
				res, err := end()
				require.NoError(w, err)
				assert.Equal(w, "226051", res.Code.Reveal())
				assert.LessOrEqual(w, time.Since(began), 500*time.Millisecond)
			})
		})
	}
}

func TestPollingWithoutStream(t *testing.T) {
	scenario{ravi: sandbox.Config{NoStream: true}}.run(t, func(w *fixture) {
		cursor := w.arm()
		end := w.start(w.Context(), inbox.Request{Cursor: cursor, Channel: inbox.Email})
		time.Sleep(20*time.Second + 100*time.Millisecond)
		before := w.reads(mailList)
		assert.InDelta(w, 11, before, 1, "the arming and one read every 2.1 s")
		assert.Equal(w, 1, w.reads(smsList), "no wait listens to SMS")
		w.mail(code("no-reply@acme.test", "482913"))
		res, err := end()
		require.NoError(w, err)
		assert.Equal(w, "482913", res.Code.Reveal())
		assert.Less(w, res.Waited, 22500*time.Millisecond)
		assert.Equal(w, before+1, w.reads(mailList))
	})
}

func TestManyWaitsShareOneStreamAndOneRead(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.sms("+15550001111", "only here so that events are trusted from now on")
		w.mail(sandbox.Email{From: "a@b.test", Subject: "Hello", Text: "Hello"})
		_ = w.wait(inbox.Request{Cursor: cursor, Timeout: 5 * time.Second})
		var ends []func() (inbox.Result, error)
		before := w.reads(mailList)
		for range 1000 {
			ends = append(ends, w.start(w.Context(), inbox.Request{Cursor: cursor}))
		}
		synctest.Wait()
		time.Sleep(time.Second)
		joined := w.reads(mailList) - before
		assert.LessOrEqual(w, joined, 6)
		w.mail(code("no-reply@acme.test", "482913"))
		for _, end := range ends {
			res, err := end()
			require.NoError(w, err)
			require.Equal(w, "482913", res.Code.Reveal())
		}
		assert.Equal(w, 1, w.reads(mailList)-before-joined, "one read for a thousand waits")
		assert.Equal(w, 1, w.reads(stream))
	})
}
