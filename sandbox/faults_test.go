package sandbox_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// try sends a request that may fail and returns what a client sees.
func (c client) try(method, path string, body any) (res *http.Response, content []byte, err error) {
	c.t.Helper()
	res, err = c.ravi.Client.Do(c.request(method, path, body))
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	content, err = io.ReadAll(res.Body)
	return res, content, err
}

func TestFaultsOfAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault sandbox.Fault
		check func(t *testing.T, res *http.Response, body []byte, err error)
	}{
		"status": {sandbox.Fault{Status: 503}, func(t *testing.T, res *http.Response, body []byte, err error) {
			require.NoError(t, err)
			assert.Equal(t, 503, res.StatusCode)
			assert.JSONEq(t, `{"detail":"Service Unavailable"}`, string(body))
		}},
		"throttle, both forms": {sandbox.Fault{Status: 429, RetryAfter: 7}, func(t *testing.T, res *http.Response, body []byte, err error) {
			require.NoError(t, err)
			assert.Equal(t, "7", res.Header.Get("Retry-After"))
			assert.JSONEq(t, `{"detail":"Request was throttled.","retry_after_seconds":7}`, string(body))
		}},
		"throttle, in the header": {sandbox.Fault{Status: 429, RetryAfter: 7, RetryForm: "header"}, func(t *testing.T, res *http.Response, body []byte, err error) {
			require.NoError(t, err)
			assert.Equal(t, "7", res.Header.Get("Retry-After"))
			assert.NotContains(t, string(body), "7")
		}},
		"throttle, in the body": {sandbox.Fault{Status: 429, RetryAfter: 7, RetryForm: "body"}, func(t *testing.T, res *http.Response, body []byte, err error) {
			require.NoError(t, err)
			assert.Empty(t, res.Header.Get("Retry-After"))
			assert.Contains(t, string(body), "7")
		}},
		"HTML": {sandbox.Fault{Status: 502, Body: "<html>Bad Gateway</html>", Header: map[string]string{"Server": "proxy"}}, func(t *testing.T, res *http.Response, body []byte, err error) {
			require.NoError(t, err)
			assert.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
			assert.Equal(t, "proxy", res.Header.Get("Server"))
			assert.Equal(t, "<html>Bad Gateway</html>", string(body))
		}},
		"plan": {sandbox.Fault{Status: 402}, func(t *testing.T, res *http.Response, body []byte, err error) {
			require.NoError(t, err)
			assert.Contains(t, string(body), "subscription_required")
		}},
		"cut": {sandbox.Fault{Cut: true}, func(t *testing.T, res *http.Response, _ []byte, err error) {
			require.Error(t, err)
			assert.Nil(t, res)
		}},
		"cut in the middle": {sandbox.Fault{Cut: true, Truncate: true}, func(t *testing.T, res *http.Response, body []byte, err error) {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			assert.Equal(t, 200, res.StatusCode)
			assert.NotEmpty(t, body)
		}},
		"truncated JSON": {sandbox.Fault{Truncate: true}, func(t *testing.T, res *http.Response, body []byte, err error) {
			require.NoError(t, err)
			assert.Equal(t, int64(len(body)), res.ContentLength)
			assert.False(t, json.Valid(body))
		}},
		"oversized JSON": {sandbox.Fault{Oversize: 1 << 20}, func(t *testing.T, res *http.Response, body []byte, err error) {
			require.NoError(t, err)
			assert.Len(t, body, 1<<20)
			assert.True(t, json.Valid(body))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, reach := range []func(testing.TB, sandbox.Config) *sandboxtest.Instance{sandboxtest.New, sandboxtest.Memory} {
				r := reach(t, sandbox.Config{})
				r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
				c := client{t: t, ravi: r, token: r.Account.AccessToken}
				test.fault.Endpoint = "/api/identities/"
				test.fault.Count = 2 // net/http repeats a GET once on a connection it had used before
				r.Server.Faults().Add(test.fault)
				res, body, err := c.try("GET", "/api/identities/", nil)
				test.check(t, res, body, err)
				c.get("/api/domains/").is(200)
				assert.True(t, r.Server.Requests()[0].Fault)
				r.Server.Faults().Clear()
				c.get("/api/identities/").is(200)
			}
		})
	}
}

func TestFaultsChooseTheirRequests(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{})
	a, b := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"}), r.CreateIdentity(t, sandbox.NewIdentity{Name: "b"})
	plan := r.Server.Faults()
	require.NoError(t, plan.Load(strings.NewReader(`[
		{"method": "POST", "endpoint": "/api/secrets/", "status": 500, "after": 1, "count": 2},
		{"endpoint": "/api/passwords/*", "identity": "`+a.UUID+`", "status": 503, "count": -1}
	]`)))
	store := func(key string) answer {
		return c.as(a.UUID).post("/api/secrets/", object{"key": key, "value": "v"})
	}
	store("A").is(201)
	store("B").is(500)
	c.as(a.UUID).get("/api/secrets/").is(200)
	store("B").is(500)
	require.Len(t, plan.List(), 1, "a spent fault is gone")
	store("B").is(201)
	for range 3 {
		c.as(a.UUID).get("/api/passwords/generate-password/").is(200) // about no identity
		c.as(a.UUID).get("/api/passwords/").is(503)
		c.as(a.UUID).get("/api/passwords/x/").is(503)
		c.as(b.UUID).get("/api/passwords/").is(200)
	}
	assert.Error(t, plan.Load(strings.NewReader(`[{"endpoint": "/", "stauts": 500}]`)), "unknown fields are refused")
	assert.Error(t, plan.Load(strings.NewReader(`[{"delay": "soon"}]`)))
}

