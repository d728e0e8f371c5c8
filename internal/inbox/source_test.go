package inbox_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// withFakeRavi runs a scenario on the fake Ravi, whose reads can be counted one by one.
func withFakeRavi(t *testing.T, cfg inbox.Config, fn func(t *testing.T, f *fakeRavi, hub *inbox.Hub, target inbox.Target)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRavi()
		hub := inbox.New(cfg)
		defer hub.Close()
		fn(t, f, hub, inbox.Target{Caller: "local", Credential: "c", Identity: "i", Address: "ada@in.ravi.test", Phone: "+15559990000", Source: f})
	})
}

func TestManyWaitsPollNoMoreThanOneLoop(t *testing.T) {
	withFakeRavi(t, inbox.Config{}, func(t *testing.T, f *fakeRavi, hub *inbox.Hub, target inbox.Target) {
		f.noStream = true
		cursor, err := hub.Arm(t.Context(), target)
		require.NoError(t, err)
		began, armed := time.Now(), f.listings(0)
		ctx, cancel := context.WithCancel(t.Context())
		for range 1000 { // they come one after the other, for half a minute
			go func() { _, _ = hub.Wait(ctx, target, inbox.Request{Cursor: cursor, Timeout: 50 * time.Second}) }()
			time.Sleep(30 * time.Millisecond)
		}
		time.Sleep(20 * time.Second)
		loop := 1 + int(time.Since(began)/(2*time.Second))
		for c := range 2 {
			assert.LessOrEqual(t, f.listings(c)-armed, loop, "channel %d", c)
			assert.GreaterOrEqual(t, f.listings(c)-armed, loop*9/10-1, "channel %d", c)
		}
		cancel()
		synctest.Wait()
		assert.Zero(t, hub.Stats().Waits)
		time.Sleep(31 * time.Second)
		assert.Zero(t, hub.Stats(), "after the last wait nothing is left but for a moment")
	})
}

func TestStreamsAreCappedAndTheRestPoll(t *testing.T) {
	withFakeRavi(t, inbox.Config{MaxStreams: 1, Linger: -1}, func(t *testing.T, f *fakeRavi, hub *inbox.Hub, target inbox.Target) {
		wait := func(identity string, ctx context.Context) chan inbox.Result {
			out := make(chan inbox.Result, 1)
			target := target
			target.Identity = identity
			go func() {
				res, _ := hub.Wait(ctx, target, inbox.Request{})
				out <- res
			}()
			time.Sleep(time.Second)
			return out
		}
		ctx, cancel := context.WithCancel(t.Context())
		first, second := wait("one", ctx), wait("two", t.Context())
		assert.Equal(t, 1, f.connects())
		assert.Equal(t, inbox.Stats{Waits: 2, Watchers: 2, Streams: 1}, hub.Stats())
		cancel()
		<-first
		time.Sleep(time.Millisecond)
		assert.Equal(t, 2, f.connects(), "the place that became free is taken")
		f.deliver(fakeMessage{channel: 1, from: "+15550001111", code: "482913"}, 0, 0)
		assert.Equal(t, "482913", (<-second).Code.Reveal())
	})
}

func TestLongInboxIsListedInFullOnlyWhenNeeded(t *testing.T) {
	for _, ignored := range []bool{false, true} {
		t.Run(fmt.Sprintf("ignored=%v", ignored), func(t *testing.T) {
			withFakeRavi(t, inbox.Config{}, func(t *testing.T, f *fakeRavi, hub *inbox.Hub, target inbox.Target) {
				f.noStream, f.ignoreAfter = true, ignored
				for range 100 {
					f.deliver(fakeMessage{channel: 0, from: "news@shop.test"}, 0, 0)
					time.Sleep(time.Minute)
				}
				cursor, err := hub.Arm(t.Context(), target)
				require.NoError(t, err)
				whole := f.listings(0)
				res, err := hub.Wait(t.Context(), target, inbox.Request{Cursor: cursor, Channel: inbox.Email, Timeout: 40 * time.Second})
				require.NoError(t, err)
				assert.Equal(t, inbox.Pending, res.Status)
				reads := f.listings(0) - whole
				if ignored {
					assert.Zero(t, f.narrowed)
					assert.InDelta(t, 19, reads, 1, "one try is enough to see it")
				} else {
					assert.Equal(t, reads-1, f.narrowed)
					assert.InDelta(t, 19, reads, 1, "a whole list every 16th time")
				}
				f.deliver(fakeMessage{channel: 0, from: "code@acme.test", code: "482913"}, 5*time.Minute, 0)
				for range 8 {
					f.deliver(fakeMessage{channel: 0, from: "news@shop.test"}, 0, 0)
					time.Sleep(time.Minute)
				}
				res, err = hub.Wait(t.Context(), target, inbox.Request{Cursor: res.Cursor})
				require.NoError(t, err)
				assert.Equal(t, "482913", res.Code.Reveal(), "late, and behind newer ones")
			})
		})
	}
}

