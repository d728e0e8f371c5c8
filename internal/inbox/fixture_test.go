package inbox_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// fixture is an embedded Ravi with one identity, and a hub that watches it by the real client. It
// runs in a synctest bubble, so waiting takes no time.
type fixture struct {
	*testing.T
	ravi   *sandboxtest.Instance
	client *ravi.Client
	hub    *inbox.Hub
	id     sandbox.IdentityInfo
	target inbox.Target
}

type scenario struct {
	ravi sandbox.Config
	hub  inbox.Config
}

// run runs a scenario.
func (s scenario) run(t *testing.T, fn func(w *fixture)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &fixture{T: t, ravi: sandboxtest.Memory(t, s.ravi)}
		w.id = w.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "Ada", ProvisionPhone: true})
		var err error
		w.client, err = ravi.New(ravi.Config{
			Credentials: config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(w.ravi.Account.AccessToken)},
			BaseURL:     "https://ravi.test", Transport: w.ravi.Server.RoundTripper(), RetryTime: -1,
		})
		require.NoError(t, err)
		w.hub = inbox.New(s.hub)
		w.target = w.as("local")
		defer func() { // synctest finds goroutines that are left
			w.hub.Close()
			_ = w.client.Close()
			_ = w.ravi.Server.Close()
		}()
		fn(w)
	})
}

// as is the target for another caller.
func (w *fixture) as(caller string) inbox.Target {
	return inbox.Target{
		Caller: caller, Credential: "cred", Identity: w.id.UUID, Address: w.id.Inbox, Phone: w.id.Phone,
		Source: inbox.FromScope(w.client.Scope(w.id.UUID)),
	}
}

func (w *fixture) arm() string {
	w.Helper()
	cursor, err := w.hub.Arm(w.Context(), w.target)
	require.NoError(w, err)
	return cursor
}

func (w *fixture) wait(r inbox.Request) inbox.Result {
	w.Helper()
	res, err := w.hub.Wait(w.Context(), w.target, r)
	require.NoError(w, err)
	return res
}

// start begins a wait and returns how to get its end.
func (w *fixture) start(ctx context.Context, r inbox.Request) func() (inbox.Result, error) {
	type end struct {
		res inbox.Result
		err error
	}
	done := make(chan end, 1)
	go func() {
		res, err := w.hub.Wait(ctx, w.target, r)
		done <- end{res, err}
	}()
	return func() (inbox.Result, error) { e := <-done; return e.res, e.err }
}

func (w *fixture) sms(from, body string) int64 {
	w.Helper()
	return w.smsAt(from, body, time.Time{})
}

func (w *fixture) smsAt(from, body string, at time.Time) int64 {
	w.Helper()
	id, err := w.ravi.Server.DeliverSMS(sandbox.SMS{To: w.id.Phone, From: from, Body: body, At: at})
	require.NoError(w, err)
	return id
}

func (w *fixture) mail(m sandbox.Email) int64 {
	w.Helper()
	m.To = w.id.Inbox
	id, err := w.ravi.Server.DeliverEmail(m)
	require.NoError(w, err)
	return id
}

func code(from, code string) sandbox.Email {
	return sandbox.Email{From: from, Subject: "Your verification code", Text: "Your verification code is " + code + ".\n"}
}

// reads counts the requests for lists of one channel.
func (w *fixture) reads(endpoint string) int {
	n := 0
	for _, r := range w.ravi.Server.Requests() {
		if r.Endpoint == endpoint && r.Method == "GET" {
			n++
		}
	}
	return n
}

const (
	mailList = "/api/email-messages/"
	smsList  = "/api/messages/"
	stream   = "/api/events/stream/"
)
