package tools_test

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

const (
	compose   = "/api/email-messages/compose/"
	replyTo   = "/api/email-messages/{id}/reply/"
	replyAll  = "/api/email-messages/{id}/reply-all/"
	forwarded = "/api/email-messages/{id}/forward/"
	sendText  = "/api/messages/send/"
)

type mailed struct {
	identified
	MessageID   string `json:"message_id"`
	To, CC, BCC []string
	Warning     string
}

// eras are the two Ravis that mail works with.
var eras = map[string]sandbox.Era{"token era": sandbox.EraTokens, "key era": sandbox.EraKeys}

// mailSystem is a system whose servers publish every toolset that needs no folder, under a policy
// for sending.
func mailSystem(t *testing.T, cfg sandbox.Config, policy session.Policy) *system {
	t.Helper()
	h := newSystem(t, cfg)
	h.configure = func(c *server.Config) {
		c.Toolsets = append(tool.DefaultToolsets(), tool.SetMail, tool.SetContacts, tool.SetAccount)
		c.Policies.Send = policy
	}
	return h
}

// sends counts the messages that reached Ravi.
func (h *system) sends() int {
	n := 0
	for _, endpoint := range []string{compose, replyTo, replyAll, forwarded, sendText} {
		n += h.ravi.Server.CountRequests("POST", endpoint)
	}
	return n
}

// received returns the newest message of an identity, whole.
func received(t *testing.T, a *agent, identity string) (string, struct{ From, Subject, Text string }) {
	t.Helper()
	list := ok[struct {
		Messages []struct {
			ID string `json:"message_id"`
		}
	}](t, a.call("list_messages", args{"identity": identity}))
	require.NotEmpty(t, list.Messages)
	read := ok[struct {
		Message struct{ From, Subject, Text string }
	}](t, a.call("read_message", args{"identity": identity, "message_id": list.Messages[0].ID}))
	return list.Messages[0].ID, read.Message
}

func TestTwoIdentitiesWriteToEachOther(t *testing.T) {
	for name, era := range eras {
		t.Run(name, func(t *testing.T) {
			h := mailSystem(t, sandbox.Config{Era: era}, session.PolicyAllow)
			a := h.connect(local())
			ada := ok[created](t, a.call("create_identity", args{"name": "ada"}))
			bob := ok[created](t, a.call("create_identity", args{"name": "bob"}))
			eve := ok[created](t, a.call("create_identity", args{"name": "eve"}))

			sent := ok[mailed](t, a.call("send_email", args{
				"identity": "ada", "to": "Bob <" + bob.Address + ">", "cc": []string{eve.Address, bob.Address}, "subject": "Lunch", "body": "At <noon>?\nOr at one?",
			}))
			assert.Equal(t, []string{bob.Address}, sent.To)
			assert.Equal(t, []string{eve.Address}, sent.CC, "no recipient gets it twice")
			assert.Regexp(t, `^email:\d+$`, sent.MessageID)

			id, got := received(t, a, "bob")
			assert.Equal(t, ada.Address, got.From)
			assert.Equal(t, "Lunch", got.Subject)
			assert.Contains(t, got.Text, "At <noon>?\n", "plain text stays what it is")
			assert.Contains(t, got.Text, "Or at one?")

			answer := ok[mailed](t, a.call("reply_email", args{"identity": "bob", "message_id": id, "body": "<b>Yes</b>", "format": "html", "reply_all": true}))
			assert.Equal(t, []string{ada.Address}, answer.To)
			assert.Equal(t, []string{eve.Address}, answer.CC)
			assert.Empty(t, answer.Warning)
			id, got = received(t, a, "ada")
			assert.Equal(t, "Re: Lunch", got.Subject)
			assert.Equal(t, "Yes", strings.TrimSpace(got.Text))

			ok[mailed](t, a.call("forward_email", args{"identity": "ada", "message_id": id, "to": eve.Address, "note": "See below"}))
			_, got = received(t, a, "eve")
			assert.Equal(t, "Fwd: Re: Lunch", got.Subject)
			assert.Contains(t, got.Text, "See below")
			assert.Contains(t, got.Text, "Yes")
		})
	}
}

