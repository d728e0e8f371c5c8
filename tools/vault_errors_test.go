package tools_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

// vaultCall is a call of a vault tool that succeeds when nothing goes wrong, and the one request of
// it that a test lets fail.
type vaultCall struct {
	tool             string
	args             args
	method, endpoint string
}

const (
	passwords, onePassword = "/api/passwords/", "/api/passwords/{uuid}/"
	secrets, oneSecret     = "/api/secrets/", "/api/secrets/{uuid}/"
)

// vaultCalls stores one of everything and returns a call of every vault tool, its writes before its
// reads.
func vaultCalls(t *testing.T, a *agent) []vaultCall {
	t.Helper()
	saved := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "bob", "password": "pw"}))
	ok[totpSet](t, a.call("set_totp", args{"domain": "shop.example", "seed": "JBSWY3DPEHPK3PXP", "backup_codes": codes(3)}))
	ok[stored](t, a.call("set_secret", args{"name": "KEY", "value": "v"}))
	id := args{"id": saved.Credential.ID}
	return []vaultCall{
		{"save_credential", args{"domain": "new.example"}, "POST", passwords},
		{"save_credential", args{"domain": "new.example"}, "GET", passwords},
		{"save_credential", args{"domain": "shop.example", "username": "bob", "if_exists": "replace"}, "PATCH", onePassword},
		{"get_credential", id, "GET", onePassword},
		{"get_credential", args{"domain": "shop.example"}, "GET", passwords},
		{"list_credentials", nil, "GET", passwords},
		{"update_credential", args{"domain": "shop.example", "new_notes": "n"}, "PATCH", onePassword},
		{"update_credential", args{"domain": "shop.example", "new_username": "eve"}, "GET", secrets},
		{"delete_credential", id, "DELETE", onePassword},
		{"set_totp", args{"domain": "new.example", "seed": "KRSXG5CTMVRXEZLU"}, "POST", secrets},
		{"set_totp", args{"domain": "new.example", "backup_codes": codes(2)}, "POST", secrets},
		{"get_totp", args{"domain": "shop.example"}, "GET", secrets},
		{"use_backup_code", args{"domain": "shop.example"}, "DELETE", oneSecret},
		{"set_secret", args{"name": "NEW", "value": "v"}, "POST", secrets},
		{"set_secret", args{"name": "KEY", "value": "w"}, "PATCH", oneSecret},
		{"get_secret", args{"name": "KEY"}, "GET", secrets},
		{"list_secrets", nil, "GET", secrets},
		{"delete_secret", args{"name": "KEY"}, "DELETE", oneSecret},
	}
}

// The failures of docs/ravi-api.md#failure-table through every vault tool: the code, whether a
// retry helps, and a hint about what to do.
func TestEveryFailureOfRaviInEveryVaultTool(t *testing.T) {
	for name, c := range map[string]struct {
		fault     sandbox.Fault
		want      fault.Code
		retryable bool
		hint      string
		after     int
	}{
		"validation":       {sandbox.Fault{Status: 400, Body: `{"nope":["HUNTER2 is wrong"]}`}, fault.InvalidArgument, false, "Correct", 0},
		"plan":             {sandbox.Fault{Status: 402}, fault.SubscriptionRequired, false, "owner", 0},
		"wrong kind":       {sandbox.Fault{Status: 403}, fault.Forbidden, false, "key", 0},
		"conflict":         {sandbox.Fault{Status: 409}, fault.Conflict, false, "exists", 0},
		"throttled":        {sandbox.Fault{Status: 429, RetryAfter: 120}, fault.RateLimited, true, "Wait", 120},
		"throttled, quiet": {sandbox.Fault{Status: 429, RetryAfter: 120, RetryForm: "header"}, fault.RateLimited, true, "Wait", 120},
		"error":            {sandbox.Fault{Status: 500, Body: "<html>HUNTER2</html>"}, fault.Unavailable, true, "Call again", 0},
		"down":             {sandbox.Fault{Status: 503}, fault.Unavailable, true, "Call again", 0},
		"garbage":          {sandbox.Fault{Status: 200, Body: `{"HUNTER2`}, fault.Unavailable, true, "Call again", 0},
		"cut":              {sandbox.Fault{Cut: true}, fault.Unavailable, true, "Call again", 0},
		"slow":             {sandbox.Fault{Delay: 1 << 40}, fault.Unavailable, true, "Call again", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSystem(t, sandbox.Config{})
				a := h.worker("unlucky")
				for _, call := range vaultCalls(t, a) {
					if c.fault.Status == 200 && call.method == "DELETE" {
						continue // nothing is read of such an answer
					}
					f := c.fault
					f.Method, f.Endpoint, f.Count = call.method, call.endpoint, -1
					h.ravi.Server.Faults().Add(f)
					r := a.call(call.tool, call.args)
					h.ravi.Server.Faults().Clear()
					require.True(t, r.IsError, "%s %s", call.tool, call.method)
					body := refused(t, r)
					assert.Equal(t, c.want, body.Code, "%s %s", call.tool, call.method)
					assert.Equal(t, c.retryable, body.Retryable, call.tool)
					assert.Contains(t, body.Hint, c.hint, call.tool)
					assert.Equal(t, c.after, body.RetryAfterSeconds, call.tool)
					assertNone(t, string(r.raw), call.tool, "HUNTER2")
				}
			})
		})
	}
}

