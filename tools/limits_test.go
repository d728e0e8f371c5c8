package tools_test

import (
	"os"
	"path/filepath"
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
	"ravi-mcp/tools"
)

// clocked lets the servers of a system share a limit of stored values an hour (-1: none) and one
// clock, which the test moves.
func clocked(h *system, reveals int) (now *time.Time) {
	at := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	h.deps.Now = func() time.Time { return at }
	budget, before := server.NewReveals(reveals), h.configure
	h.configure = func(c *server.Config) {
		if before != nil {
			before(c)
		}
		c.Reveals = budget
	}
	return &at
}

// SECURITY.md S4, C6.
func TestACallerIsShownSoManyStoredValuesAnHour(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	now := clocked(h, server.DefaultReveals)
	audit := filepath.Join(t.TempDir(), "audit")
	file, err := server.OpenAudit(audit)
	require.NoError(t, err)
	defer file.Close()
	shared := h.configure
	h.configure = func(c *server.Config) { shared(c); c.Audit = file }
	a := h.connect(local())
	ok[created](t, a.call("create_identity", args{"name": "x"}))
	ok[map[string]any](t, a.call("set_secret", args{"name": "API_KEY", "value": canarySecret}))

	for range 30 {
		ok[map[string]any](t, a.call("get_secret", args{"name": "API_KEY"}))
	}
	asked := h.ravi.Server.CountRequests("GET", secrets)
	r := a.call("get_secret", args{"name": "API_KEY"})
	body := refused(t, r)
	assert.Equal(t, fault.RateLimited, body.Code)
	assert.Equal(t, 30, body.RetryAfterSeconds)
	assert.True(t, body.Retryable)
	assert.Contains(t, body.Hint, "reveal")
	assertNone(t, string(r.raw), "the result", canarySecret)
	assert.Equal(t, asked, h.ravi.Server.CountRequests("GET", secrets), "Ravi is not asked")

	for range 200 {
		ok[map[string]any](t, a.call("get_secret", args{"name": "API_KEY", "reveal": false}))
		ok[map[string]any](t, a.call("list_secrets", nil))
	}
	other := h.connectModern(local())
	assert.Equal(t, fault.RateLimited, refused(t, other.call("get_secret", args{"identity": "x", "name": "API_KEY"})).Code, "another session of the same caller")
	bob := h.connectModern(&session.Caller{Name: "bob"})
	ok[map[string]any](t, bob.call("get_secret", args{"identity": "x", "name": "API_KEY"}))

	*now = now.Add(29 * time.Second)
	assert.Equal(t, 1, refused(t, a.call("get_secret", args{"name": "API_KEY"})).RetryAfterSeconds)
	*now = now.Add(time.Second)
	ok[map[string]any](t, a.call("get_secret", args{"name": "API_KEY"}))
	refused(t, a.call("get_secret", args{"name": "API_KEY"}))

	*now = now.Add(24 * time.Hour)
	shown := 0
	for start := *now; now.Sub(start) < 10*time.Hour; *now = now.Add(10 * time.Second) {
		if !a.call("get_secret", args{"name": "API_KEY"}).IsError {
			shown++
		}
	}
	assert.InDelta(t, 30+10*120, shown, 1, "in the long run 120 an hour")

	text, err := os.ReadFile(audit)
	require.NoError(t, err)
	assert.Regexp(t, `"target":"name#[0-9a-f]{12}","decision":"denied","code":"rate_limited"`, string(text))
	assert.False(t, strings.Contains(string(text), canarySecret))
}

// Every tool that can show a stored value shares one budget, and what it shows without the value is
// free.
func TestEveryToolThatShowsAValueCounts(t *testing.T) {
	h := newSystem(t, sandbox.Config{Era: sandbox.EraKeys}).everything()
	clocked(h, server.DefaultReveals)
	a := h.connect(local())
	ok[created](t, a.call("create_identity", args{"name": "x"}))
	ok[map[string]any](t, a.call("set_secret", args{"name": "API_KEY", "value": canarySecret}))
	ok[map[string]any](t, a.call("set_totp", args{"domain": "x.example", "seed": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "backup_codes": []string{"aaaa-1111", "bbbb-2222"}}))
	ok[map[string]any](t, a.call("save_credential", args{"domain": "x.example", "username": "u", "password": canaryPassword}))
	for range 30 {
		ok[map[string]any](t, a.call("get_secret", args{"name": "API_KEY"}))
	}

	all, err := tools.All(h.deps)
	require.NoError(t, err)
	for _, tool := range all {
		arguments, listed := revealing[tool.Name]
		require.Equal(t, tool.Kind == session.KindReveal, listed, "%s: whether it shows a stored value", tool.Name)
		require.Equal(t, listed, tool.Shows != nil, tool.Name)
		if listed {
			assert.Equal(t, fault.RateLimited, refused(t, a.call(tool.Name, arguments)).Code, tool.Name)
		}
	}
	ok[map[string]any](t, a.call("get_credential", args{"domain": "x.example", "reveal": false}))
	ok[map[string]any](t, a.call("save_credential", args{"domain": "new.example"}))
	ok[map[string]any](t, a.call("update_credential", args{"domain": "x.example", "generate_password": true}))
	ok[map[string]any](t, a.call("generate_password", nil))
	assertNone(t, h.log.String(), "the log", canarySecret, canaryPassword)
}