func TestAnSMSIsSentInTheKeyEraOnly(t *testing.T) {
	h := mailSystem(t, sandbox.Config{Era: sandbox.EraKeys}, session.PolicyAllow)
	a := h.connectModern(local())
	ada, bob := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada", ProvisionPhone: true}), h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "bob", ProvisionPhone: true})
	sent := ok[struct{ To string }](t, a.call("send_sms", args{"identity": "ada", "to": bob.Phone, "body": "Hello"}))
	assert.Equal(t, bob.Phone, sent.To)
	_, got := received(t, a, "bob")
	assert.Equal(t, ada.Phone, got.From)
	assert.Equal(t, "Hello", got.Text)

	ok[created](t, a.call("create_identity", args{"name": "mute"}))
	body := refused(t, a.call("send_sms", args{"identity": "mute", "to": bob.Phone, "body": "Hello"}))
	assert.Equal(t, fault.NotFound, body.Code)
	assert.Contains(t, body.Hint, "provision_phone")

	old := mailSystem(t, sandbox.Config{}, session.PolicyAsk)
	old.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada", ProvisionPhone: true})
	assert.Equal(t, fault.Unsupported, refused(t, old.connectModern(local()).call("send_sms", args{"identity": "ada", "to": bob.Phone, "body": "x"})).Code, "and no question is asked")
	assert.Zero(t, old.sends())
}

func TestBadRecipientsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	h := mailSystem(t, sandbox.Config{Era: sandbox.EraKeys}, session.PolicyAllow)
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada", ProvisionPhone: true})
	a := h.connectModern(local())
	many := make([]string, 19)
	for i := range many {
		many[i] = fmt.Sprintf("p%d@x.example", i)
	}
	for _, bad := range []args{
		{"to": "nobody"}, {"to": "a@b"}, {"to": "a b@x.example"}, {"to": "a@x.example, b@x.example"}, {"to": "a@x.example\r\nBcc: b@x.example"},
		{"to": "a@x..example"}, {"to": "@x.example"}, {"to": `"quoted local"@x.example`}, {"to": "a@[127.0.0.1]"}, {"to": "а@x.example"},
		{"to": "a@x.example", "cc": []string{"b"}}, {"to": "a@x.example", "bcc": []string{"b@x.example", ""}},
		{"to": "a@x.example", "cc": many, "bcc": []string{"b@x.example"}},
		{"to": "a@x.example", "subject": "two\nlines"}, {"to": "a@x.example", "body": "bell\a"},
	} {
		call := args{"identity": "ada", "subject": "s", "body": "b"}
		maps.Copy(call, bad)
		assert.Equal(t, fault.InvalidArgument, refused(t, a.call("send_email", call)).Code, "%v", bad)
	}
	for _, number := range []string{
		"14155550123", "+1 415 555 0123", "+999123456", "0049151234567", "call me", "+0151234567",
		"+1415555", "+1415555012", "+141555501234", "+14155550123456789", "+431", "+4312345678901234",
	} {
		assert.Equal(t, fault.InvalidArgument, refused(t, a.call("send_sms", args{"identity": "ada", "to": number, "body": "b"})).Code, number)
	}
	assert.Zero(t, h.sends())
	for number, taken := range map[string]bool{
		"+14155550123": true, "+431234567890123": true, "+2101234567": true, // 210 is assigned to no country
		"+4312": false, "+431234": false, "+491234": false,
	} {
		r := a.call("send_sms", args{"identity": "ada", "to": number, "body": "b"})
		if taken {
			ok[map[string]any](t, r)
			continue
		}
		assert.Contains(t, refused(t, r).Message, "Ravi's validation", "%s is for Ravi to refuse", number)
	}
	ok[mailed](t, a.call("send_email", args{"identity": "ada", "to": "a@x.example", "cc": many, "subject": "s", "body": "b"}))
	assert.Equal(t, []string{"ada@xn--bcher-kva.example"}, ok[mailed](t, a.call("send_email", args{"identity": "ada", "to": "ada@Bücher.example", "subject": "s", "body": "b"})).To)
}

