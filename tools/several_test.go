package tools_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server"
	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// boundResult is what create_identity and use_identity say about the session.
type boundResult struct {
	created
	Hint string `json:"hint"`
}

func TestSecondIdentityEndsTheDefault(t *testing.T) {
	for how, second := range map[string]func(h *system, a *agent) boundResult{
		"created": func(h *system, a *agent) boundResult {
			return ok[boundResult](h.t, a.call("create_identity", args{"name": "two"}))
		},
		"used": func(h *system, a *agent) boundResult {
			h.ravi.CreateIdentity(h.t, sandbox.NewIdentity{Name: "two"})
			return ok[boundResult](h.t, a.call("use_identity", args{"identity": "two"}))
		},
		"reused": func(h *system, a *agent) boundResult {
			h.ravi.CreateIdentity(h.t, sandbox.NewIdentity{Name: "two"})
			return ok[boundResult](h.t, a.call("create_identity", args{"name": "two", "if_exists": "reuse"}))
		},
	} {
		t.Run(how, func(t *testing.T) {
			h := newSystem(t, sandbox.Config{})
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "elsewhere"})
			a := h.connect(local())
			one := ok[boundResult](t, a.call("create_identity", args{"name": "one"}))
			require.True(t, one.Bound)
			require.Empty(t, one.Hint)

			two := second(h, a)
			assert.False(t, two.Bound)
			assert.Contains(t, two.Hint, "`identity` in every call")
			for _, tool := range []string{"get_identity", "list_secrets", "wait_for_otp", "watch_inbox", "provision_phone"} {
				body := refused(t, a.call(tool, nil))
				require.Equal(t, fault.IdentityRequired, body.Code, tool)
				assert.Contains(t, body.Hint, one.Identity.UUID)
				assert.Contains(t, body.Hint, two.Identity.UUID)
				assert.NotContains(t, body.Hint, "elsewhere", "this session has not named it")
			}
			assert.Equal(t, "one", ok[identified](t, a.call("get_identity", args{"identity": "one"})).Identity.Name)
			again := ok[boundResult](t, a.call("use_identity", args{"identity": "one"}))
			assert.False(t, again.Bound, "another agent of this session may mean the other one")

			h.deleteElsewhere(two.Identity.UUID)
			body := refused(t, a.call("get_identity", nil))
			require.Equal(t, fault.IdentityRequired, body.Code, "for good")
			assert.NotContains(t, body.Hint, two.Identity.UUID, "it does not exist any more")

			assert.True(t, ok[boundResult](t, h.connect(local()).call("use_identity", args{"identity": "one"})).Bound, "another session")
		})
	}
}

func TestDeletedIdentityLeavesRoomForTheNext(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "operators"})
	a := h.connect(local())
	first := ok[created](t, a.call("create_identity", args{"name": "first"}))
	h.deps.Resolver.Identity = "operators"
	ok[map[string]any](t, a.call("delete_identity", args{"identity": first.Identity.UUID}))
	assert.Equal(t, fault.IdentityRequired, refused(t, a.call("get_identity", nil)).Code, "not the operator's in its place")
	h.deps.Resolver.Identity = ""
	assert.True(t, ok[boundResult](t, a.call("create_identity", args{"name": "next"})).Bound)
	assert.Equal(t, "next", ok[identified](t, a.call("get_identity", nil)).Identity.Name)
}

// A helper that was told that its identity is bound goes by that. When the identity ends by
// anything else than a call of the session, calls lead neither to the operator's nor to the next
// helper's.
func TestIdentityThatEndedIsNotReplaced(t *testing.T) {
	for how, end := range map[string]func(h *system, uuid string){
		"deleted by another server": func(h *system, uuid string) { h.deleteElsewhere(uuid) },
		"deleted by another caller": func(h *system, uuid string) {
			h.configure = func(c *server.Config) { c.Policies.Delete = session.PolicyAllow }
			ok[map[string]any](h.t, h.connect(&session.Caller{Name: "other"}).call("delete_identity", args{"identity": uuid}))
		},
		"deleted after its time": func(h *system, uuid string) {
			h.deleteElsewhere(uuid)
			require.NoError(h.t, h.deps.Store.ForgetIdentity(h.t.Context(), uuid)) // as a lease's end does
		},
		"renamed": func(h *system, uuid string) {
			client, err := h.connectRavi(h.credentials())
			require.NoError(h.t, err)
			name := "elsewhere"
			_, err = client.UpdateIdentity(h.t.Context(), uuid, ravi.IdentityUpdate{Name: &name})
			require.NoError(h.t, err)
			h.account.Forget()
		},
	} {
		for name, configured := range map[string]string{"with nothing set": "", "with an operator's": "h-operators"} {
			t.Run(how+" "+name, func(t *testing.T) {
				h := newSystem(t, sandbox.Config{})
				for _, name := range []string{"h-operators", "h-one"} {
					h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: name})
				}
				h.deps.Resolver.Identity = configured
				a := h.connect(local("h-*"))
				one := ok[boundResult](t, a.call("use_identity", args{"identity": "h-one"}))
				require.True(t, one.Bound)
				end(h, one.Identity.UUID)
				assert.Equal(t, fault.IdentityNotFound, refused(t, a.call("set_secret", args{"name": "K", "value": "v"})).Code)
				assert.False(t, ok[boundResult](t, a.call("create_identity", args{"name": "h-two"})).Bound)
				assert.Equal(t, fault.IdentityRequired, refused(t, a.call("set_secret", args{"name": "K", "value": "v"})).Code)
			})
		}
	}
}

