package ravi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

// canary stands in every body that a fault sends; no error may repeat it.
const canary = "canary-7f3a"

// objects are the identifiers that the calls of the fault table need.
type objects struct {
	identity, thread, conversation, password, secret, contact string
	mail, sms                                                 int64
}

// endpoint is one line of the fault table: a method and its endpoint.
type endpoint struct {
	method, route string
	call          func(ctx context.Context, w *world, s *ravi.Scope, o objects) error
	// effect: the call may not be repeated when it is unknown whether it was carried out. lookedUp:
	// unless a look shows that it was not.
	effect, lookedUp bool
}

var endpoints = []endpoint{
	{"GET", "/api/auth/user/", func(ctx context.Context, w *world, _ *ravi.Scope, _ objects) error { return second(w.client.User(ctx)) }, false, false},
	{"GET", "/api/identities/", func(ctx context.Context, w *world, _ *ravi.Scope, _ objects) error {
		return second(w.client.Identities(ctx))
	}, false, false},
	{"POST", "/api/identities/", func(ctx context.Context, w *world, _ *ravi.Scope, _ objects) error {
		return second(w.client.CreateIdentity(ctx, ravi.NewIdentity{Name: "fresh", Known: []string{}}))
	}, true, true},
	{"GET", "/api/identities/{uuid}/", func(ctx context.Context, w *world, _ *ravi.Scope, o objects) error {
		return second(w.client.Identity(ctx, o.identity))
	}, false, false},
	{"POST", "/api/identities/{uuid}/provision-phone/", func(ctx context.Context, w *world, _ *ravi.Scope, o objects) error {
		return second(w.client.ProvisionPhone(ctx, o.identity, ""))
	}, true, false},
	{"GET", "/api/domains/", func(ctx context.Context, w *world, _ *ravi.Scope, _ objects) error {
		return second(w.client.Domains(ctx))
	}, false, false},
	{"GET", "/api/email/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error { return second(s.Email(ctx)) }, false, false},
	{"GET", "/api/phone/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error { return second(s.Phone(ctx)) }, false, false},
	{"GET", "/api/master/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error { return second(s.Owner(ctx)) }, false, false},
	{"GET", "/api/email-inbox/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error {
		return second(s.EmailThreads(ctx, false))
	}, false, false},
	{"GET", "/api/email-inbox/{thread_id}/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return second(s.EmailThread(ctx, o.thread))
	}, false, false},
	{"GET", "/api/email-messages/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error {
		for _, err := range s.EmailMessages(ctx, ravi.MessageFilter{}) {
			return err
		}
		return nil
	}, false, false},
	{"GET", "/api/email-messages/{id}/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return second(s.EmailMessage(ctx, o.mail))
	}, false, false},
	{"POST", "/api/email-messages/compose/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error {
		return second(s.Compose(ctx, ravi.Draft{To: "a@example.com", Subject: "s", Content: "c"}))
	}, true, false},
	{"POST", "/api/email-messages/{id}/reply/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return second(s.Reply(ctx, o.mail, ravi.Draft{Content: "c"}))
	}, true, false},
	{"POST", "/api/email-messages/{id}/reply-all/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return second(s.ReplyAll(ctx, o.mail, ravi.Draft{Content: "c"}))
	}, true, false},
	{"POST", "/api/email-messages/{id}/forward/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return second(s.Forward(ctx, o.mail, ravi.Draft{To: "a@example.com", Content: "c"}))
	}, true, false},
	{"POST", "/api/email-attachments/presign/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error {
		return second(s.PresignAttachment(ctx, ravi.NewAttachment{Filename: "a.txt", ContentType: "text/plain", Size: 1}))
	}, false, false},
	{"GET", "/api/sms-inbox/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error {
		return second(s.SMSConversations(ctx, false))
	}, false, false},
	{"GET", "/api/sms-inbox/{conversation_id}/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return second(s.SMSConversation(ctx, o.conversation))
	}, false, false},
	{"GET", "/api/messages/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error {
		for _, err := range s.SMSMessages(ctx, ravi.MessageFilter{}) {
			return err
		}
		return nil
	}, false, false},
	{"GET", "/api/messages/{id}/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return second(s.SMSMessage(ctx, o.sms))
	}, false, false},
	{"POST", "/api/messages/send/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error {
		return second(s.SendSMS(ctx, "+15551230000", "b"))
	}, true, false},
	{"GET", "/api/passwords/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error { return second(s.Passwords(ctx)) }, false, false},
	{"POST", "/api/passwords/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error {
		return second(s.CreatePassword(ctx, ravi.NewPassword{Domain: "example.net", Username: "u", Password: secret.New(canary)}))
	}, true, true},
	{"GET", "/api/passwords/{uuid}/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return second(s.Password(ctx, o.password))
	}, false, false},
	{"PATCH", "/api/passwords/{uuid}/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		v := secret.New(canary)
		return second(s.UpdatePassword(ctx, o.password, ravi.PasswordUpdate{Password: &v}))
	}, false, false},
	{"GET", "/api/passwords/generate-password/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error {
		return second(s.GeneratePassword(ctx, ravi.PasswordRules{}))
	}, false, false},
	{"GET", "/api/secrets/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error { return second(s.Secrets(ctx)) }, false, false},
	{"POST", "/api/secrets/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error {
		_, _, err := s.SetSecret(ctx, "FRESH", secret.New(canary), secret.Secret{})
		return err
	}, true, true},
	{"PATCH", "/api/secrets/{uuid}/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		v := secret.New(canary)
		return second(s.UpdateSecret(ctx, o.secret, ravi.SecretUpdate{Value: &v}))
	}, false, false},
	{"GET", "/api/secrets/{uuid}/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return second(s.SecretByID(ctx, o.secret))
	}, false, false},
	{"GET", "/api/contacts/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error { return second(s.Contacts(ctx)) }, false, false},
	{"GET", "/api/contacts/{uuid}/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return second(s.Contact(ctx, o.contact))
	}, false, false},
	{"POST", "/api/sso/token/", func(ctx context.Context, _ *world, s *ravi.Scope, _ objects) error { return second(s.SSOToken(ctx)) }, false, false},
	{"DELETE", "/api/contacts/{uuid}/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return s.DeleteContact(ctx, o.contact)
	}, false, false},
	{"DELETE", "/api/passwords/{uuid}/", func(ctx context.Context, _ *world, s *ravi.Scope, o objects) error {
		return s.DeletePassword(ctx, o.password)
	}, false, false},
	{"DELETE", "/api/identities/{uuid}/", func(ctx context.Context, w *world, _ *ravi.Scope, o objects) error {
		return w.client.DeleteIdentity(ctx, o.identity)
	}, false, false},
}

