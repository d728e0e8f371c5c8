package tools_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// identified is the part of every result that says whom it is about.
type identified struct {
	Identity   struct{ UUID, Name string }
	ResolvedBy string `json:"resolved_by"`
}

type created struct {
	identified
	Address, Phone, Cursor string
	Created, Bound         bool
}

type waited struct {
	identified
	Status, Code, Link, Channel, From, Armed, Cursor, Reason, Hint string
	MessageID                                                      string `json:"message_id"`
	Untrusted                                                      bool
	WaitedMS                                                       int64 `json:"waited_ms"`
	Capped                                                         int   `json:"timeout_capped_to_seconds"`
	Candidates                                                     []struct{ Code, From string }
	Arrived                                                        *struct {
		Count   int
		Senders []string
	}
}

type credential struct {
	identified
	Status     string
	Credential struct{ ID, Domain, Username, Password, Notes string }
	Candidates []struct{ ID, Username string }
	Generated  *shape
	Replaced   bool
	Password   string
}

// The four steps of the integration guide, in both eras.
func TestAnAgentSignsUpSomewhere(t *testing.T) {
	for name, connect := range map[string]func(*system) *agent{
		"legacy": func(h *system) *agent { return h.connect(local()) },
		"modern": func(h *system) *agent { return h.connectModern(local()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSystem(t, sandbox.Config{})
				a := connect(h)
				me := ok[created](t, a.call("create_identity", args{"name": "worker-42"}))
				assert.True(t, me.Created)
				assert.Equal(t, "created", me.ResolvedBy)
				assert.Equal(t, name == "legacy", me.Bound)

				answer, _ := a.beginCall("wait_for_otp", args{"identity": me.Identity.UUID, "cursor": me.Cursor, "timeout_seconds": "30"})
				time.Sleep(3 * time.Second)
				h.sms(me.Phone, "SHOP", "Order 555123 has shipped")
				time.Sleep(time.Second)
				h.sms(me.Phone, "32665", "Your Nimbus code is 120 456")
				found := ok[waited](t, parse(t, <-answer))
				assert.Equal(t, "found", found.Status)
				assert.Equal(t, "120456", found.Code)
				assert.Equal(t, "sms", found.Channel)
				assert.Equal(t, "cursor", found.Armed)
				assert.True(t, found.Untrusted)
				assert.Less(t, found.WaitedMS, int64(4200), "the stream wakes the wait")

				saved := ok[credential](t, a.call("save_credential", args{"identity": "worker-42", "domain": "https://login.nimbus.example/up?x=1", "username": me.Address}))
				assert.NotNil(t, saved.Generated)
				assert.Empty(t, saved.Password, "no call asked to see it")
				assert.Equal(t, "nimbus.example", saved.Credential.Domain)
				got := ok[credential](t, a.call("get_credential", args{"identity": me.Address, "domain": "www.nimbus.example"}))
				assert.Len(t, got.Credential.Password, 24)
				assert.Equal(t, me.Address, got.Credential.Username)
			})
		})
	}
}

func TestCodeBeforeTheWaitIsFoundAtOnce(t *testing.T) {
	for name, arm := range map[string]func(a *agent, me created) args{
		"cursor of create_identity": func(_ *agent, me created) args { return args{"cursor": me.Cursor} },
		"cursor of watch_inbox": func(a *agent, _ created) args {
			return args{"cursor": ok[created](a.t, a.call("watch_inbox", nil)).Cursor}
		},
		"cursor of use_identity": func(a *agent, me created) args {
			return args{"cursor": ok[created](a.t, a.call("use_identity", args{"identity": me.Identity.UUID})).Cursor}
		},
		"none, in a session": func(*agent, created) args { return args{} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, a, me := withIdentity(t, "early")
				wait := arm(a, me)
				h.sms(me.Phone, "32665", "Your code is 271828")
				time.Sleep(5 * time.Second)
				found := ok[waited](t, a.call("wait_for_otp", wait))
				assert.Equal(t, "271828", found.Code)
				assert.Less(t, found.WaitedMS, int64(1000))

				again := ok[waited](t, a.call("wait_for_otp", args{"cursor": me.Cursor}))
				assert.Equal(t, "271828", again.Code, "an older cursor gives the same answer again")
				next := ok[waited](t, a.call("wait_for_otp", args{"cursor": found.Cursor, "timeout_seconds": 1}))
				assert.Equal(t, "pending", next.Status, "a newer cursor never does")
				next = ok[waited](t, a.call("wait_for_otp", args{"timeout_seconds": 1}))
				assert.Equal(t, "pending", next.Status, "nor does the session's own")
				assert.Equal(t, "session", next.Armed)
			})
		})
	}
}