// Who is new to an identity, and who is not.
func TestAPersonDecidesAboutARecipientWhoIsNew(t *testing.T) {
	for name, era := range eras {
		for client, connect := range canAsk {
			t.Run(name+" "+client, func(t *testing.T) {
				h := mailSystem(t, sandbox.Config{Era: era}, "") // ask is the default
				h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
				write := func(answer, to string) (result, string) {
					a := connect(h, local(), answer)
					question, person := "", a.person
					a.person = func(q json.RawMessage) string { question = string(q); return person(q) }
					return a.put("send_email", args{"identity": "ada", "to": to, "subject": "s", "body": "b"}), question
				}
				r, question := write(no, "bob@x.example")
				assert.Equal(t, "declined", refused(t, r).Reason)
				assert.Contains(t, question, "bob@x.example")
				assert.Contains(t, question, "ada")
				assert.Zero(t, h.sends())

				r, _ = write(yes, "bob@x.example")
				ok[mailed](t, r)
				assert.Equal(t, 1, h.sends())

				r, question = write(no, "Bob@X.example")
				ok[mailed](t, r)
				assert.Empty(t, question, "whom a person let it write to is known")

				// Ravi has made a contact of each recipient only; one that a caller saves counts.
				r, _ = write(no, "carol@x.example")
				refused(t, r)
				a := connect(h, local(), no)
				assert.Equal(t, "declined", refused(t, a.put("save_contact", args{"identity": "ada", "email": "carol@x.example"})).Reason, "no way around the question")
				a = connect(h, local(), yes)
				ok[map[string]any](t, a.put("save_contact", args{"identity": "ada", "email": "carol@x.example"}))
				r, question = write(no, "carol@x.example")
				ok[mailed](t, r)
				assert.Empty(t, question)

				r, _ = write(no, ok[created](t, a.call("get_identity", args{"identity": "ada"})).Address)
				ok[mailed](t, r)
			})
		}
	}
}

func TestPolicyDecidesWhereNoQuestionIsAsked(t *testing.T) {
	h := mailSystem(t, sandbox.Config{}, session.PolicyDeny)
	me := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	h.mail(me.Inbox, "stranger@x.example", "Hi", "Answer me", "")
	a := h.connectModern(local())
	id, _ := received(t, a, "ada")
	for tool, arguments := range map[string]args{
		"send_email":    {"to": "stranger@x.example", "subject": "s", "body": "b"},
		"reply_email":   {"message_id": id, "body": "b"},
		"forward_email": {"message_id": id, "to": "stranger@x.example"},
		"save_contact":  {"email": "stranger@x.example"},
	} {
		arguments["identity"] = "ada"
		body := refused(t, a.call(tool, arguments))
		assert.Equal(t, fault.Denied, body.Code, tool)
		assert.Equal(t, "policy", body.Reason, tool)
	}
	h.configure = func(c *server.Config) { c.Toolsets = []tool.Toolset{tool.SetMail} }
	assert.Equal(t, "impossible", refused(t, h.connectModern(local()).call("reply_email", args{"identity": "ada", "message_id": id, "body": "b"})).Reason)
	assert.Zero(t, h.sends())
}

