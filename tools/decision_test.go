package tools_test

import (
	"encoding/json"
	"fmt"
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
)

// The answers that a client can give to a form.
const (
	yes       = `{"action":"accept","content":{"confirm":true}}`
	no        = `{"action":"decline"}`
	closed    = `{"action":"cancel"}`
	unchecked = `{"action":"accept","content":{"confirm":false}}`
	silence   = ""
)

// canAsk are the clients that have a person before them, by era.
var canAsk = map[string]func(h *system, caller *session.Caller, answer string) *agent{
	"legacy": func(h *system, caller *session.Caller, answer string) *agent {
		return h.connectAs(caller, &agent{capabilities: `{"elicitation":{}}`, person: func(json.RawMessage) string { return answer }})
	},
	"modern": func(h *system, caller *session.Caller, answer string) *agent {
		return h.connectAs(caller, &agent{modern: true, capabilities: `{"elicitation":{"form":{}}}`, person: func(json.RawMessage) string { return answer }})
	},
}

// cannotAsk are the clients without a person.
var cannotAsk = map[string]*agent{
	"legacy":           {capabilities: `{}`},
	"legacy, url only": {capabilities: `{"elicitation":{"url":{}}}`},
	"modern":           {modern: true, capabilities: `{}`},
	"modern, url only": {modern: true, capabilities: `{"elicitation":{"url":{}}}`},
}

// put calls a tool and lets the person answer what is asked.
func (a *agent) put(tool string, arguments args) result {
	a.t.Helper()
	r := a.call(tool, arguments)
	if r.ResultType != "input_required" {
		return r
	}
	return a.retry(tool, arguments, r.RequestState, a.person(r.InputRequests["confirm"].Params))
}

// retry sends a call again, with the state of its question and an answer.
func (a *agent) retry(tool string, arguments args, state, answer string) result {
	a.t.Helper()
	got, _ := a.beginCallWith(tool, arguments, fmt.Sprintf(`,"requestState":%q,"inputResponses":{"confirm":%s}`, state, answer))
	return parse(a.t, <-got)
}

func deletes(p session.Policy) func(*server.Config) {
	return func(c *server.Config) { c.Policies.Delete = p }
}

func (h *system) names() []string {
	names := []string{}
	for _, i := range h.ravi.Server.Identities() {
		names = append(names, i.Name)
	}
	return names
}

func TestDeletingAForeignIdentityAsks(t *testing.T) {
	for era, connect := range canAsk {
		for answer, want := range map[string]string{
			yes: "", no: "declined", closed: "cancelled", unchecked: "declined",
			// Everything that is no well-formed yes is a no.
			`{"action":"accept"}`:                                          "declined",
			`{"action":"accept","content":{}}`:                             "declined",
			`{"action":"accept","content":{"confirm":"true"}}`:             "declined",
			`{"action":"accept","content":{"confirm":1}}`:                  "declined",
			`{"action":"accept","content":{"Confirm":true}}`:               "declined",
			`{"action":"accept","content":{"confirm":true,"also":"this"}}`: "declined",
			`{"action":"accept","content":[true]}`:                         "declined",
			`{"action":"decline","content":{"confirm":true}}`:              "declined",
		} {
			t.Run(era+" "+answer, func(t *testing.T) {
				t.Parallel()
				h := newSystem(t, sandbox.Config{})
				h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "another"})
				r := connect(h, local(), answer).put("delete_identity", args{"identity": "another"})
				if want == "" {
					ok[map[string]any](t, r)
					assert.Empty(t, h.names())
					return
				}
				body := refused(t, r)
				assert.Equal(t, fault.Denied, body.Code)
				assert.Equal(t, want, body.Reason)
				assert.Equal(t, []string{"another"}, h.names())
			})
		}
	}
}

func TestAnAnswerWithoutAnActionIsNoConsent(t *testing.T) {
	for era, want := range map[string]string{"legacy": "impossible", "modern": "declined"} {
		h := newSystem(t, sandbox.Config{})
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
		r := canAsk[era](h, local(), `{"action":"ACCEPT","content":{"confirm":true}}`).put("delete_identity", args{"identity": "x"})
		assert.Equal(t, want, refused(t, r).Reason, era)
		assert.Len(t, h.names(), 1)
	}
}

func TestAClientThatCannotAskIsRefusedAtOnce(t *testing.T) {
	for kind, client := range cannotAsk {
		synctest.Test(t, func(t *testing.T) {
			h := newSystem(t, sandbox.Config{})
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
			start := time.Now()
			copied := agent{modern: client.modern, capabilities: client.capabilities}
			body := refused(t, h.connectAs(local(), &copied).call("delete_identity", args{"identity": "x"}))
			assert.Equal(t, fault.Denied, body.Code, kind)
			assert.Equal(t, "impossible", body.Reason, kind)
			assert.Zero(t, time.Since(start), "%s: it hung", kind)
			assert.Len(t, h.names(), 1)
		})
	}
}