func TestAValueThatWasNotShownDoesNotCount(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	clocked(h, 4)
	a := canAsk["modern"](h, local(), no)
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
	ok[map[string]any](t, a.call("set_secret", args{"identity": "x", "name": "API_KEY", "value": canarySecret}))
	for range 10 {
		assert.Equal(t, fault.NotFound, refused(t, a.call("get_secret", args{"identity": "x", "name": "MISSING"})).Code)
	}
	shared := h.configure
	h.configure = func(c *server.Config) { shared(c); c.Policies.Reveal = session.PolicyAsk }
	asked := canAsk["modern"](h, local(), no)
	for range 10 {
		assert.Equal(t, fault.Denied, refused(t, asked.put("get_secret", args{"identity": "x", "name": "API_KEY"})).Code, "a person says no")
	}
	ok[map[string]any](t, a.call("get_secret", args{"identity": "x", "name": "API_KEY"}))
	refused(t, a.call("get_secret", args{"identity": "x", "name": "API_KEY"}))
}

// SECURITY.md C6.
func TestACallerCreatesSoManyIdentitiesAnHour(t *testing.T) {
	h := newSystem(t, sandbox.Config{Era: sandbox.EraKeys}) // where numbers are extra
	now := clocked(h, -1)
	h.deps.Creates = &session.Budget{Limit: 3, Burst: 3}
	a := h.connectModern(local())
	for _, name := range []string{"a", "b", "c"} {
		ok[created](t, a.call("create_identity", args{"name": name}))
	}
	sent := h.ravi.Server.CountRequests("POST", "/api/identities/")
	body := refused(t, a.call("create_identity", args{"name": "d"}))
	assert.Equal(t, fault.RateLimited, body.Code)
	assert.Equal(t, 1200, body.RetryAfterSeconds)
	assert.Contains(t, body.Hint, "one that exists")
	assert.Equal(t, sent, h.ravi.Server.CountRequests("POST", "/api/identities/"), "Ravi is not asked")
	assert.Equal(t, fault.RateLimited, refused(t, a.call("provision_phone", args{"identity": "a"})).Code)
	ok[created](t, a.call("create_identity", args{"name": "a", "if_exists": "reuse"}))
	ok[created](t, h.connectModern(&session.Caller{Name: "bob"}).call("create_identity", args{"name": "e"}))

	*now = now.Add(20 * time.Minute)
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Status: 402})
	assert.Equal(t, fault.SubscriptionRequired, refused(t, a.call("create_identity", args{"name": "d"})).Code)
	ok[created](t, a.call("create_identity", args{"name": "d"}))
	refused(t, a.call("create_identity", args{"name": "f"}))
}

// Ravi says when it may be asked again, and is not asked before (SECURITY.md C6): neither within
// the call, nor does the answer tell the caller to come earlier.
func TestNoToolAsksEarlierThanRaviSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.worker("patient")
		ok[map[string]any](t, a.call("set_secret", args{"name": "API_KEY", "value": canarySecret}))
		for _, form := range []string{"", "header"} {
			h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: secrets, Status: 429, RetryAfter: 7, RetryForm: form})
			asked, start := h.ravi.Server.CountRequests("GET", secrets), time.Now()
			ok[map[string]any](t, a.call("get_secret", args{"name": "API_KEY"}))
			assert.GreaterOrEqual(t, time.Since(start), 7*time.Second)
			assert.Equal(t, asked+2, h.ravi.Server.CountRequests("GET", secrets), "once refused, once answered")

			h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: secrets, Status: 429, RetryAfter: 3600, RetryForm: form})
			asked, start = h.ravi.Server.CountRequests("GET", secrets), time.Now()
			body := refused(t, a.call("get_secret", args{"name": "API_KEY"}))
			assert.Equal(t, fault.RateLimited, body.Code)
			assert.Equal(t, 3600, body.RetryAfterSeconds)
			assert.Less(t, time.Since(start), time.Second, "it is no use to wait so long")
			assert.Equal(t, asked+1, h.ravi.Server.CountRequests("GET", secrets))
		}
		assert.False(t, strings.Contains(h.log.String(), canarySecret))
	})
}
