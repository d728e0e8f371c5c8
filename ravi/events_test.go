package ravi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

const streamRoute = "/api/events/stream/"

func next(t testing.TB, s *ravi.EventStream) ravi.Event {
	t.Helper()
	select {
	case ev, ok := <-s.Events():
		require.True(t, ok, "the stream has ended: %v", s.Err())
		return ev
	case <-time.After(2 * time.Minute):
		require.Fail(t, "no event")
		return ravi.Event{}
	}
}

func (w *world) sms(t testing.TB, to *ravi.Identity) {
	t.Helper()
	_, err := w.Server.DeliverSMS(sandbox.SMS{To: to.Phone, From: "+15550001111", Body: "x"})
	require.NoError(t, err)
}

func TestEventsWakeAtOnce(t *testing.T) {
	for _, era := range []sandbox.Era{sandbox.EraTokens, sandbox.EraKeys} {
		t.Run(string(era), func(t *testing.T) {
			bubble(t, sandbox.Config{Era: era}, func(t *testing.T, w *world, id *ravi.Identity, scope *ravi.Scope) {
				s, err := scope.Events(t.Context(), ravi.EventsConfig{})
				require.NoError(t, err)
				began := time.Now()
				w.sms(t, id)
				ev := next(t, s)
				assert.Equal(t, ravi.EventSMS, ev.Kind)
				assert.NotEmpty(t, ev.ID)
				deliver(t, w, sandbox.Email{To: id.Inbox, From: "a@example.com", Subject: "s", Text: "t"})
				ev = next(t, s)
				assert.Equal(t, ravi.EventEmail, ev.Kind)
				assert.Equal(t, map[sandbox.Era]string{sandbox.EraTokens: "email", sandbox.EraKeys: "email_untrusted"}[era], ev.Name)
				assert.Zero(t, time.Since(began))
				require.NoError(t, s.Close())
				require.NoError(t, s.Err())
				_, open := <-s.Events()
				assert.False(t, open)
				synctest.Wait()
				assert.Zero(t, w.Server.Streams(id.UUID))
			})
		})
	}
}

func TestStreamReconnects(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, id *ravi.Identity, scope *ravi.Scope) {
		s, err := scope.Events(t.Context(), ravi.EventsConfig{})
		require.NoError(t, err)
		defer s.Close()
		w.sms(t, id)
		first := next(t, s)
		synctest.Wait() // until Ravi is ready to drop it
		w.Server.DropStreams(id.UUID)
		assert.Equal(t, ravi.EventDisconnected, next(t, s).Kind)
		w.sms(t, id) // while no stream is open
		assert.Equal(t, ravi.EventConnected, next(t, s).Kind)
		assert.Equal(t, first.ID, lastStream(w).Header.Get("Last-Event-Id"))
		assert.Equal(t, ravi.EventSMS, next(t, s).Kind, "replayed after Last-Event-ID")

		// Ravi is away for a while: the pauses grow, up to half a minute and some.
		w.Server.Faults().Add(sandbox.Fault{Endpoint: streamRoute, Status: 502, Count: 6})
		w.Server.ClearRequests()
		began := time.Now()
		synctest.Wait() // until Ravi is ready to drop it
		w.Server.DropStreams(id.UUID)
		assert.Equal(t, ravi.EventDisconnected, next(t, s).Kind)
		assert.Equal(t, ravi.EventConnected, next(t, s).Kind)
		assert.Equal(t, 7, w.Server.CountRequests("", streamRoute))
		assert.Greater(t, time.Since(began), 15*time.Second)

		// Back again, the next loss is mended as fast as the first.
		w.sms(t, id)
		assert.Equal(t, ravi.EventSMS, next(t, s).Kind)
		synctest.Wait()
		began = time.Now()
		w.Server.DropStreams(id.UUID)
		assert.Equal(t, ravi.EventDisconnected, next(t, s).Kind)
		assert.Equal(t, ravi.EventConnected, next(t, s).Kind)
		assert.Less(t, time.Since(began), time.Second)
	})
}

func lastStream(w *world) (last sandbox.RequestRecord) {
	for _, r := range w.Server.Requests() {
		if r.Stream {
			last = r
		}
	}
	return last
}