// What is refused for a moment succeeds in the end without the caller's doing.
func TestAShortThrottleIsWaitedOutByEveryVaultTool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.worker("patient")
		for _, call := range vaultCalls(t, a) {
			h.ravi.Server.Faults().Add(sandbox.Fault{Method: call.method, Endpoint: call.endpoint, Status: 429, RetryAfter: 2})
			r := a.call(call.tool, call.args)
			if r.IsError { // two of them store what the one before has stored
				assert.Equal(t, fault.Conflict, refused(t, r).Code, "%s %s", call.tool, call.method)
			}
			h.ravi.Server.Faults().Clear()
		}
	})
}

func TestAnExpiredTokenInEveryVaultTool(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("late")
	calls := vaultCalls(t, a)
	require.NoError(t, h.ravi.Server.RevokeTokens(h.ravi.Account.Email))
	for _, call := range calls {
		body := refused(t, a.call(call.tool, call.args))
		assert.Equal(t, fault.TokenExpired, body.Code, call.tool)
		assert.False(t, body.Retryable)
		assert.Contains(t, body.Hint, "RAVI_ACCESS_TOKEN")
	}
}

// S1, "identity not found": an identity that was deleted meanwhile.
func TestADeletedIdentityInEveryVaultTool(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a, other := h.worker("doomed"), h.connect(local())
	calls := vaultCalls(t, a)
	ok[map[string]any](t, other.call("delete_identity", args{"identity": "doomed"}))
	for _, call := range calls {
		body := refused(t, a.call(call.tool, call.args))
		assert.Contains(t, []fault.Code{fault.IdentityNotFound, fault.IdentityRequired}, body.Code, call.tool)
		assert.Contains(t, body.Hint, "create_identity", call.tool)
	}
}

// An e2e:: value in a server without the account's key: locked, and what to do.
func TestLockedInEveryVaultToolThatReads(t *testing.T) {
	h := sealedSystem(t)
	calls := vaultCalls(t, h.worker("sealed"))
	h.loseKeys()
	a := h.connect(local())
	for _, call := range calls {
		switch call.tool {
		case "get_credential", "get_totp", "use_backup_code", "get_secret":
		default:
			continue
		}
		call.args["identity"] = "sealed"
		r := a.call(call.tool, call.args)
		body := refused(t, r)
		assert.Equal(t, fault.Locked, body.Code, call.tool)
		assert.False(t, body.Retryable, call.tool)
		assert.Contains(t, body.Hint, "PIN", call.tool)
		assert.NotContains(t, string(r.raw), "e2e::", call.tool)
	}
}

// An account with keys, one without, and one of the key era: everything that is stored comes back,
// over the real way in and out.
func TestEveryVaultRoundTrips(t *testing.T) {
	for name, h := range map[string]*system{
		"plaintext": newSystem(t, sandbox.Config{}),
		"sealed":    sealedSystem(t),
		"key era":   newSystem(t, sandbox.Config{Era: sandbox.EraKeys}),
	} {
		t.Run(name, func(t *testing.T) {
			a := h.worker("round")
			const odd = `p"\ä€😀 ' <&>`
			saved := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "böb@x", "password": odd, "notes": "1\n2\t3"}))
			got := ok[credential](t, a.call("get_credential", args{"domain": "shop.example"}))
			assert.Equal(t, saved.Credential.ID, got.Credential.ID)
			assert.Equal(t, "böb@x", got.Credential.Username)
			assert.Equal(t, odd, got.Credential.Password)
			assert.Equal(t, "1\n2\t3", got.Credential.Notes)
			for _, r := range h.ravi.Server.Requests() {
				assert.NotContains(t, r.Path+r.Query.Encode(), "shop", "nothing of a vault stands in a URL")
			}
		})
	}
}