// SECURITY.md U8: an answer that would go elsewhere is shown, and asked about even if both
// addresses are known.
func TestAnAnswerThatWouldGoElsewhereIsAskedAbout(t *testing.T) {
	for name, c := range map[string]struct{ from, replyTo, goes string }{
		"reply-to":     {"Bank <support@bank.example>", "mallory@evil.example", "mallory@evil.example"},
		"display name": {`"support@bank.example" <mallory@evil.example>`, "", "mallory@evil.example"},
	} {
		for client, connect := range canAsk {
			t.Run(name+" "+client, func(t *testing.T) {
				h := mailSystem(t, sandbox.Config{}, session.PolicyAsk)
				me := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
				a := connect(h, local(), yes)
				for _, known := range []string{"support@bank.example", "mallory@evil.example"} {
					ok[mailed](t, a.put("send_email", args{"identity": "ada", "to": known, "subject": "s", "body": "b"}))
				}
				_, err := h.ravi.Server.DeliverEmail(sandbox.Email{To: me.Inbox, From: c.from, ReplyTo: c.replyTo, Subject: "Verify", Text: "Answer please"})
				require.NoError(t, err)
				id, _ := received(t, a, "ada")
				before := h.sends()

				question := ""
				a.person = func(q json.RawMessage) string { question = string(q); return no }
				assert.Equal(t, "declined", refused(t, a.put("reply_email", args{"identity": "ada", "message_id": id, "body": "b"})).Reason)
				assert.Contains(t, question, "support@bank.example")
				assert.Contains(t, question, c.goes)
				assert.Equal(t, before, h.sends())

				a.person = func(json.RawMessage) string { return yes }
				r := ok[mailed](t, a.put("reply_email", args{"identity": "ada", "message_id": id, "body": "b"}))
				assert.Equal(t, []string{c.goes}, r.To)
				assert.Contains(t, r.Warning, c.goes)
			})
		}
	}
}

func TestTheSendBudget(t *testing.T) {
	h := mailSystem(t, sandbox.Config{EmailHourly: -1, EmailDaily: -1}, session.PolicyAllow)
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	h.deps.Now = func() time.Time { return now }
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	a := h.connectModern(local())
	mail := args{"identity": "ada", "to": "a@x.example", "subject": "s", "body": "b"}
	for range 60 {
		ok[mailed](t, a.call("send_email", mail))
		now = now.Add(time.Second)
	}
	body := refused(t, a.call("send_email", mail))
	assert.Equal(t, fault.RateLimited, body.Code)
	assert.Equal(t, 3600-60, body.RetryAfterSeconds)
	assert.Equal(t, 60, h.sends(), "Ravi is not asked")
	ok[mailed](t, h.connectModern(&session.Caller{Name: "another"}).call("send_email", mail))

	now = now.Add(time.Hour - time.Minute - time.Second)
	refused(t, a.call("send_email", mail))
	now = now.Add(time.Second)
	ok[mailed](t, a.call("send_email", mail))

	for sent := 61; sent < 500; sent++ {
		now = now.Add(2 * time.Minute)
		ok[mailed](t, a.call("send_email", mail))
	}
	now = now.Add(2 * time.Minute)
	body = refused(t, a.call("send_email", mail))
	assert.Equal(t, fault.RateLimited, body.Code)
	assert.Greater(t, body.RetryAfterSeconds, 3600)
}

func TestARefusedMailDoesNotCount(t *testing.T) {
	h := mailSystem(t, sandbox.Config{}, session.PolicyAllow)
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	a := h.connectModern(local())
	mail := args{"identity": "ada", "to": "a@x.example", "subject": "s", "body": "b"}
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: compose, Status: 400, Count: 70})
	for range 70 {
		assert.Equal(t, fault.InvalidArgument, refused(t, a.call("send_email", mail)).Code)
	}
	h.ravi.Server.Faults().Clear()
	ok[mailed](t, a.call("send_email", mail))
}