func TestPolicyAllowOrDenyAsksNothing(t *testing.T) {
	never := func(json.RawMessage) string { panic("a person was asked") }
	clients := map[string]*agent{
		"none":   {capabilities: `{}`},
		"legacy": {capabilities: `{"elicitation":{}}`, person: never},
		"modern": {modern: true, capabilities: `{"elicitation":{}}`, person: never},
	}
	for kind, client := range clients {
		for _, policy := range []session.Policy{session.PolicyAllow, session.PolicyDeny} {
			h := newSystem(t, sandbox.Config{})
			h.configure = deletes(policy)
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
			copied := agent{modern: client.modern, capabilities: client.capabilities, person: client.person}
			r := h.connectAs(local(), &copied).call("delete_identity", args{"identity": "x"})
			if policy == session.PolicyAllow {
				ok[map[string]any](t, r)
				assert.Empty(t, h.names(), kind)
				continue
			}
			body := refused(t, r)
			assert.Equal(t, "policy", body.Reason, kind)
			assert.False(t, body.Retryable)
			assert.Len(t, h.names(), 1)
		}
	}
}

func TestCreatorDeletesWithoutAQuestion(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.configure = deletes(session.PolicyDeny)
	a := h.connect(local())
	ok[created](t, a.call("create_identity", args{"name": "mine"}))
	ok[map[string]any](t, a.call("delete_identity", args{"identity": "mine"}))
	assert.Empty(t, h.names())
}

func TestLegacyQuestionsEndAfter45Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
		a := canAsk["legacy"](h, local(), silence)
		start := time.Now()
		body := refused(t, a.call("delete_identity", args{"identity": "x"}))
		assert.Equal(t, fault.Denied, body.Code)
		assert.Equal(t, "timed_out", body.Reason)
		assert.Equal(t, 45*time.Second, time.Since(start))
		assert.Contains(t, a.wire.String(), "notifications/cancelled", "the client is told that the question no longer stands")
		assert.Len(t, h.names(), 1)

		// A hundred open questions delay no other call.
		for range 100 {
			a.beginCall("delete_identity", args{"identity": "x"})
		}
		synctest.Wait()
		start = time.Now()
		ok[map[string]any](t, a.call("list_identities", nil))
		assert.Zero(t, time.Since(start))
	})
}

func TestFormShowsConsequenceAndAsksNothingSecret(t *testing.T) {
	const nasty = "x” (safe)\u202e\u200b\nIgnore this and [click](https://evil.example) <b>now</b>"
	for era, connect := range canAsk {
		h := newSystem(t, sandbox.Config{})
		uuid := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: nasty}).UUID
		var form struct {
			Message         string
			RequestedSchema struct {
				Type       string
				Properties map[string]struct {
					Type    string
					Default any
				}
				Required []string
			}
		}
		a := connect(h, local(), no)
		a.person = func(question json.RawMessage) string {
			assert.NoError(t, json.Unmarshal(question, &form))
			return no
		}
		refused(t, a.put("delete_identity", args{"identity": uuid}))

		assert.Contains(t, form.Message, "delete_identity", era)
		assert.Contains(t, form.Message, uuid)
		assert.Contains(t, form.Message, "for ever")
		assert.Equal(t, "object", form.RequestedSchema.Type)
		require.Len(t, form.RequestedSchema.Properties, 1)
		assert.Equal(t, "boolean", form.RequestedSchema.Properties["confirm"].Type, "nothing can be typed")
		assert.Equal(t, false, form.RequestedSchema.Properties["confirm"].Default)
		assert.Equal(t, []string{"confirm"}, form.RequestedSchema.Required)
		for _, bad := range []string{"\u202e", "\u200b", "\n", "[", "]", "<", "x”"} {
			assert.NotContains(t, form.Message, bad)
		}
		assert.Equal(t, 1, strings.Count(form.Message, "”"), "a name cannot end its own quotes")
	}
}

func TestNoArgumentAndNoMemberOfACallLoosensAPolicy(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.configure = func(c *server.Config) {
		c.Policies = session.Policies{Delete: session.PolicyDeny, Reveal: session.PolicyDeny}
	}
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
	for era, connect := range canAsk {
		a := connect(h, local(), yes)
		for _, extra := range []args{
			{"confirm": true}, {"delete": "allow"}, {"policy": "allow"}, {"approved": true}, {"force": true}, {"requestState": "x"},
		} {
			extra["identity"] = "x"
			assert.Equal(t, fault.InvalidArgument, refused(t, a.call("delete_identity", extra)).Code, "%s %v", era, extra)
		}
		for _, more := range []string{
			`,"inputResponses":{"confirm":` + yes + `}`, `,"requestState":"","inputResponses":{"confirm":` + yes + `}`,
			`,"requestState":"AAAA","inputResponses":{"confirm":` + yes + `}`, `,"policy":"allow"`, `,"delete":"allow"`,
		} {
			got, _ := a.beginCallWith("delete_identity", args{"identity": "x"}, more)
			assert.Equal(t, "policy", refused(t, parse(t, <-got)).Reason, "%s %s", era, more)
		}
	}
	assert.Len(t, h.names(), 1)
}

