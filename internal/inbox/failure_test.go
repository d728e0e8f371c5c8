package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/internal/token"
	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

func TestFailedReadGivesNoCursor(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		w.ravi.Server.Faults().Add(sandbox.Fault{Endpoint: smsList, Status: 500})
		cursor, err := w.hub.Arm(w.Context(), w.target)
		require.ErrorIs(w, err, ravi.ErrUnavailable)
		assert.Empty(w, cursor)
		w.arm() // at the next attempt it works
	})
}

func TestWaitSurvivesTemporaryFailures(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.ravi.Server.Faults().Add(
			sandbox.Fault{Endpoint: mailList, Status: 503, Count: 2},
			sandbox.Fault{Endpoint: mailList, Status: 429, RetryAfter: 7},
			sandbox.Fault{Endpoint: mailList, Truncate: true},
		)
		end := w.start(w.Context(), inbox.Request{Cursor: cursor, Channel: inbox.Email, Timeout: 50 * time.Second})
		time.Sleep(time.Second)
		w.mail(code("no-reply@acme.test", "482913"))
		res, err := end()
		require.NoError(w, err)
		assert.Equal(w, "482913", res.Code.Reveal())
		assert.Greater(w, res.Waited, 10*time.Second, "Ravi asked for 7 s, and got them")
		assert.Less(w, res.Waited, 25*time.Second)
	})
}

func TestWaitWithoutAnyReadFails(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.ravi.Server.Faults().Add(
			sandbox.Fault{Endpoint: mailList, Status: 503, Count: -1},
			sandbox.Fault{Endpoint: smsList, Status: 503, Count: -1},
		)
		began := time.Now()
		_, err := w.hub.Wait(w.Context(), w.target, inbox.Request{Cursor: cursor})
		require.ErrorIs(w, err, ravi.ErrUnavailable)
		assert.Equal(w, 25*time.Second, time.Since(began), "clients exist that give up after 30 s exactly")

		// Nothing was lost: the cursor is as good as before.
		w.ravi.Server.Faults().Clear()
		w.sms("+15550001111", "Your Acme code is 226051")
		assert.Equal(w, "226051", w.wait(inbox.Request{Cursor: cursor}).Code.Reveal())
	})
}

func TestFailingChannelDoesNotBlockOther(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.ravi.Server.Faults().Add(sandbox.Fault{Endpoint: smsList, Status: 503, Count: -1})
		end := w.start(w.Context(), inbox.Request{Cursor: cursor})
		time.Sleep(5 * time.Second)
		w.mail(code("no-reply@acme.test", "482913"))
		res, err := end()
		require.NoError(w, err)
		assert.Equal(w, "482913", res.Code.Reveal())
		assert.Equal(w, 5*time.Second, res.Waited)

		res = w.wait(inbox.Request{Cursor: res.Cursor})
		assert.Equal(w, inbox.Pending, res.Status)
		assert.Equal(w, inbox.ReasonPartlyUnread, res.Reason)
	})
}

func TestPermanentFailureEndsWait(t *testing.T) {
	for status, want := range map[int]error{
		401: ravi.ErrTokenExpired, 402: ravi.ErrSubscriptionRequired, 403: ravi.ErrForbidden,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			scenario{}.run(t, func(w *fixture) {
				cursor := w.arm()
				end := w.start(w.Context(), inbox.Request{Cursor: cursor})
				time.Sleep(time.Second)
				w.ravi.Server.Faults().Add(sandbox.Fault{Endpoint: mailList, Status: status, Count: -1})
				began := time.Now()
				_, err := end()
				require.ErrorIs(w, err, want)
				assert.Less(w, time.Since(began), 3*time.Second)
			})
		})
	}
}

func TestMailWorksWithoutSMSSupport(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		w.ravi.Server.Faults().Add(sandbox.Fault{Endpoint: smsList, Status: 405, Count: -1})
		cursor := w.arm()
		w.mail(code("no-reply@acme.test", "482913"))
		res := w.wait(inbox.Request{Cursor: cursor})
		assert.Equal(w, "482913", res.Code.Reveal())
		_, err := w.hub.Wait(w.Context(), w.target, inbox.Request{Cursor: cursor, Channel: inbox.SMS})
		require.ErrorIs(w, err, ravi.ErrUnsupported)
	})
}

func TestCursorsAreBoundAndRefusedAlike(t *testing.T) {
	now := time.Now()
	sealer := token.Random()
	sealer.Now = func() time.Time { return now }
	scenario{hub: inbox.Config{Sealer: sealer}}.run(t, func(w *fixture) {
		cursor := w.arm()
		who, err := w.hub.CursorIdentity("local", cursor)
		require.NoError(w, err)
		assert.Equal(w, w.id.UUID, who)

		other := w.target
		other.Identity = w.ravi.CreateIdentity(w.T, sandbox.NewIdentity{Name: "Eve"}).UUID
		refused := func(target inbox.Target, cursor string) {
			w.Helper()
			_, err := w.hub.Wait(w.Context(), target, inbox.Request{Cursor: cursor})
			require.ErrorIs(w, err, inbox.ErrCursor)
			assert.Equal(w, inbox.ErrCursor.Error(), err.Error())
		}
		refused(w.as("another caller"), cursor)
		refused(other, cursor)
		refused(w.target, cursor+"A")
		refused(w.target, "made up")
		_, err = w.hub.CursorIdentity("another caller", cursor)
		require.ErrorIs(w, err, inbox.ErrCursor)

		now = now.Add(24 * time.Hour)
		refused(w.target, cursor)
		_, err = w.hub.CursorIdentity("local", cursor)
		require.ErrorIs(w, err, inbox.ErrCursor)
	})
}