// Nothing that may have been sent is said to be worth a retry.
func TestAMailWhoseAnswerIsLostIsNotSentTwice(t *testing.T) {
	for name, f := range map[string]sandbox.Fault{"cut": {Cut: true}, "error": {Status: 500}, "garbage": {Status: 200, Body: `{"`}, "slow": {Delay: 1 << 40}} {
		synctest.Test(t, func(t *testing.T) {
			h := mailSystem(t, sandbox.Config{}, session.PolicyAllow)
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
			a := h.connectModern(local())
			f.Method, f.Endpoint, f.Count = "POST", compose, -1
			h.ravi.Server.Faults().Add(f)
			body := refused(t, a.call("send_email", args{"identity": "ada", "to": "a@x.example", "subject": "s", "body": "b"}))
			assert.Equal(t, fault.Conflict, body.Code, name)
			assert.Equal(t, "perhaps_sent", body.Reason, name)
			assert.False(t, body.Retryable, name)
			if name != "slow" { // which Ravi never counts
				assert.Equal(t, 1, h.sends(), name)
			}
		})
	}
}

func reversed(s string) string {
	runes := []rune(s)
	slices.Reverse(runes)
	return string(runes)
}

// hidden are the ways in which a value can be written into a mail.
var hidden = map[string]func(string) string{
	"raw":          func(v string) string { return v },
	"base64":       func(v string) string { return base64.StdEncoding.EncodeToString([]byte("x" + v + "yz")) },
	"base64 alone": func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) },
	"base64 url":   func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte("xx" + v + "y")) },
	"base32":       func(v string) string { return base32.StdEncoding.EncodeToString([]byte("xyz" + v + "y")) },
	"base32 hex":   func(v string) string { return strings.ToLower(base32.HexEncoding.EncodeToString([]byte("x" + v))) },
	"hex":          func(v string) string { return hex.EncodeToString([]byte(v)) },
	"HEX":          func(v string) string { return strings.ToUpper(hex.EncodeToString([]byte(v))) },
	"reversed":     reversed,
	"url":          url.QueryEscape,
	"all percent":  func(v string) string { return "%" + strings.Join(slices.Collect(hexPairs(v)), "%") },
	"lines":        func(v string) string { return v[:3] + "\n" + v[3:] },
	"markup":       func(v string) string { return v[:3] + "<b></b>" + v[3:] },
	"entities":     func(v string) string { return fmt.Sprintf("&#%d;%s", v[0], v[1:]) },
}

func hexPairs(v string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := range len(v) {
			if !yield(fmt.Sprintf("%02x", v[i])) {
				return
			}
		}
	}
}