func TestMaxAgeSkipsOldMessages(t *testing.T) {
	withFakeRavi(t, inbox.Config{}, func(t *testing.T, f *fakeRavi, hub *inbox.Hub, target inbox.Target) {
		f.skew = 5 * time.Minute
		target.Source = clockedRavi{f}
		cursor, err := hub.Arm(t.Context(), target)
		require.NoError(t, err)
		f.deliver(fakeMessage{channel: 1, from: "+15550001111", code: "118204"}, 0, 0)
		time.Sleep(11 * time.Minute)
		res, err := hub.Wait(t.Context(), target, inbox.Request{Cursor: cursor, MaxAge: 10 * time.Minute, Timeout: time.Second})
		require.NoError(t, err)
		assert.Equal(t, inbox.Pending, res.Status)
		res, err = hub.Wait(t.Context(), target, inbox.Request{Cursor: cursor, Timeout: time.Second})
		require.NoError(t, err)
		assert.Equal(t, "118204", res.Code.Reveal(), "an explicit cursor has no such limit")

		f.deliver(fakeMessage{channel: 1, from: "+15550001111", code: "226051"}, 0, 0)
		time.Sleep(9 * time.Minute)
		res, err = hub.Wait(t.Context(), target, inbox.Request{Cursor: cursor, MaxAge: 10 * time.Minute, Timeout: time.Second})
		require.NoError(t, err)
		assert.Equal(t, "226051", res.Code.Reveal())
		assert.Zero(t, res.Superseded)
	})
}

// clockedRavi tells its time, as the Date header of real answers does.
type clockedRavi struct{ *fakeRavi }

func (c clockedRavi) ServerTime() (time.Time, bool) { return time.Now().Add(c.skew), true }

func TestTextsMissingInListAreFetched(t *testing.T) {
	withFakeRavi(t, inbox.Config{}, func(t *testing.T, f *fakeRavi, hub *inbox.Hub, target inbox.Target) {
		brief := &briefRavi{fakeRavi: f}
		target.Source = brief
		for range 50 {
			f.deliver(fakeMessage{channel: 0, from: "a@b.test", code: "990612"}, 0, 0)
		}
		cursor, err := hub.Arm(t.Context(), target)
		require.NoError(t, err)
		f.deliver(fakeMessage{channel: 0, from: "code@acme.test", code: "482913"}, 0, 0)
		res, err := hub.Wait(t.Context(), target, inbox.Request{Cursor: cursor})
		require.NoError(t, err)
		assert.Equal(t, "482913", res.Code.Reveal())
		assert.Equal(t, 1, brief.details, "only of the one that counts")
	})
}

// briefRavi leaves texts out of its lists.
type briefRavi struct {
	*fakeRavi
	details int
}

func (b *briefRavi) EmailMessages(ctx context.Context, filter ravi.MessageFilter) iter.Seq2[ravi.EmailMessage, error] {
	return func(yield func(ravi.EmailMessage, error) bool) {
		for m, err := range b.fakeRavi.EmailMessages(ctx, filter) {
			m.Text = ""
			if !yield(m, err) {
				return
			}
		}
	}
}

func (b *briefRavi) EmailMessage(ctx context.Context, id int64) (*ravi.EmailMessage, error) {
	b.details++
	for m, err := range b.fakeRavi.EmailMessages(ctx, ravi.MessageFilter{}) {
		if err == nil && m.ID == id {
			return &m, nil
		}
	}
	return nil, &ravi.Error{Op: "get", Kind: ravi.ErrNotFound}
}

func TestSMSIsPolledWhenOnlyMailIsAnnounced(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		w.ravi.Server.Faults().Add(sandbox.Fault{Endpoint: sandbox.DeliverSMSPoint, NoEvent: true, Count: -1})
		end := w.start(w.Context(), inbox.Request{Cursor: w.arm()})
		time.Sleep(10 * time.Second)
		w.mail(sandbox.Email{From: "a@b.test", Subject: "Hello", Text: "Mail is announced."})
		time.Sleep(time.Second)
		began := time.Now()
		w.sms("+15550001111", "Your Acme code is 226051")
		res, err := end()
		require.NoError(w, err)
		assert.Equal(w, "226051", res.Code.Reveal())
		assert.LessOrEqual(w, time.Since(began), 2200*time.Millisecond)
	})
}

func TestSilentStreamFallsBackToPolling(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		end := w.start(w.Context(), inbox.Request{Cursor: cursor, From: "unknown.test", Timeout: 10 * time.Minute})
		w.sms("+15550001111", "This one is announced")
		time.Sleep(time.Minute)
		w.ravi.Server.Faults().Add(sandbox.Fault{Endpoint: sandbox.DeliverSMSPoint, NoEvent: true, Count: -1})
		w.sms("+15550001111", "This one is not")
		time.Sleep(time.Minute)
		before := w.reads(smsList)
		time.Sleep(time.Minute)
		assert.InDelta(w, 29, w.reads(smsList)-before, 2, "polled again")
		w.ravi.Server.Faults().Clear()
		w.sms("+15550001111", "Announced again")
		time.Sleep(5 * time.Second)
		before = w.reads(smsList)
		time.Sleep(time.Minute)
		assert.InDelta(w, 4, w.reads(smsList)-before, 1, "and trusted again")
		_, err := end()
		require.NoError(w, err)
	})
}