// deleteElsewhere deletes an identity without this server's doing, which sees it gone.
func (h *system) deleteElsewhere(uuid string) {
	h.t.Helper()
	client, err := h.connectRavi(h.credentials())
	require.NoError(h.t, err)
	require.NoError(h.t, client.DeleteIdentity(h.t.Context(), uuid))
	h.account.Forget()
}

// What the operator has set counts as soon as calls went there, or another identity is created.
func TestIdentityOfTheOperatorCounts(t *testing.T) {
	open := func(t *testing.T) (*system, *agent) {
		h := newSystem(t, sandbox.Config{})
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "operators"})
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "other"})
		h.deps.Resolver.Identity = "operators"
		return h, h.connect(local())
	}
	bound := func(t *testing.T, a *agent, tool string, arguments args) bool {
		return ok[boundResult](t, a.call(tool, arguments)).Bound
	}
	t.Run("created", func(t *testing.T) {
		_, a := open(t)
		require.False(t, bound(t, a, "create_identity", args{"name": "mine"}))
		body := refused(t, a.call("get_identity", nil))
		require.Equal(t, fault.IdentityRequired, body.Code)
		assert.Contains(t, body.Hint, "operators")
	})
	t.Run("used after it", func(t *testing.T) {
		_, a := open(t)
		require.Equal(t, "operators", ok[identified](t, a.call("get_identity", nil)).Identity.Name)
		require.False(t, bound(t, a, "use_identity", args{"identity": "other"}))
		require.Equal(t, fault.IdentityRequired, refused(t, a.call("get_identity", nil)).Code)
	})
	t.Run("used instead of it", func(t *testing.T) {
		_, a := open(t)
		require.True(t, bound(t, a, "use_identity", args{"identity": "other"}))
		require.Equal(t, "other", ok[identified](t, a.call("get_identity", nil)).Identity.Name)
	})
	t.Run("the same", func(t *testing.T) {
		_, a := open(t)
		require.Equal(t, "operators", ok[identified](t, a.call("get_identity", nil)).Identity.Name)
		require.True(t, bound(t, a, "use_identity", args{"identity": "operators"}))
		require.True(t, bound(t, a, "create_identity", args{"name": "operators", "if_exists": "reuse"}))
	})
	t.Run("gone before any call", func(t *testing.T) {
		h, a := open(t)
		h.deleteElsewhere(h.ravi.Server.Identities()[0].UUID)
		require.True(t, bound(t, a, "create_identity", args{"name": "mine"}))
	})
	t.Run("gone after a call", func(t *testing.T) {
		h, a := open(t)
		got := ok[identified](t, a.call("get_identity", nil))
		h.deleteElsewhere(got.Identity.UUID)
		require.False(t, bound(t, a, "create_identity", args{"name": "mine"}), "who called goes by it")
	})
}

// A wait that runs when a second client comes reports no progress any more: both would get it.
func TestProgressEndsWithTheSecondInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.connect(local())
		me := ok[created](t, a.call("create_identity", args{"name": "mine"}))
		notes := func() int {
			a.mu.Lock()
			defer a.mu.Unlock()
			return len(a.notes)
		}
		answer, _ := a.beginCallWith("wait_for_otp", args{"cursor": me.Cursor, "timeout_seconds": 40}, `,"_meta":{"progressToken":"CANARY"}`)
		time.Sleep(12 * time.Second)
		before := notes()
		require.Positive(t, before)
		a.request("initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"second","version":"1"}}`)
		require.Equal(t, "pending", ok[waited](t, parse(t, <-answer)).Status)
		require.Equal(t, before, notes())
	})
}

func TestSharedCallerHasNoDefaultAndIsAskedNothing(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	shared := local()
	shared.Shared = true
	asked := false
	a := h.connectAs(shared, &agent{capabilities: `{"elicitation":{}}`, person: func(json.RawMessage) string {
		asked = true
		return ""
	}})
	me := ok[boundResult](t, a.call("create_identity", args{"name": "mine"}))
	require.False(t, me.Bound)
	require.Contains(t, me.Hint, "Several clients share this server")
	body := refused(t, a.call("get_identity", nil))
	require.Equal(t, fault.IdentityRequired, body.Code)
	require.NotContains(t, body.Message+body.Hint, me.Identity.UUID, "it may be another client's")

	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "operators"})
	h.account.Forget()
	body = refused(t, a.call("delete_identity", args{"identity": "operators"}))
	require.Equal(t, []any{fault.Denied, "impossible"}, []any{body.Code, body.Reason})
	require.False(t, asked)

	waited := ok[struct{ Armed string }](t, a.call("wait_for_otp", args{"identity": me.Identity.UUID, "timeout_seconds": 1}))
	require.Equal(t, "at_call", waited.Armed, "there is no cursor of a session that several clients would move")
	answer := a.request("initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}`)
	require.Contains(t, string(answer), "Several clients share this server")
}