// withIdentity is a system with a client that has created an identity.
func withIdentity(t *testing.T, name string) (*system, *agent, created) {
	h := newSystem(t, sandbox.Config{})
	a := h.connect(local())
	return h, a, ok[created](t, a.call("create_identity", args{"name": name}))
}

func TestCodesBeforeTheCursorAreNeverReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, me := withIdentity(t, "old")
		h.sms(me.Phone, "32665", "Your code is 118204")
		h.mail(me.Address, "no-reply@nimbus.example", "Your code is 226051", "Your code is 226051", "")
		time.Sleep(time.Second)
		cursor := ok[created](t, a.call("watch_inbox", nil)).Cursor
		pending := ok[waited](t, a.call("wait_for_otp", args{"cursor": cursor, "timeout_seconds": 2}))
		assert.Equal(t, "pending", pending.Status)
		assert.Zero(t, pending.Arrived.Count)
		h.sms(me.Phone, "32665", "Your code is 330495")
		found := ok[waited](t, a.call("wait_for_otp", args{"cursor": pending.Cursor}))
		assert.Equal(t, "330495", found.Code)
	})
}

func TestTwoWaitsOfASessionNeverRepeatACode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, me := withIdentity(t, "both")
		bySMS, _ := a.beginCall("wait_for_otp", args{"channel": "sms"})
		byMail, _ := a.beginCall("wait_for_otp", args{"channel": "email"})
		time.Sleep(time.Second)
		h.sms(me.Phone, "32665", "Your code is 118204")
		time.Sleep(time.Second)
		h.mail(me.Address, "no-reply@nimbus.example", "Sign in", "Your code is 226051", "")
		assert.Equal(t, "118204", ok[waited](t, parse(t, <-bySMS)).Code)
		assert.Equal(t, "226051", ok[waited](t, parse(t, <-byMail)).Code)
		rest := ok[waited](t, a.call("wait_for_otp", args{"timeout_seconds": 1}))
		assert.Equal(t, "pending", rest.Status)
	})
}

func TestAWaitWithoutACursorLooksAtMostTenMinutesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, me := withIdentity(t, "slow")
		h.sms(me.Phone, "32665", "Your code is 123123")
		time.Sleep(11 * time.Minute)
		h.sms(me.Phone, "SHOP", "Your order has shipped")
		late := ok[waited](t, a.call("wait_for_otp", args{"timeout_seconds": 1}))
		assert.Equal(t, "pending", late.Status, "the code is older than ten minutes")
		assert.Equal(t, "123123", ok[waited](t, a.call("wait_for_otp", args{"cursor": me.Cursor})).Code, "a cursor reaches all the way back")
	})
}

func TestTwoSendersAreAmbiguousUntilAFilterTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, me := withIdentity(t, "two")
		h.sms(me.Phone, "Nimbus", "Your Nimbus code is 118204")
		h.sms(me.Phone, "Quarry", "Your Quarry code is 226051")
		both := ok[waited](t, a.call("wait_for_otp", args{"cursor": me.Cursor}))
		assert.Equal(t, "ambiguous", both.Status)
		assert.Empty(t, both.Code)
		assert.Len(t, both.Candidates, 2)
		one := ok[waited](t, a.call("wait_for_otp", args{"cursor": me.Cursor, "from": "quarry"}))
		assert.Equal(t, "226051", one.Code)
	})
}

func TestPendingSaysWhatCameAndWhatToTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, me := withIdentity(t, "patient")
		h.sms(me.Phone, "SHOP", "SECRET-BODY: your order has shipped")
		p := ok[waited](t, a.call("wait_for_otp", args{"cursor": me.Cursor, "timeout_seconds": 600}))
		assert.Equal(t, "pending", p.Status)
		assert.Equal(t, 50, p.Capped, "the answer says that it was capped")
		assert.Equal(t, int64(50_000), p.WaitedMS)
		require.NotNil(t, p.Arrived)
		assert.Equal(t, 1, p.Arrived.Count)
		assert.Equal(t, []string{"SHOP"}, p.Arrived.Senders)
		assert.NotEmpty(t, p.Hint)
		assert.NotContains(t, a.wire.String(), "SECRET-BODY")
	})
}

func TestAfterFruitlessWaitsADeletedIdentityIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a, other := h.connect(local()), h.connect(local())
		me := ok[created](t, a.call("create_identity", args{"name": "doomed"}))
		first := ok[waited](t, a.call("wait_for_otp", args{"cursor": me.Cursor, "timeout_seconds": 1}))
		ok[map[string]any](t, other.call("delete_identity", args{"identity": me.Identity.UUID}))
		body := refused(t, a.call("wait_for_otp", args{"cursor": first.Cursor, "timeout_seconds": 1}))
		assert.Equal(t, fault.IdentityNotFound, body.Code)
	})
}

func TestWaitForMessageReturnsTheNextMessageOfAnyKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, me := withIdentity(t, "reader")
		h.mail(me.Address, "Anna <anna@friends.example>", "Lunch?", "Shall we\u200b meet at noon?", "")
		type arrived struct {
			Status  string
			Message struct {
				MessageID, Subject, Text, From string
				Untrusted                      bool
			}
		}
		m := ok[arrived](t, a.call("wait_for_message", args{"sender": "friends.example"}))
		assert.Equal(t, "found", m.Status)
		assert.Equal(t, "Shall we meet at noon?", m.Message.Text, "invisible characters are gone")
		assert.True(t, m.Message.Untrusted)
	})
}

// Two callers, even under the same session-less protocol, share no identity and no cursor.
func TestCallersShareNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		amber := &session.Caller{Name: "amber", Rights: session.Rights{Identities: []string{"amber-*"}}}
		basalt := &session.Caller{Name: "basalt", Rights: session.Rights{Identities: []string{"basalt-*"}}}
		a, b := h.connectModern(amber), h.connectModern(basalt)
		mine := ok[created](t, a.call("create_identity", args{"name": "amber-1"}))
		theirs := ok[created](t, b.call("create_identity", args{"name": "basalt-1"}))

		for _, tool := range []string{"get_identity", "list_messages", "watch_inbox", "wait_for_otp", "list_credentials", "list_secrets", "delete_identity", "use_identity"} {
			foreign := refused(t, b.call(tool, args{"identity": mine.Identity.UUID}))
			unknown := refused(t, b.call(tool, args{"identity": "00000000-0000-4000-8000-000000000000"}))
			assert.Equal(t, fault.IdentityNotFound, foreign.Code, tool)
			assert.Equal(t, unknown, foreign, "%s: a foreign identity and one that does not exist answer alike", tool)
		}
		stolen := refused(t, b.call("wait_for_otp", args{"cursor": mine.Cursor}))
		madeUp := refused(t, b.call("wait_for_otp", args{"cursor": "AAAA"}))
		assert.Equal(t, fault.CursorInvalid, stolen.Code)
		assert.Equal(t, madeUp, stolen)
		assert.Equal(t, fault.IdentityRequired, refused(t, b.call("get_identity", nil)).Code, "no state sticks to a connection without sessions")
		assert.Equal(t, fault.Forbidden, refused(t, b.call("create_identity", args{"name": "amber-2"})).Code)

		list := ok[struct{ Identities []struct{ Name string } }](t, b.call("list_identities", nil))
		require.Len(t, list.Identities, 1)
		assert.Equal(t, "basalt-1", list.Identities[0].Name)
		assert.Equal(t, theirs.Identity.UUID, ok[identified](t, b.call("get_identity", args{"identity": "basalt-1"})).Identity.UUID)
	})
}
