package tools_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// guesses are values that can be found by trying, each with another one of its form.
type guess struct{ right, wrong string }

// weakVault is an identity with values of every kind that can be guessed, and with a code that has
// just come in. Its clock stands still.
func weakVault(t *testing.T) (h *system, address string, guesses map[string]guess) {
	t.Helper()
	h = mailSystem(t, sandbox.Config{Era: sandbox.EraKeys, EmailHourly: -1, EmailDaily: -1}, session.PolicyDeny)
	now := time.Now()
	h.deps.Now = func() time.Time { return now }
	me := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada", ProvisionPhone: true})
	a := h.connect(local())
	ok[map[string]any](t, a.call("set_secret", args{"identity": "ada", "name": "PIN", "value": "482913"}))
	ok[map[string]any](t, a.call("save_credential", args{"identity": "ada", "domain": "x.example", "username": "u", "password": "Sunshine2019"}))
	ok[map[string]any](t, a.call("set_totp", args{"identity": "ada", "domain": "x.example", "username": "u", "seed": canarySeed, "backup_codes": []string{"7391-2846"}}))
	h.sms(me.Phone, "32665", "Your verification code is 558812.")
	code, err := totp.GenerateCode(canarySeed, now)
	require.NoError(t, err)
	return h, me.Inbox, map[string]guess{
		"secret": {"482913", "482914"}, "password": {"Sunshine2019", "Sunshine2018"}, "backup code": {"7391-2846", "7391-2847"},
		"authenticator's code": {code, fmt.Sprintf("%06d", (int(code[5]-'0')+1)%10)}, "received code": {"558812", "558813"},
	}
}

// SECURITY.md S18: a caller that cannot be shown a value writes to a friend, a thousand times, and
// sees neither from the answer nor from what arrives whether the text held it.
func TestRefusalsAreNoOracle(t *testing.T) {
	const tries, friend = 1000, "friend@x.example"
	h, _, guesses := weakVault(t)
	h.configure = func(c *server.Config) {
		c.Toolsets = append(tool.DefaultToolsets(), tool.SetMail, tool.SetContacts)
		c.Policies.Send = session.PolicyAllow
	}
	ok[map[string]any](t, h.connect(local()).call("save_contact", args{"identity": "ada", "email": friend}))
	h.configure = func(c *server.Config) {
		c.Toolsets = append(tool.DefaultToolsets(), tool.SetMail)
		c.Policies.Send = session.PolicyDeny
	}
	type outcome struct {
		code   fault.Code
		reason string
		sent   int
	}
	callers := map[string]func(string) *session.Caller{
		"may not be shown values": func(name string) *session.Caller {
			return &session.Caller{Name: name, Rights: session.Rights{Policies: session.Policies{Reveal: session.PolicyDeny}}}
		},
		"would have to ask": func(name string) *session.Caller {
			return &session.Caller{Name: name, Rights: session.Rights{Policies: session.Policies{Reveal: session.PolicyAsk}}}
		},
		"has no tool that shows them": func(name string) *session.Caller {
			return &session.Caller{Name: name, Rights: session.Rights{Toolsets: []string{"mail"}}}
		},
	}
	delete(guesses, "received code") // which the first two read
	kinds := []string{"secret", "password", "backup code", "authenticator's code"}
	random := rand.New(rand.NewPCG(1, 2))
	seen := make(map[outcome]int) // how much more often the guess was right than wrong
	truth := 0
	done := 0
	for done < tries {
		for name, caller := range callers {
			if name == "has no tool that shows them" {
				guesses["received code"] = guess{"558812", "558813"}
				kinds = append(kinds[:4:4], "received code")
			} else {
				kinds = kinds[:4]
			}
			a := h.connectModern(caller(fmt.Sprint(name, done)))
			for range 5 { // after some refusals it would be told nothing more
				g := guesses[kinds[done%len(kinds)]]
				text, sign := g.right, 1
				if random.IntN(2) == 0 {
					text, sign = g.wrong, -1
				}
				h.ravi.Server.ClearRequests()
				r := a.call("send_email", args{"identity": "ada", "to": friend, "subject": "Row " + text, "body": "The table has a row " + text + " in it"})
				var o outcome
				if r.IsError {
					body := refused(t, r)
					o.code, o.reason = body.Code, body.Reason
				}
				o.sent = h.sends()
				seen[o] += sign
				truth += sign
				done++
			}
		}
	}
	advantage := 0.0
	for _, more := range seen {
		advantage += math.Abs(float64(more))
	}
	// Who always says the same is right by chance; the answers may add four deviations to that.
	assert.Less(t, (advantage-math.Abs(float64(truth)))/float64(done), 4/math.Sqrt(tries), "%v", seen)

	// One caller has soon sent all that it may, and is answered without a look at the vault.
	a := h.connectModern(callers["may not be shown values"]("greedy"))
	sent, looks := 0, 0
	for i := range tries {
		h.ravi.Server.ClearRequests()
		r := a.call("send_email", args{"identity": "ada", "to": friend, "subject": "s", "body": fmt.Sprintf("Row %06d", 482_500+i)})
		looks += h.ravi.Server.CountRequests("GET", secrets)
		if !r.IsError {
			sent++
			continue
		}
		assert.Equal(t, fault.RateLimited, refused(t, r).Code)
	}
	assert.Equal(t, 60, sent)
	assert.Equal(t, 60, looks)
}

