package ravi_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

// bubble runs a story in a synctest bubble with a sandbox and one identity.
func bubble(t *testing.T, cfg sandbox.Config, story func(t *testing.T, w *world, id *ravi.Identity, scope *ravi.Scope)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cfg)
		id, scope := w.identity(t, "x")
		w.Server.ClearRequests()
		story(t, w, id, scope)
		require.NoError(t, w.client.Close())
		require.NoError(t, w.Server.Close())
	})
}

func TestReadsAreRetriedWithBackoff(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, _ *ravi.Identity, scope *ravi.Scope) {
		w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/", Status: 503}, sandbox.Fault{Endpoint: "/api/passwords/", Cut: true},
			sandbox.Fault{Endpoint: "/api/passwords/", Truncate: true, Cut: true})
		began := time.Now()
		_, err := scope.Passwords(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 4, w.Server.CountRequests("", "/api/passwords/"))
		assert.Greater(t, time.Since(began), 600*time.Millisecond)
		assert.Less(t, time.Since(began), 3*time.Second)

		w.Server.ClearRequests()
		w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/", Status: 502, Count: -1})
		_, err = scope.Passwords(t.Context())
		require.ErrorIs(t, err, ravi.ErrUnavailable)
		assert.Equal(t, 4, w.Server.CountRequests("", "/api/passwords/"), "not for ever")
	})
}

func TestThrottlingIsWaitedFor(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, _ *ravi.Identity, scope *ravi.Scope) {
		for _, form := range []string{"body", "header", "both"} {
			w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/", Status: 429, RetryAfter: 7, RetryForm: form})
			began := time.Now()
			_, err := scope.Passwords(t.Context())
			require.NoError(t, err, form)
			assert.Equal(t, 7*time.Second, time.Since(began), form)
		}
		// The body wins over the header; a creation may be repeated, since it was refused.
		w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/", Method: "POST", Status: 429,
			Body: `{"detail":"x","retry_after_seconds":3}`, Header: map[string]string{"Retry-After": "20"}})
		began := time.Now()
		_, err := scope.CreatePassword(t.Context(), ravi.NewPassword{Domain: "example.com"})
		require.NoError(t, err)
		assert.Equal(t, 3*time.Second, time.Since(began))
	})
}

func TestDeadlineLimitsRetries(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, _ *ravi.Identity, scope *ravi.Scope) {
		w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/", Status: 429, RetryAfter: 20, Count: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		_, err := scope.Passwords(ctx)
		require.ErrorIs(t, err, ravi.ErrRateLimited)
		var e *ravi.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 20*time.Second, e.RetryAfter)
		assert.Zero(t, time.Since(began), "a wait that cannot end in time is not begun")

		_, err = scope.Passwords(t.Context())
		require.ErrorIs(t, err, ravi.ErrRateLimited, "nor one beyond the budget: 20 s once, not twice")
		assert.Equal(t, 20*time.Second, time.Since(began))
	})
}

func TestSlowAnswerIsCutOff(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, _ *ravi.Identity, scope *ravi.Scope) {
		w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/", Delay: time.Hour})
		began := time.Now()
		_, err := scope.Passwords(t.Context())
		require.NoError(t, err, "the second attempt")
		assert.Greater(t, time.Since(began), 30*time.Second)
		assert.Less(t, time.Since(began), 31*time.Second)

		w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/", Delay: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began = time.Now()
		_, err = scope.Passwords(ctx)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, time.Second, time.Since(began))
	})
}

func TestRefusalsAreNotRepeated(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, _ *ravi.Identity, scope *ravi.Scope) {
		for status, want := range map[int]error{
			400: ravi.ErrInvalid, 402: ravi.ErrSubscriptionRequired, 403: ravi.ErrForbidden, 404: ravi.ErrNotFound, 405: ravi.ErrUnsupported,
			409: ravi.ErrConflict, 418: ravi.ErrUnavailable, 500: ravi.ErrUnavailable, 301: ravi.ErrUnavailable, 501: ravi.ErrUnsupported,
		} {
			w.Server.ClearRequests()
			w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/", Status: status})
			began := time.Now()
			_, err := scope.Passwords(t.Context())
			require.ErrorIs(t, err, want, "%d", status)
			assert.Zero(t, time.Since(began), "%d", status)
			assert.Equal(t, 1, w.Server.CountRequests("", "/api/passwords/"), "%d", status)
		}
	})
}