func TestStreamHeartbeatAndSilence(t *testing.T) {
	bubble(t, sandbox.Config{Heartbeat: 15 * time.Second}, func(t *testing.T, w *world, id *ravi.Identity, scope *ravi.Scope) {
		s, err := scope.Events(t.Context(), ravi.EventsConfig{Silence: 40 * time.Second})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		assert.Equal(t, 1, w.Server.CountRequests("", streamRoute))
		assert.Empty(t, s.Events())
		require.NoError(t, s.Close())
		w.Server.ClearRequests()

		began := time.Now()
		s, err = scope.Events(t.Context(), ravi.EventsConfig{Silence: 10 * time.Second})
		require.NoError(t, err)
		assert.Equal(t, ravi.EventDisconnected, next(t, s).Kind)
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Equal(t, ravi.EventConnected, next(t, s).Kind)
		require.NoError(t, s.Close())
	})
}

func TestStreamRefreshesToken(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, id *ravi.Identity, scope *ravi.Scope) {
		require.NoError(t, w.Server.ExpireAccess(w.Account.Email))
		s, err := scope.Events(t.Context(), ravi.EventsConfig{})
		require.NoError(t, err)
		defer s.Close()
		require.NoError(t, w.Server.ExpireAccess(w.Account.Email))
		synctest.Wait() // until Ravi is ready to drop it
		w.Server.DropStreams("")
		assert.Equal(t, ravi.EventDisconnected, next(t, s).Kind)
		assert.Equal(t, ravi.EventConnected, next(t, s).Kind)
		assert.Equal(t, 2, w.Server.CountRequests("", refreshRoute))
	})
}

func TestStreamEndsWithItsIdentity(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, id *ravi.Identity, scope *ravi.Scope) {
		s, err := scope.Events(t.Context(), ravi.EventsConfig{})
		require.NoError(t, err)
		require.NoError(t, w.client.DeleteIdentity(t.Context(), id.UUID))
		assert.Equal(t, ravi.EventDisconnected, next(t, s).Kind)
		_, open := <-s.Events()
		assert.False(t, open)
		require.Error(t, s.Err())
		require.NoError(t, s.Close())
	})
}

func TestStreamEndsWithContextAndClient(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, id *ravi.Identity, scope *ravi.Scope) {
		ctx, cancel := context.WithCancel(t.Context())
		one, err := scope.Events(ctx, ravi.EventsConfig{})
		require.NoError(t, err)
		two, err := scope.Events(t.Context(), ravi.EventsConfig{})
		require.NoError(t, err)
		cancel()
		_, open := <-one.Events()
		assert.False(t, open)
		require.NoError(t, w.client.Close())
		_, open = <-two.Events()
		assert.False(t, open)
		_, err = scope.Events(t.Context(), ravi.EventsConfig{})
		require.ErrorIs(t, err, ravi.ErrUnavailable)
	})
}

func TestAnswersThatAreNoStream(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func() *http.Response{
		"HTML": func() *http.Response {
			r := respond(200, "<html>")
			r.Header.Set("Content-Type", "text/html; charset=utf-8")
			return r
		},
		"JSON":  func() *http.Response { return respond(200, "{}") },
		"empty": func() *http.Response { return respond(204, "") },
		"404":   func() *http.Response { return respond(404, `{"detail":"Not found."}`) },
		"405":   func() *http.Response { return respond(405, `{}`) },
		"406":   func() *http.Response { return respond(406, `{}`) },
	} {
		w := &wire{answer: func(*http.Request) *http.Response { return answer() }}
		_, err := over(t, w).Scope("u").Events(t.Context(), ravi.EventsConfig{})
		require.ErrorIs(t, err, ravi.ErrUnsupported, name)
		assert.Equal(t, "text/event-stream", w.seen().Header.Get("Accept"))
	}
	for status, want := range map[int]error{401: ravi.ErrTokenExpired, 402: ravi.ErrSubscriptionRequired, 403: ravi.ErrForbidden, 429: ravi.ErrRateLimited, 503: ravi.ErrUnavailable, 302: ravi.ErrUnavailable} {
		w := &wire{answer: func(*http.Request) *http.Response { return respond(status, `{"detail":"x"}`) }}
		_, err := over(t, w).Scope("u").Events(t.Context(), ravi.EventsConfig{})
		require.ErrorIs(t, err, want, "%d", status)
	}
}

// streaming answers with a stream of texts, one for each connection.
func streaming(texts ...string) *wire {
	w := &wire{}
	w.answer = func(*http.Request) *http.Response {
		text := ""
		if len(texts) > 0 {
			text, texts = texts[0], texts[1:]
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}, Body: io.NopCloser(strings.NewReader(text)), ContentLength: -1}
	}
	return w
}

func TestEventNamesAndOddStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		text := ": hi\n\nid: 1\n\nevent: email_owner\ndata: {}\n\nevent:sms\r\ndata:a\r\ndata:b\r\nid:7\r\n\r\nevent: call.ended\ndata: x\n\ndata: unnamed\n\nretry: 5\n\nEVENT: no\n\nevent: SMS.message\ndata:\n\n"
		big := "event: email\nid: 99\ndata: " + strings.Repeat("x", 2<<20) + "\n\n"
		w := streaming(text, big, "event: email\nid: 8\x01\ndata: y\n\n")
		c := over(t, w)
		s, err := c.Scope("u").Events(t.Context(), ravi.EventsConfig{LastEventID: "5"})
		require.NoError(t, err)
		assert.Equal(t, "5", w.seen().Header.Get("Last-Event-Id"))
		var kinds []ravi.EventKind
		for range 4 {
			kinds = append(kinds, next(t, s).Kind)
		}
		assert.Equal(t, []ravi.EventKind{ravi.EventEmail, ravi.EventSMS, ravi.EventOther, ravi.EventOther}, kinds)
		assert.Equal(t, ravi.EventSMS, next(t, s).Kind)
		assert.Equal(t, ravi.EventDisconnected, next(t, s).Kind)
		assert.Equal(t, ravi.EventConnected, next(t, s).Kind)
		assert.Equal(t, "7", w.seen().Header.Get("Last-Event-Id"))
		assert.Equal(t, ravi.EventDisconnected, next(t, s).Kind, "the event is too large")
		assert.Equal(t, ravi.EventConnected, next(t, s).Kind)
		assert.Empty(t, w.seen().Header.Get("Last-Event-Id"), "and is not asked for again")
		assert.Equal(t, ravi.EventEmail, next(t, s).Kind)
		require.NoError(t, s.Close())
		require.NoError(t, c.Close())
	})
}

// A reader that does not read loses repetitions, but no kind of event.
func TestSlowReaderLosesNoKindOfEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		text.WriteString("event: sms\ndata: first\n\n")
		for n := range 1000 {
			fmt.Fprintf(&text, "id: %d\nevent: email\ndata: x\n\n", n)
		}
		w := streaming(text.String())
		c := over(t, w)
		s, err := c.Scope("u").Events(t.Context(), ravi.EventsConfig{})
		require.NoError(t, err)
		time.Sleep(200 * time.Millisecond) // it is all read, and no reader took it
		require.NoError(t, s.Close())
		kinds := map[ravi.EventKind]int{}
		last := ""
		for ev := range s.Events() {
			kinds[ev.Kind]++
			if ev.Kind == ravi.EventEmail {
				last = ev.ID
			}
		}
		assert.Positive(t, kinds[ravi.EventSMS])
		assert.Positive(t, kinds[ravi.EventEmail])
		assert.Positive(t, kinds[ravi.EventDisconnected])
		assert.Equal(t, "999", last, "the last one is there")
		require.NoError(t, c.Close())
	})
}

func TestDuplicateAndReorderedEventsWakeUp(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, id *ravi.Identity, scope *ravi.Scope) {
		w.Server.Faults().Add(sandbox.Fault{Endpoint: streamRoute, Duplicate: true, Reorder: true, DropAfter: 5})
		s, err := scope.Events(t.Context(), ravi.EventsConfig{})
		require.NoError(t, err)
		for range 5 {
			w.sms(t, id)
		}
		kinds := map[ravi.EventKind]int{}
		for kinds[ravi.EventConnected] == 0 {
			kinds[next(t, s).Kind]++
		}
		assert.Positive(t, kinds[ravi.EventSMS])
		require.NoError(t, s.Close())
	})
}

func FuzzEventStream(f *testing.F) {
	for _, s := range []string{"", "event: sms\ndata: {}\n\n", "id: 1\nevent: email_owner\ndata: a\ndata: b\n\n", ": c\n\n", "\xef\xbb\xbfdata: x\r\r", "retry: -1\n\n", "id: \x00\n\nid: a\nevent: \n\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		synctest.Test(t, func(t *testing.T) {
			w := streaming(text, text)
			c := over(t, w)
			s, err := c.Scope("u").Events(t.Context(), ravi.EventsConfig{})
			require.NoError(t, err)
			for ev := range s.Events() {
				if ev.Kind == ravi.EventConnected {
					break // the second connection could be made, whatever the first one sent
				}
			}
			require.NoError(t, s.Close())
			require.NoError(t, c.Close())
		})
	})
}