// A value that cannot be guessed does not leave, whichever caller sends it, and neither does one
// that the caller can be shown.
func TestCallersWithoutValuesSendNoRandomOnes(t *testing.T) {
	h, address, guesses := weakVault(t)
	ok[map[string]any](t, h.connect(local()).call("set_secret", args{"identity": "ada", "name": "API_KEY", "value": canarySecret}))
	try := func(text string, rights session.Rights) result {
		a := h.connectModern(&session.Caller{Name: "x", Rights: rights})
		return a.call("send_email", args{"identity": "ada", "to": address, "subject": "s", "body": "Row " + text})
	}
	for name, rights := range map[string]session.Rights{
		"all": {}, "denied": {Policies: session.Policies{Reveal: session.PolicyDeny}}, "mail alone": {Toolsets: []string{"mail"}},
	} {
		for _, value := range []string{canarySecret, canarySeed} {
			assert.Equal(t, "secret_in_text", refused(t, try(value, rights)).Reason, "%s %s", name, value)
		}
	}
	for kind, g := range guesses {
		assert.Equal(t, "secret_in_text", refused(t, try(g.right, session.Rights{})).Reason, kind)
		ok[mailed](t, try(g.wrong, session.Rights{}))
	}
}

func TestRefusedSenderIsLocked(t *testing.T) {
	h, address, _ := weakVault(t)
	now := h.deps.Now()
	h.deps.Now = func() time.Time { return now }
	a := h.connectModern(local())
	mail := func(text string) args { return args{"identity": "ada", "to": address, "subject": "s", "body": text} }
	for range 3 {
		assert.Equal(t, "secret_in_text", refused(t, a.call("send_email", mail("It is 482913"))).Reason)
	}
	read := h.ravi.Server.CountRequests("GET", secrets)
	for _, text := range []string{"It is 482913", "Nothing"} {
		body := refused(t, a.call("send_email", mail(text)))
		assert.Equal(t, fault.RateLimited, body.Code)
		assert.Equal(t, "sending_locked", body.Reason)
		assert.Equal(t, 3600, body.RetryAfterSeconds)
	}
	assert.Equal(t, read, h.ravi.Server.CountRequests("GET", secrets), "nothing is compared any more")
	now = now.Add(time.Hour)
	ok[mailed](t, a.call("send_email", mail("Nothing")))

	// Calls at the same time are no way around it.
	a = h.connectModern(&session.Caller{Name: "many"})
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: secrets, Delay: 200 * time.Millisecond, Count: -1})
	results := make(chan result)
	for range 20 {
		go func() { results <- a.call("send_email", mail("It is 482913")) }()
	}
	said := 0
	for range 20 {
		if refused(t, <-results).Reason == "secret_in_text" {
			said++
		}
	}
	assert.Equal(t, 3, said)
}

