package sandbox_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// event is one event of a stream; a comment has only Data.
type event struct{ ID, Name, Data string }

// listen opens the stream and hands over its events, comments as name ":".
func (c client) listen(ctx context.Context, lastID string) <-chan event {
	c.t.Helper()
	req := c.request("GET", "/api/events/stream/", nil).WithContext(ctx)
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := c.ravi.Client.Do(req)
	require.NoError(c.t, err)
	require.Equal(c.t, 200, res.StatusCode)
	require.Equal(c.t, "text/event-stream", res.Header.Get("Content-Type"))
	out := make(chan event, 1000)
	go func() {
		defer close(out)
		defer res.Body.Close()
		var e event
		for sc := bufio.NewScanner(res.Body); sc.Scan(); {
			name, value, _ := strings.Cut(sc.Text(), ": ")
			switch name {
			case "id":
				e.ID = value
			case "event":
				e.Name = value
			case "data":
				e.Data = value
			case "":
				if value != "" {
					out <- event{Name: ":", Data: value}
				} else {
					out <- e
					e = event{}
				}
			}
		}
	}()
	return out
}

// next waits for an event that is no comment.
func next(t *testing.T, events <-chan event) event {
	t.Helper()
	for e := range events {
		if e.Name != ":" && e.ID != "" {
			return e
		}
	}
	require.Fail(t, "the stream ended")
	return event{}
}

func TestStreamLifecycle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{})
		id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
		other := r.CreateIdentity(t, sandbox.NewIdentity{Name: "b"})
		me := c.as(id.UUID)
		sms := func(to sandbox.IdentityInfo, body string) {
			_, err := r.Server.DeliverSMS(sandbox.SMS{To: to.Phone, From: "+15559876543", Body: body})
			require.NoError(t, err)
		}
		sms(id, "before")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		events := me.listen(ctx, "")
		assert.Equal(t, event{Name: ":", Data: "connected"}, <-events)
		assert.Equal(t, 1, r.Server.Streams(id.UUID))
		assert.Equal(t, 1, r.Server.Streams(""))

		sms(other, "not for you")
		sms(id, "code 1")
		first := next(t, events)
		assert.Equal(t, "sms", first.Name)
		assert.Contains(t, first.Data, `"body":"code 1"`)
		assert.Zero(t, time.Since(began), "nothing waits for the clock")

		for e := range events {
			if e.Data == "heartbeat" {
				break
			}
		}
		assert.Equal(t, 15*time.Second, time.Since(began))
		cancel()
		synctest.Wait()
		assert.Zero(t, r.Server.Streams(id.UUID), "a client that leaves leaves nothing behind")

		sms(id, "code 2")
		_, err := r.Server.DeliverEmail(sandbox.Email{To: id.Inbox, From: "x@example.com", Subject: "s"})
		require.NoError(t, err)
		events = me.listen(t.Context(), first.ID)
		second, third := next(t, events), next(t, events)
		assert.Contains(t, second.Data, "code 2")
		assert.Equal(t, "email", third.Name)
		assert.Greater(t, number(t, third.ID), number(t, second.ID))

		c.delete("/api/identities/" + id.UUID + "/").is(204)
		for range events { // ends by itself
		}
		assert.Zero(t, r.Server.Streams(id.UUID))
	})
}

// dropAtHead is a client that has its stream cut as soon as it sees the head of the answer.
type dropAtHead struct {
	*httptest.ResponseRecorder
	drop func()
}

func (d dropAtHead) Flush() { d.drop() }

func TestStreamCanBeCutOnceItsHeadIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{})
		id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
		w := dropAtHead{httptest.NewRecorder(), func() { r.Server.DropStreams(id.UUID) }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		request := c.as(id.UUID).request("GET", "/api/events/stream/", nil).WithContext(ctx)
		assert.PanicsWithValue(t, http.ErrAbortHandler, func() { r.Server.ServeHTTP(w, request) }, "cut, not left")
		assert.NoError(t, ctx.Err())
	})
}

func TestStreamEndsWhenTheServerCloses(t *testing.T) {
	t.Parallel()
	r := sandboxtest.New(t, sandbox.Config{})
	c := client{t: t, ravi: r, token: r.Account.AccessToken}
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	events := c.as(id.UUID).listen(t.Context(), "")
	require.NoError(t, r.Server.Close())
	for range events {
	}
}

// stuckWriter is the answer to a client that stops reading until it leaves.
type stuckWriter struct {
	header http.Header
	left   <-chan struct{}
}

func (w stuckWriter) Header() http.Header { return w.header }
func (w stuckWriter) WriteHeader(int)     {}
func (w stuckWriter) Flush()              {}
func (w stuckWriter) Write([]byte) (int, error) {
	<-w.left
	return 0, io.ErrClosedPipe
}

func TestStreamOfADeletedIdentityIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{})
		id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
		left := make(chan struct{})
		go r.Server.ServeHTTP(stuckWriter{header: http.Header{}, left: left}, c.as(id.UUID).request("GET", "/api/events/stream/", nil))
		synctest.Wait()
		c.delete("/api/identities/" + id.UUID + "/").is(204)
		assert.Equal(t, 1, r.Server.Streams(id.UUID))
		assert.Equal(t, 1, r.Server.Streams(""))
		close(left)
		synctest.Wait()
		assert.Zero(t, r.Server.Streams(id.UUID))
		assert.Zero(t, r.Server.Streams(""))
	})
}