func TestNewIdentityArmsWithoutRequest(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		before := len(w.ravi.Server.Requests())
		cursor, err := w.hub.ArmEmpty(w.target)
		require.NoError(w, err)
		assert.Len(w, w.ravi.Server.Requests(), before)
		w.sms("+15550001111", "Your Acme code is 226051")
		assert.Equal(w, "226051", w.wait(inbox.Request{Cursor: cursor}).Code.Reveal())
	})
}

func TestCancellationReachesRaviAtOnce(t *testing.T) {
	scenario{hub: inbox.Config{Linger: -1}}.run(t, func(w *fixture) {
		cursor := w.arm()
		slow := &slowSource{Source: w.target.Source, began: make(chan struct{}, 9), ended: make(chan time.Time, 9)}
		w.target.Source = slow
		ctx, cancel := context.WithCancelCause(w.Context())
		end := w.start(ctx, inbox.Request{Cursor: cursor, Channel: inbox.SMS})
		<-slow.began
		time.Sleep(3 * time.Second)
		gone := errors.New("the client is gone")
		at := time.Now()
		cancel(gone)
		_, err := end()
		require.ErrorIs(w, err, gone)
		assert.Equal(w, at, <-slow.ended, "the read upstream ended with the wait")
		synctest.Wait()
		assert.Equal(w, inbox.Stats{}, w.hub.Stats(), "nothing lingers, the stream is closed")
	})
}

func TestShutdownEndsWaitsWithTheirCursor(t *testing.T) {
	for name, down := range map[string]func(w *fixture, cancel context.CancelCauseFunc){
		"hub": func(w *fixture, _ context.CancelCauseFunc) { w.hub.Close() },
		"context": func(_ *fixture, cancel context.CancelCauseFunc) {
			cancel(fmt.Errorf("going: %w", inbox.ErrShuttingDown))
		},
	} {
		t.Run(name, func(t *testing.T) {
			sealer := token.Random()
			scenario{hub: inbox.Config{Sealer: sealer}}.run(t, func(w *fixture) {
				ctx, cancel := context.WithCancelCause(w.Context())
				end := w.start(ctx, inbox.Request{Cursor: w.arm()})
				time.Sleep(3 * time.Second)
				down(w, cancel)
				res, err := end()
				require.NoError(w, err)
				assert.Equal(w, inbox.Pending, res.Status)
				assert.Equal(w, inbox.ReasonShutdown, res.Reason)
				assert.Equal(w, 3*time.Second, res.Waited)

				w.hub.Close()
				_, err = w.hub.Arm(w.Context(), w.target)
				require.ErrorIs(w, err, inbox.ErrShuttingDown)
				_, err = w.hub.Wait(w.Context(), w.target, inbox.Request{})
				require.ErrorIs(w, err, inbox.ErrShuttingDown)

				// The next process, with the same key, goes on without a gap.
				w.sms("+15550001111", "Your Acme code is 226051")
				w.hub = inbox.New(inbox.Config{Sealer: sealer})
				assert.Equal(w, "226051", w.wait(inbox.Request{Cursor: res.Cursor}).Code.Reveal())
			})
		})
	}
}

func TestWaitsAreLimitedPerCaller(t *testing.T) {
	scenario{hub: inbox.Config{MaxWaits: 3, MaxWaitsPerCaller: 2}}.run(t, func(w *fixture) {
		cursor := w.arm()
		ctx, cancel := context.WithCancel(w.Context())
		ends := []func() (inbox.Result, error){w.start(ctx, inbox.Request{Cursor: cursor}), w.start(ctx, inbox.Request{Cursor: cursor})}
		synctest.Wait()
		_, err := w.hub.Wait(ctx, w.target, inbox.Request{Cursor: cursor})
		require.ErrorIs(w, err, inbox.ErrTooManyWaits)

		w.target = w.as("another")
		ends = append(ends, w.start(ctx, inbox.Request{}))
		synctest.Wait()
		_, err = w.hub.Wait(ctx, w.as("a third"), inbox.Request{})
		require.ErrorIs(w, err, inbox.ErrTooManyWaits)
		cancel()
		for _, end := range ends {
			_, err := end()
			require.ErrorIs(w, err, context.Canceled)
		}
		w.target = w.as("local")
		assert.Equal(w, inbox.Pending, w.wait(inbox.Request{Cursor: cursor, Timeout: time.Second}).Status, "places are free again")
	})
}

func TestUnknownChannelAndWantAreRefused(t *testing.T) {
	t.Parallel()
	hub := inbox.New(inbox.Config{})
	defer hub.Close()
	for _, r := range []inbox.Request{{Channel: "fax"}, {Want: "everything"}} {
		_, err := hub.Wait(t.Context(), inbox.Target{}, r)
		require.ErrorIs(t, err, inbox.ErrRequest)
	}
}