func TestLostAnswerOfCreate(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{})
	r.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Cut: true, Perform: true})
	_, _, err := c.try("POST", "/api/identities/", object{"name": "lost"})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, "lost", c.get("/api/identities/").is(200).list()[0]["name"], "it was carried out all the same")
}

func TestDelayEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{})
		r.Server.Faults().Add(sandbox.Fault{Delay: 3 * time.Second}, sandbox.Fault{Delay: time.Hour})
		began := time.Now()
		c.get("/api/identities/").is(200)
		assert.Equal(t, 3*time.Second, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Client.Do(c.request("GET", "/api/identities/", nil).WithContext(ctx))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		assert.Equal(t, 4*time.Second, time.Since(began), "the handler does not wait on")
	})
}

func TestFaultsOfTheStream(t *testing.T) {
	t.Parallel()
	bodies := func(events <-chan event) (out string) {
		for e := range events {
			if e.ID != "" {
				var m struct{ Body string }
				_ = json.Unmarshal([]byte(e.Data), &m)
				out += m.Body
			}
		}
		return out
	}
	for name, test := range map[string]struct {
		fault sandbox.Fault
		want  string
	}{
		"whole":      {sandbox.Fault{}, "abcd"},
		"dropped":    {sandbox.Fault{DropAfter: 2}, "ab"},
		"duplicated": {sandbox.Fault{Duplicate: true}, "aabbccdd"},
		"reordered":  {sandbox.Fault{Reorder: true}, "badc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, c := start(t, sandbox.Config{})
				id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
				test.fault.Endpoint = "/api/events/stream/"
				r.Server.Faults().Add(test.fault)
				events := c.as(id.UUID).listen(t.Context(), "")
				for _, body := range []string{"a", "b", "c", "d"} {
					_, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: body})
					require.NoError(t, err)
					synctest.Wait()
				}
				time.Sleep(time.Second)
				r.Server.DropStreams(id.UUID)
				assert.Equal(t, test.want, bodies(events))
				assert.Zero(t, r.Server.Streams(id.UUID))
			})
		})
	}
}

func TestReorderedEventIsHeldBriefly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{})
		id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
		r.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/events/stream/", Reorder: true})
		events := c.as(id.UUID).listen(t.Context(), "")
		_, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: "alone"})
		require.NoError(t, err)
		began := time.Now()
		assert.Contains(t, next(t, events).Data, "alone")
		assert.Equal(t, 50*time.Millisecond, time.Since(began))
	})
}

func TestLateMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{})
		id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
		c = c.as(id.UUID)
		r.Server.Faults().Add(
			sandbox.Fault{Endpoint: sandbox.DeliverSMSPoint, LateBy: 150 * time.Millisecond},
			sandbox.Fault{Endpoint: sandbox.DeliverEmailPoint, NoEvent: true})
		events := c.listen(t.Context(), "")
		n, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: "late"})
		require.NoError(t, err)
		assert.Contains(t, next(t, events).Data, "late")
		assert.Empty(t, c.get("/api/messages/").is(200).list())
		assert.Empty(t, c.get("/api/sms-inbox/").is(200).list())
		c.get("/api/messages/" + itoa(n) + "/").is(404)
		time.Sleep(150 * time.Millisecond)
		assert.Len(t, c.get("/api/messages/").is(200).list(), 1)

		_, err = r.Server.DeliverEmail(sandbox.Email{To: id.Inbox, From: "x@example.com", Subject: "silent"})
		require.NoError(t, err)
		assert.Len(t, c.get("/api/email-messages/").is(200).list(), 1)
		_, err = r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: "loud"})
		require.NoError(t, err)
		assert.Contains(t, next(t, events).Data, "loud", "the mail had no event")
	})
}

func TestFaultJSON(t *testing.T) {
	t.Parallel()
	in := sandbox.Fault{Method: "GET", Endpoint: "/x/", After: 1, Count: -1, Delay: 1500 * time.Millisecond, Status: 429,
		RetryAfter: 3, LateBy: time.Second, Header: map[string]string{"A": "b"}}
	raw, err := json.Marshal(in)
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"delay":"1.5s"`)
	var out sandbox.Fault
	require.NoError(t, json.Unmarshal(raw, &out))
	assert.Equal(t, in, out)
}