// SECURITY.md S15.
func TestValuesAndFreshCodesDoNotLeave(t *testing.T) {
	for name, era := range eras {
		t.Run(name, func(t *testing.T) {
			h := mailSystem(t, sandbox.Config{Era: era}, session.PolicyAllow)
			me := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada", ProvisionPhone: true})
			a := h.connectModern(local())
			with := func(tool string, arguments args) result {
				arguments["identity"] = "ada"
				return h.connectModern(local()).call(tool, arguments) // with budgets of its own
			}
			ok[credential](t, with("save_credential", args{"domain": "x.example", "username": "u", "password": canaryPassword}))
			ok[map[string]any](t, with("set_secret", args{"name": "API_KEY", "value": canarySecret}))
			ok[map[string]any](t, with("set_secret", args{"name": "SHORT", "value": "abc"}))
			ok[map[string]any](t, with("set_totp", args{"domain": "x.example", "seed": canarySeed, "backup_codes": []string{canaryBackup}}))
			h.sms(me.Phone, "32665", "Your code is "+canaryCode)
			h.mail(me.Inbox, "login@y.example", "Sign in", "Your verification code is 4711. Do not share it.", "")
			carrier, _ := received(t, a, "ada")
			require.Contains(t, carrier, "email:")

			for value, kind := range map[string]string{
				canaryPassword: "a stored password", canarySecret: "a stored secret", canarySeed: "an authenticator's seed", canaryBackup: "a backup code",
				canaryCode: "a code that was received",
			} {
				for way, hide := range hidden {
					for field, arguments := range map[string]args{
						"subject": {"subject": strings.ReplaceAll("x: "+hide(value), "\n", " "), "body": "b"},
						"body":    {"subject": "s", "body": "Here: " + hide(value) + " thanks", "format": "html"},
					} {
						arguments["to"] = "mallory@evil.example"
						r := with("send_email", arguments)
						body := refused(t, r)
						assert.Equal(t, fault.Denied, body.Code, "%s %s in %s", way, kind, field)
						assert.Equal(t, "secret_in_text", body.Reason)
						assert.Contains(t, body.Message, kind)
						assertNone(t, string(r.raw), "the error", value)
					}
				}
			}
			for value, in := range map[string]args{
				canarySecret:   {"subject": "re " + canarySecret[:9], "body": canarySecret[9:] + " is it"},
				canaryPassword: {"subject": canaryPassword[7:] + " is the end", "body": "before it comes " + canaryPassword[:7]},
				canaryBackup:   {"subject": canaryBackup[:8] + " and then", "body": "go on with\n" + canaryBackup[8:]},
				canaryCode:     {"subject": "code 9182", "body": "73645"},
				"4711":         {"subject": "47", "body": "11 it is"},
			} {
				in["to"] = "mallory@evil.example"
				assert.Equal(t, "secret_in_text", refused(t, with("send_email", in)).Reason, "%s split over subject and body", value)
			}
			for _, text := range []string{"It is 4711.", "code=1174", "NDcxMQ=="} {
				assert.Equal(t, "secret_in_text", refused(t, with("send_email", args{"to": "a@x.example", "subject": "s", "body": text})).Reason, text)
			}
			assert.Equal(t, "secret_in_text", refused(t, with("forward_email", args{"message_id": carrier, "to": "a@x.example"})).Reason, "what is forwarded is looked at")
			assert.Equal(t, "secret_in_text", refused(t, with("reply_email", args{"message_id": carrier, "body": canarySecret})).Reason)
			if era == sandbox.EraKeys {
				assert.Equal(t, "secret_in_text", refused(t, with("send_sms", args{"to": "+14155550123", "body": canarySecret})).Reason)
			}
			assert.Zero(t, h.sends())
			assertNone(t, h.log.String(), "the log", canaryPassword, canarySecret, canarySeed, canaryBackup, canaryCode)

			ok[mailed](t, with("send_email", args{"to": "a@x.example", "subject": "abc", "body": "Order 47110 costs 1234711 and 471 1."}))
		})
	}
}

func TestACodeMayLeaveWhenItIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := mailSystem(t, sandbox.Config{}, session.PolicyAllow)
		me := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada", ProvisionPhone: true})
		a := h.connectModern(local())
		h.sms(me.Phone, "32665", "Your code is "+canaryCode)
		mail := args{"identity": "ada", "to": "a@x.example", "subject": "s", "body": "It was " + canaryCode}
		time.Sleep(10*time.Minute - 2*time.Second)
		assert.Equal(t, "secret_in_text", refused(t, a.call("send_email", mail)).Reason)
		time.Sleep(3 * time.Second)
		ok[mailed](t, a.call("send_email", mail))
	})
}

func TestNothingIsSentUnlessTheVaultCanBeRead(t *testing.T) {
	h := mailSystem(t, sandbox.Config{}, session.PolicyAllow)
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	a := h.connectModern(local())
	ok[credential](t, a.call("save_credential", args{"identity": "ada", "domain": "x.example", "password": canaryPassword}))
	for _, endpoint := range []string{passwords, onePassword, secrets, "/api/email-messages/", "/api/messages/"} {
		h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: endpoint, Status: 403, Count: -1})
		refused(t, a.call("send_email", args{"identity": "ada", "to": "a@x.example", "subject": "s", "body": "b"}))
		h.ravi.Server.Faults().Clear()
	}
	assert.Zero(t, h.sends())
}