// outcome is what a fault leads to: nil for success after a retry, else the sentinel.
type outcome struct {
	fault  sandbox.Fault
	safe   error // for calls that may be repeated
	effect error // for those that may not
	// tries is how many requests go out for a call that may be repeated.
	tries int
}

var outcomes = map[string]outcome{
	"400":           {sandbox.Fault{Status: 400, Body: `{"domain":["` + canary + `"]}`}, ravi.ErrInvalid, ravi.ErrInvalid, 1},
	"401 for ever":  {sandbox.Fault{Status: 401, Body: canary, Count: -1}, ravi.ErrUnauthorized, ravi.ErrUnauthorized, 0},
	"402":           {sandbox.Fault{Status: 402, Body: `{"detail":"` + canary + `"}`}, ravi.ErrSubscriptionRequired, ravi.ErrSubscriptionRequired, 1},
	"403 for ever":  {sandbox.Fault{Status: 403, Body: `{"detail":"` + canary + `"}`, Count: -1}, ravi.ErrForbidden, ravi.ErrForbidden, 0},
	"409":           {sandbox.Fault{Status: 409, Body: `{"detail":"` + canary + `"}`}, ravi.ErrConflict, ravi.ErrConflict, 1},
	"429":           {sandbox.Fault{Status: 429, RetryAfter: 2}, nil, nil, 2},
	"429 too long":  {sandbox.Fault{Status: 429, RetryAfter: 3600}, ravi.ErrRateLimited, ravi.ErrRateLimited, 1},
	"500 page":      {sandbox.Fault{Status: 500, Body: "<html>" + canary}, ravi.ErrUnavailable, ravi.ErrUnavailable, 1},
	"502":           {sandbox.Fault{Status: 502, Body: canary}, nil, ravi.ErrUnavailable, 2},
	"503":           {sandbox.Fault{Status: 503, Body: canary}, nil, ravi.ErrUnavailable, 2},
	"504":           {sandbox.Fault{Status: 504, Body: canary}, nil, ravi.ErrUnavailable, 2},
	"cut":           {sandbox.Fault{Cut: true}, nil, ravi.ErrUnavailable, 2},
	"cut in answer": {sandbox.Fault{Cut: true, Truncate: true, Perform: true}, nil, ravi.ErrUnavailable, 2},
	"slow":          {sandbox.Fault{Delay: 10 * time.Second}, nil, nil, 1},
	"too slow":      {sandbox.Fault{Delay: time.Hour}, nil, ravi.ErrUnavailable, 0},
	"not JSON":      {sandbox.Fault{Status: 200, Body: "<html>" + canary}, ravi.ErrUnavailable, ravi.ErrUnavailable, 1},
	"half JSON":     {sandbox.Fault{Status: 200, Body: `[{"uuid":"` + canary}, ravi.ErrUnavailable, ravi.ErrUnavailable, 1},
	"wrong JSON":    {sandbox.Fault{Status: 200, Body: `"` + canary + `"`}, ravi.ErrUnavailable, ravi.ErrUnavailable, 1},
	"oversized":     {sandbox.Fault{Status: 200, Body: "[]", Oversize: 17 << 20}, ravi.ErrUnavailable, ravi.ErrUnavailable, 1},
	"redirect":      {sandbox.Fault{Status: 307, Header: map[string]string{"Location": "https://evil.test/"}}, ravi.ErrUnavailable, ravi.ErrUnavailable, 1},
}