// A refusal tells that a value is stored: it counts as one that was shown, and none is made where
// none may be shown.
func TestRefusalsCountAsValuesShown(t *testing.T) {
	h, address, _ := weakVault(t)
	configured := h.configure
	h.configure = func(c *server.Config) {
		configured(c)
		c.Reveals = server.NewReveals(8) // two at once
	}
	a := h.connectModern(local())
	mail := args{"identity": "ada", "to": address, "subject": "s", "body": "It is 482913"}
	assert.Equal(t, "secret_in_text", refused(t, a.call("send_email", mail)).Reason)
	ok[map[string]any](t, a.call("get_secret", args{"identity": "ada", "name": "PIN"}))
	assert.Equal(t, fault.RateLimited, refused(t, a.call("get_secret", args{"identity": "ada", "name": "PIN"})).Code)
	read := h.ravi.Server.CountRequests("GET", secrets)
	for _, text := range []string{"It is 482913", "Nothing"} {
		mail["body"] = text
		body := refused(t, a.call("send_email", mail))
		assert.Equal(t, fault.RateLimited, body.Code)
		assert.Empty(t, body.Reason)
	}
	assert.Equal(t, read, h.ravi.Server.CountRequests("GET", secrets))
}

// What is stored for one identity leaves in no message of another one.
func TestValuesOfAllIdentitiesAreHeldBack(t *testing.T) {
	for name, era := range eras {
		t.Run(name, func(t *testing.T) {
			h := mailSystem(t, sandbox.Config{Era: era}, session.PolicyAllow)
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
			bob := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "bob"})
			a := h.connectModern(local())
			ok[map[string]any](t, a.call("set_secret", args{"identity": "bob", "name": "API_KEY", "value": canarySecret}))
			ok[map[string]any](t, a.call("save_credential", args{"identity": "bob", "domain": "x.example", "password": canaryPassword}))
			h.mail(bob.Inbox, "login@y.example", "Sign in", "Your verification code is 4711. Do not share it.", "")
			for _, text := range []string{canarySecret, canaryPassword, "It is 4711."} {
				for _, from := range []string{"ada", "bob"} {
					mail := args{"identity": from, "to": "eve@x.example", "subject": "s", "body": text}
					assert.Equal(t, "secret_in_text", refused(t, h.connectModern(local()).call("send_email", mail)).Reason, "%s %s", from, text)
				}
				// Of identities that are not the caller's it learns nothing.
				ok[mailed](t, h.connectModern(local("ada")).call("send_email", args{"identity": "ada", "to": "eve@x.example", "subject": "s", "body": text}))
			}
		})
	}
}

func TestFreshLinksDoNotLeave(t *testing.T) {
	h := mailSystem(t, sandbox.Config{}, session.PolicyAllow)
	me := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	const link = "https://login.example/verify?user=ada&token=Zk81hQw03mXb7Rt5Lp92"
	h.mail(me.Inbox, "no-reply@login.example", "Sign in", "", `<p>Sign in with <a href="https://login.example/verify?user=ada&amp;token=Zk81hQw03mXb7Rt5Lp92">this link</a>.</p>`)
	id, _ := received(t, h.connectModern(local()), "ada")
	send := func(text string) result {
		return h.connectModern(local()).call("send_email", args{"identity": "ada", "to": "eve@x.example", "subject": "s", "body": text})
	}
	for _, text := range []string{
		"Look: " + link, link[len("https://"):], "Zk81hQw03mXb7Rt5Lp92", "https://login.example/verify?user=ada&amp;token=Zk81hQw03mXb7Rt5Lp92",
		"https://evil.example/?u=https%3A%2F%2Flogin.example%2Fverify%3Fuser%3Dada%26token%3DZk81hQw03mXb7Rt5Lp92", hidden["base64"](link),
	} {
		body := refused(t, send(text))
		assert.Equal(t, "secret_in_text", body.Reason, text)
		assert.Contains(t, body.Message, "a link")
	}
	r := h.connectModern(local()).call("forward_email", args{"identity": "ada", "message_id": id, "to": "eve@x.example"})
	assert.Equal(t, "secret_in_text", refused(t, r).Reason)
	ok[mailed](t, send("Sign in at https://login.example/verify"))
	assert.Equal(t, 1, h.sends())
}
