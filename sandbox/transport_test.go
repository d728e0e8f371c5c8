package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

func TestRoundTripperEndsWithItsRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{})
		id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
		open := func(ctx context.Context) *http.Response {
			res, err := r.Client.Do(c.as(id.UUID).request("GET", "/api/events/stream/", nil).WithContext(ctx))
			require.NoError(t, err)
			return res
		}
		// closing the body
		res := open(t.Context())
		require.NoError(t, res.Body.Close())
		synctest.Wait()
		assert.Zero(t, r.Server.Streams(id.UUID))
		_, err := res.Body.Read(make([]byte, 1))
		require.ErrorIs(t, err, http.ErrBodyReadAfterClose)

		// cancelling while a read is blocked
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
		defer cancel()
		res = open(ctx)
		_, err = io.ReadAll(res.Body)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		assert.Zero(t, r.Server.Streams(id.UUID))

		// a request whose context is over is not sent
		n := len(r.Server.Requests())
		_, err = r.Client.Do(c.request("GET", "/api/domains/", nil).WithContext(ctx))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Len(t, r.Server.Requests(), n)
		assert.Equal(t, time.Second, time.Since(r.Server.Requests()[0].Time.Local()).Round(time.Millisecond))
	})
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	ignore := goleak.IgnoreCurrent() // tests that run beside this one
	r, err := sandbox.New(sandbox.Config{})
	require.NoError(t, err)
	acct, err := r.Account(sandbox.AccountConfig{})
	require.NoError(t, err)
	c := client{t: t, token: acct.AccessToken, ravi: &sandboxtest.Instance{
		URL: "http://ravi.test", Server: r, Account: acct, Client: &http.Client{Transport: r.RoundTripper()}}}
	id, err := r.CreateIdentity(acct.Email, sandbox.NewIdentity{Name: "a"})
	require.NoError(t, err)
	var left []<-chan event
	for range 50 {
		events := c.as(id.UUID).listen(t.Context(), "")
		left = append(left, events)
	}
	r.Faults().Add(sandbox.Fault{Cut: true}, sandbox.Fault{Truncate: true, Cut: true})
	for range 2 {
		_, _, err := c.try("GET", "/api/domains/", nil)
		require.Error(t, err)
	}
	require.NoError(t, r.Close())
	for _, events := range left {
		for range events {
		}
	}
	goleak.VerifyNone(t, ignore)
}

// Many clients at once, for the race detector.
func TestConcurrentIdentities(t *testing.T) {
	t.Parallel()
	const n = 40
	r, c := start(t, sandbox.Config{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			made := c.post("/api/identities/", object{"name": "agent"}).is(201).object()
			me := c.as(made["uuid"].(string))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			events := me.listen(ctx, "")
			for k := range 5 {
				_, err := r.Server.DeliverSMS(sandbox.SMS{To: made["phone"].(string), From: "x", Body: fmt.Sprint(i, "-", k)})
				assert.NoError(t, err)
				assert.Contains(t, next(t, events).Data, fmt.Sprintf(`"body":"%d-%d"`, i, k))
				assert.Len(t, me.get("/api/messages/").is(200).list(), k+1)
				me.post("/api/secrets/", object{"key": fmt.Sprint("K", k), "value": "v"}).is(201)
				c.get("/api/identities/").is(200)
				r.Server.Identities()
			}
			if i%2 == 0 {
				c.delete("/api/identities/" + made["uuid"].(string) + "/").is(204)
			}
		})
	}
	wg.Wait()
	list := r.Server.Identities()
	assert.Len(t, list, n/2)
	inboxes := map[string]bool{}
	for _, id := range list {
		inboxes[id.Inbox], inboxes[id.Phone] = true, true
	}
	assert.Len(t, inboxes, n, "no address and no number twice")
}

func TestSkewedServerClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 6, 12, 0, 0, 0, time.UTC)
	r, c := start(t, sandbox.Config{Now: func() time.Time { return now }})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	_, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: "b"})
	require.NoError(t, err)
	messages := c.as(id.UUID).get("/api/messages/").is(200)
	assert.Equal(t, "2026-04-06T12:00:00Z", messages.list()[0]["created_dt"])
	assert.Equal(t, "Mon, 06 Apr 2026 12:00:00 GMT", messages.Header.Get("Date"))
}

func TestRecordsKeepTheLastRequests(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{KeptRequests: 3, RecordBodies: true})
	for _, name := range []string{"a", "b", "c", "d"} {
		c.post("/api/identities/", object{"name": name}).is(201)
	}
	recs := r.Server.Requests()
	require.Len(t, recs, 3)
	assert.JSONEq(t, `{"name":"b"}`, string(recs[0].Body))
	assert.JSONEq(t, `{"name":"d"}`, string(recs[2].Body))
	assert.Equal(t, "access", recs[2].Credential)
	assert.Equal(t, 3, r.Server.CountRequests("POST", "/api/identities/"))
	assert.False(t, strings.Contains(fmt.Sprint(recs), r.Account.AccessToken), "no credential in the records")
	r.Server.ClearRequests()
	assert.Empty(t, r.Server.Requests())
}

func BenchmarkDeliverToStream(b *testing.B) {
	r := sandboxtest.Memory(b, sandbox.Config{KeptRequests: -1})
	id := r.CreateIdentity(b, sandbox.NewIdentity{Name: "a"})
	req, err := http.NewRequestWithContext(b.Context(), "GET", r.URL+"/api/events/stream/", nil)
	require.NoError(b, err)
	req.Header.Set("Authorization", "Bearer "+r.Account.AccessToken)
	req.Header.Set("X-Ravi-Identity", id.UUID)
	res, err := r.Client.Do(req)
	require.NoError(b, err)
	defer res.Body.Close()
	buf := make([]byte, 64<<10)
	for b.Loop() {
		_, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: "code 123456"})
		require.NoError(b, err)
		_, err = res.Body.Read(buf)
		require.NoError(b, err)
	}
}

func BenchmarkList(b *testing.B) {
	r := sandboxtest.Memory(b, sandbox.Config{KeptRequests: -1})
	id := r.CreateIdentity(b, sandbox.NewIdentity{Name: "a"})
	for range 20 {
		_, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: "code 123456"})
		require.NoError(b, err)
	}
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), "GET", r.URL+"/api/messages/", nil)
		require.NoError(b, err)
		req.Header.Set("Authorization", "Bearer "+r.Account.AccessToken)
		req.Header.Set("X-Ravi-Identity", id.UUID)
		res, err := r.Client.Do(req)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(b, err)
		require.NoError(b, res.Body.Close())
	}
}