// prepare makes what the calls need.
func prepare(t *testing.T, w *world, id *ravi.Identity, scope *ravi.Scope) objects {
	t.Helper()
	ctx := t.Context()
	o := objects{identity: id.UUID}
	o.mail = deliver(t, w, sandbox.Email{To: id.Inbox, From: "a@example.com", Subject: "s", Text: "t"})
	w.sms(t, id)
	threads, err := scope.EmailThreads(ctx, false)
	require.NoError(t, err)
	conversations, err := scope.SMSConversations(ctx, false)
	require.NoError(t, err)
	o.thread, o.conversation = threads[0].ThreadID, conversations[0].ConversationID
	o.sms = collect(t, scope.SMSMessages(ctx, ravi.MessageFilter{}))[0].ID
	password, err := scope.CreatePassword(ctx, ravi.NewPassword{Domain: "example.com", Username: "me", Password: secret.New(canary)})
	require.NoError(t, err)
	entry, _, err := scope.SetSecret(ctx, "KEY", secret.New(canary), secret.Secret{})
	require.NoError(t, err)
	email := "c@example.com"
	contact, err := scope.CreateContact(ctx, ravi.ContactFields{Email: &email})
	require.NoError(t, err)
	o.password, o.secret, o.contact = password.UUID, entry.UUID, contact.UUID
	return o
}

// Every fault on every endpoint: the right sentinel, the right number of requests, nothing secret
// in the error, and no goroutine left (the bubble sees to that).
func TestEveryFaultOnEveryEndpoint(t *testing.T) {
	t.Parallel()
	for name, oc := range outcomes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, ep := range endpoints {
				if oc.fault.Oversize > 0 && !strings.HasSuffix(ep.route, "s/") {
					continue // 17 MiB each: the lists will do
				}
				oc := oc
				if oc.fault.Oversize > 0 && strings.Contains(ep.route, "messages/") {
					oc.fault.Oversize = 65 << 20 // lists of messages may be larger
				}
				synctest.Test(t, func(t *testing.T) { checkFault(t, name, oc, ep) })
			}
		})
	}
}

func checkFault(t *testing.T, name string, oc outcome, ep endpoint) {
	w := newWorld(t, sandbox.Config{Era: sandbox.EraKeys})
	id, err := w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "x", ProvisionPhone: ep.route != "/api/identities/{uuid}/provision-phone/"})
	require.NoError(t, err)
	scope := w.client.Scope(id.UUID)
	var o objects
	if id.Phone != "" {
		o = prepare(t, w, id, scope)
	}
	o.identity = id.UUID
	w.Server.ClearRequests()
	fault := oc.fault
	fault.Method, fault.Endpoint = ep.method, ep.route
	if strings.Contains(ep.route, "sso") || oc.fault.Perform && ep.method == http.MethodPost && !ep.lookedUp && !ep.effect {
		fault.Perform = false
	}
	w.Server.Faults().Add(fault)

	err = ep.call(t.Context(), w, scope, o)
	where := fmt.Sprintf("%s on %s %s", name, ep.method, ep.route)
	want := oc.safe
	// Ravi may still be at a creation that is late, and a secret is set by its name.
	late := name == "504" || name == "too slow"
	switch {
	case ep.effect && ep.lookedUp && oc.safe == nil && !(late && ep.route != "/api/secrets/"):
		want = nil
	case ep.effect:
		want = oc.effect
	}
	// Where Ravi only has to accept a write, what it says back does not matter; and a creation that
	// was answered with nonsense is looked up.
	nonsense := name == "not JSON" || name == "half JSON" || name == "wrong JSON" || name == "oversized"
	if nonsense && (ep.method == http.MethodDelete || ep.lookedUp && name != "oversized") {
		want = nil
		if ep.route == "/api/secrets/" {
			want = ravi.ErrUnavailable
		}
	}
	if name == "409" && ep.route == "/api/secrets/" && ep.effect {
		want = nil // another client was faster: look again
	}
	if want == nil {
		assert.NoError(t, err, where)
	} else {
		assert.ErrorIs(t, err, want, where)
	}
	if err != nil {
		for _, leak := range []string{canary, "http", "evil", "ravi_mgmt", "ravi_id", id.UUID, "json:", "struct"} {
			assert.NotContains(t, err.Error(), leak, where)
		}
	}
	if oc.tries > 0 && !ep.effect && !nonsense {
		assert.Equal(t, oc.tries, w.Server.CountRequests(ep.method, ep.route), where)
	}
	if ep.effect && !ep.lookedUp && want != nil && oc.tries > 0 {
		assert.Equal(t, 1, w.Server.CountRequests(ep.method, ep.route), where)
	}
	require.NoError(t, w.client.Close())
	require.NoError(t, w.Server.Close())
}