func TestTheRightsOfACallerTightenAndNeverLoosen(t *testing.T) {
	for _, c := range []struct{ server, caller, want session.Policy }{
		{session.PolicyAllow, session.PolicyDeny, session.PolicyDeny},
		{session.PolicyDeny, session.PolicyAllow, session.PolicyDeny},
		{session.PolicyAllow, session.PolicyAllow, session.PolicyAllow},
		{session.PolicyAllow, "", session.PolicyAllow},
	} {
		h := newSystem(t, sandbox.Config{})
		h.configure = deletes(c.server)
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
		caller := local()
		caller.Rights.Policies.Delete = c.caller
		r := h.connect(caller).call("delete_identity", args{"identity": "x"})
		assert.Equal(t, c.want == session.PolicyDeny, r.IsError, "%v", c)
	}
}

// revealingCalls makes an identity with something to reveal of every kind, and the calls that
// reveal it.
func revealingCalls(t *testing.T, a *agent) map[string]args {
	t.Helper()
	me := ok[created](t, a.call("create_identity", args{"name": "vault"})).Identity.UUID
	with := func(more args) args { more["identity"] = me; return more }
	saved := ok[credential](t, a.call("save_credential", with(args{"domain": "a.example", "username": "u", "password": canaryPassword, "notes": canaryNotes})))
	ok[map[string]any](t, a.call("set_secret", with(args{"name": "API_KEY", "value": canarySecret, "notes": canaryRemark})))
	ok[map[string]any](t, a.call("set_totp", with(args{"domain": "a.example", "username": "u", "seed": "JBSWY3DPEHPK3PXP", "backup_codes": []string{canaryCode}})))
	return map[string]args{
		"get_credential":    with(args{"id": saved.Credential.ID}),
		"get_secret":        with(args{"name": "API_KEY"}),
		"get_totp":          with(args{"domain": "a.example"}),
		"use_backup_code":   with(args{"domain": "a.example"}),
		"save_credential":   with(args{"domain": "b.example", "show": true}),
		"update_credential": with(args{"id": saved.Credential.ID, "generate_password": true, "show": true}),
	}
}

func TestRevealFollowsThePolicyInEveryTool(t *testing.T) {
	const password = `"password":"`
	for era, connect := range canAsk {
		h := newSystem(t, sandbox.Config{})
		calls := revealingCalls(t, h.connect(local()))
		h.configure = func(c *server.Config) { c.Policies.Reveal = session.PolicyDeny }
		a := connect(h, local(), yes)
		for tool, arguments := range calls {
			r := a.put(tool, arguments)
			if tool == "save_credential" || tool == "update_credential" {
				stored := ok[struct{ Hint, Password string }](t, r)
				assert.Contains(t, stored.Hint, "stored and cannot be shown", "%s %s", era, tool)
				assert.Empty(t, stored.Password)
				assert.NotContains(t, string(r.raw), password)
			} else {
				assert.Equal(t, "policy", refused(t, r).Reason, "%s %s", era, tool)
			}
			assertNone(t, string(r.raw), tool, canaryPassword, canaryNotes, canarySecret, canaryRemark, canaryCode)
		}
		for _, tool := range []string{"get_credential", "get_secret"} {
			calls[tool]["reveal"] = false
			r := a.put(tool, calls[tool])
			ok[map[string]any](t, r)
			assertNone(t, string(r.raw), tool, canaryPassword, canaryNotes, canarySecret, canaryRemark)
			delete(calls[tool], "reveal")
		}
		calls["save_credential"]["domain"] = "c.example" // that of b.example is stored

		h.configure = func(c *server.Config) { c.Policies.Reveal = session.PolicyAsk }
		for _, answer := range []string{no, closed, unchecked} {
			a = connect(h, local(), answer)
			for tool, arguments := range calls {
				r := a.put(tool, arguments)
				assert.Equal(t, fault.Denied, refused(t, r).Code, "%s %s", era, tool)
				assertNone(t, a.wire.String(), tool, canaryPassword, canaryNotes, canarySecret, canaryRemark, canaryCode)
				assert.NotContains(t, string(r.raw), password)
			}
		}
		a = connect(h, local(), yes)
		for tool, want := range map[string]string{
			"get_credential": canaryNotes, "get_secret": canarySecret, "use_backup_code": canaryCode,
			"get_totp": `"code":"`, "save_credential": password, "update_credential": password,
		} {
			r := a.put(tool, calls[tool])
			ok[map[string]any](t, r)
			assert.Contains(t, string(r.StructuredContent), want, "%s %s", era, tool)
		}
	}
	h := newSystem(t, sandbox.Config{})
	calls := revealingCalls(t, h.connect(local()))
	h.configure = func(c *server.Config) { c.Policies.Reveal = session.PolicyAsk }
	a := h.connect(local())
	for tool, arguments := range calls {
		assert.Equal(t, "impossible", refused(t, a.call(tool, arguments)).Reason, tool)
	}
}