func TestDeletionWithLostAnswerSucceeds(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, id *ravi.Identity, scope *ravi.Scope) {
		made, err := scope.CreatePassword(t.Context(), ravi.NewPassword{Domain: "example.com"})
		require.NoError(t, err)
		w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/{uuid}/", Method: "DELETE", Perform: true, Cut: true})
		require.NoError(t, scope.DeletePassword(t.Context(), made.UUID))
		require.ErrorIs(t, scope.DeletePassword(t.Context(), made.UUID), ravi.ErrNotFound)
		w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/identities/{uuid}/", Method: "DELETE", Perform: true, Status: 504})
		require.NoError(t, w.client.DeleteIdentity(t.Context(), id.UUID))
	})
}

// dialer fails to connect a few times, which no request survives.
type dialer struct {
	failures int
	next     http.RoundTripper
}

func (d *dialer) RoundTrip(req *http.Request) (*http.Response, error) {
	if d.failures > 0 {
		d.failures--
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	return d.next.RoundTrip(req)
}

func TestUnsentRequestIsRepeated(t *testing.T) {
	bubble(t, sandbox.Config{Era: sandbox.EraKeys}, func(t *testing.T, w *world, id *ravi.Identity, _ *ravi.Scope) {
		c, err := ravi.New(ravi.Config{Credentials: credentialsOf(w.Account), BaseURL: w.URL, Transport: &dialer{0, w.Server.RoundTripper()}})
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Scope(id.UUID).Passwords(t.Context()) // the probe
		require.NoError(t, err)
		failing := &dialer{2, w.Server.RoundTripper()}
		creds := credentialsOf(w.Account)
		creds.IdentityKey, creds.IdentityUUID = id.APIKey, id.UUID
		c, err = ravi.New(ravi.Config{Credentials: creds, BaseURL: w.URL, Transport: failing})
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Scope(id.UUID).SendSMS(t.Context(), "+15551230000", "hi")
		require.NoError(t, err, "a text message that never left may be sent")
		assert.Equal(t, 1, w.Server.CountRequests("POST", "/api/messages/send/"))
	})
}

func TestRetriesCanBeSwitchedOff(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, id *ravi.Identity, _ *ravi.Scope) {
		c, err := ravi.New(ravi.Config{Credentials: credentialsOf(w.Account), BaseURL: w.URL, Transport: w.Server.RoundTripper(), RetryTime: -1})
		require.NoError(t, err)
		defer c.Close()
		w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/", Status: 503})
		_, err = c.Scope(id.UUID).Passwords(t.Context())
		require.ErrorIs(t, err, ravi.ErrUnavailable)
	})
}

func TestEveryRequestIsObserved(t *testing.T) {
	bubble(t, sandbox.Config{}, func(t *testing.T, w *world, id *ravi.Identity, _ *ravi.Scope) {
		var seen []ravi.Request
		c, err := ravi.New(ravi.Config{Credentials: credentialsOf(w.Account), BaseURL: w.URL, Transport: w.Server.RoundTripper(),
			Observe: func(_ context.Context, r ravi.Request) { r.Duration = 0; seen = append(seen, r) }})
		require.NoError(t, err)
		defer c.Close()
		w.Server.Faults().Add(sandbox.Fault{Endpoint: "/api/passwords/{uuid}/", Status: 503}, sandbox.Fault{Endpoint: "/api/passwords/{uuid}/", Cut: true})
		_, err = c.Scope(id.UUID).Password(t.Context(), "some-uuid")
		require.ErrorIs(t, err, ravi.ErrNotFound)
		const endpoint = "/api/passwords/{uuid}/"
		assert.Equal(t, []ravi.Request{{Method: "GET", Endpoint: endpoint, Status: 503, Attempt: 1}, {Method: "GET", Endpoint: endpoint, Attempt: 2},
			{Method: "GET", Endpoint: endpoint, Status: 404, Attempt: 3}}, seen)
	})
}
