package inbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/internal/suspicion"
	"ravi-mcp/sandbox"
)

// A message that lies changes nothing beside a genuine one, whichever comes first.
func TestGenuineCodeWinsInEitherOrder(t *testing.T) {
	genuine := code("GitHub <noreply@github.com>", "482913")
	for name, c := range map[string]struct {
		service string
		liar    sandbox.Email
		reason  suspicion.Reason
	}{
		"look-alike":                {"github.com", code("GitHub <noreply@github-support.com>", "771302"), suspicion.LookalikeSender},
		"foreign":                   {"github.com", code("GitHub <noreply@mailer.test>", "771302"), suspicion.ForeignSender},
		"two senders in one header": {"github.com", code("a@evil.test, noreply@github.com", "771302"), suspicion.ForeignSender},
		"trivial":                   {"", code("GitHub <noreply@github.com>", "000000"), suspicion.TrivialCode},
	} {
		for _, first := range []string{"liar", "genuine"} {
			t.Run(name+", "+first+" first", func(t *testing.T) {
				scenario{}.run(t, func(w *fixture) {
					cursor := w.arm()
					var id int64
					if first == "liar" {
						id = w.mail(c.liar)
						res := w.wait(inbox.Request{Cursor: cursor, Service: c.service, Timeout: time.Second})
						require.Equal(w, inbox.Pending, res.Status)
						assert.Equal(w, 1, res.Arrived.SuspiciousCount)
						require.Len(w, res.Arrived.Suspicious, 1)
						assert.Equal(w, id, res.Arrived.Suspicious[0].ID)
						assert.Equal(w, []suspicion.Reason{c.reason}, res.Arrived.Suspicious[0].Reasons)
						cursor = res.Cursor
					}
					w.mail(genuine)
					if first == "genuine" {
						time.Sleep(time.Second)
						w.mail(c.liar)
					}
					res := w.wait(inbox.Request{Cursor: cursor, Service: c.service})
					require.Equal(w, inbox.Found, res.Status)
					assert.Equal(w, "482913", res.Code.Reveal())
					assert.Zero(w, res.Superseded)
				})
			})
		}
	}
}

// Who only names the service replaces no code of its own domain.
func TestNameInTextReplacesNoGenuineCode(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.mail(code("noreply@github.com", "482913"))
		time.Sleep(time.Second)
		w.mail(sandbox.Email{From: "x@mailer.test", Subject: "GitHub", Text: "Your GitHub verification code is 771302."})
		res := w.wait(inbox.Request{Cursor: cursor, Service: "GitHub"})
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, "482913", res.Code.Reveal())
	})
}

// A code is bound to its site by a last line; for another service it is no answer.
func TestOriginBoundCodeIsOfItsSiteOnly(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		w.sms("+15550001111", "Your GitHub code is 771302\n\n@evil.test #771302")
		for _, service := range []string{"github.com", "GitHub"} {
			res := w.wait(inbox.Request{Cursor: cursor, Service: service, Timeout: time.Second})
			assert.Equal(w, inbox.Pending, res.Status, service)
			assert.Equal(w, 1, res.Arrived.SuspiciousCount, service)
		}
		res := w.wait(inbox.Request{Cursor: cursor, Service: "evil.test"})
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, "evil.test", res.OriginHost)
	})
}

// A link to a look-alike of the named service ends no wait, in an SMS that names the service or in
// a mail that has its domain.
func TestLinkToLookalikeEndsNoWait(t *testing.T) {
	scenario{}.run(t, func(w *fixture) {
		cursor := w.arm()
		const text = "GitHub: confirm your email address to sign in: "
		for _, host := range []string{"githubb.com", "github.com.evil.example", "xn--gthub-n4a.com"} {
			w.sms("32665", text+"https://"+host+"/verify?t=c0ffee771302")
			w.mail(sandbox.Email{From: "x@github.com", Subject: "Confirm", Text: text + "https://" + host + "/verify?t=c0ffee771302"})
		}
		for _, service := range []string{"github.com", "GitHub"} {
			res := w.wait(inbox.Request{Cursor: cursor, Service: service, Timeout: time.Second})
			require.Equal(w, inbox.Pending, res.Status, service)
			assert.Equal(w, 6, res.Arrived.SuspiciousCount, service)
			for _, s := range res.Arrived.Suspicious {
				assert.Contains(w, s.Reasons, suspicion.LinkElsewhere, service)
			}
		}
		w.mail(sandbox.Email{From: "x@github.com", Subject: "Confirm", Text: text + "https://github.com/verify?t=c0ffee482913"})
		res := w.wait(inbox.Request{Cursor: cursor, Service: "github.com"})
		require.Equal(w, inbox.Found, res.Status)
		assert.Equal(w, suspicion.SameDomain, res.Link.Relation)
	})
}

// An SMS that names the service may come from anyone: beside a mail of its domain it stands last.
func TestCandidatesOfDomainComeFirst(t *testing.T) {
	for name, text := range map[string]string{"another code": "Your GitHub code is 771302", "the same code": "Your GitHub code is 482913"} {
		t.Run(name, func(t *testing.T) {
			scenario{}.run(t, func(w *fixture) {
				cursor := w.arm()
				w.mail(code("noreply@github.com", "482913"))
				time.Sleep(time.Second)
				w.sms("+15550001111", text)
				res := w.wait(inbox.Request{Cursor: cursor, Service: "github.com"})
				if res.Status == inbox.Ambiguous {
					require.Len(w, res.Candidates, 2)
					res.Answer = res.Candidates[0]
				}
				assert.Equal(w, "482913", res.Code.Reveal())
				assert.Equal(w, inbox.Email, res.Message.Channel)
				again := w.wait(inbox.Request{Cursor: res.Cursor, Service: "github.com", Timeout: time.Second})
				assert.Equal(w, inbox.Pending, again.Status)
			})
		})
	}
}
