package tools_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// However slow Ravi and the person are, the call ends before common clients give it up, which they
// do after 60 seconds.
func TestACallWithAQuestionEndsWithinAMinute(t *testing.T) {
	for name, c := range map[string]struct {
		list, person, deletion time.Duration
		code                   fault.Code
	}{
		"all are slow":            {20 * time.Second, 25 * time.Second, 40 * time.Second, fault.Unavailable},
		"the person and Ravi are": {0, 44 * time.Second, 40 * time.Second, fault.Unavailable},
		"no answer":               {20 * time.Second, time.Hour, 0, fault.Denied},
		"the person is slow":      {0, 44 * time.Second, 5 * time.Second, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newSystem(t, sandbox.Config{})
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
			a := h.connectAs(local(), &agent{capabilities: `{"elicitation":{}}`, person: func(json.RawMessage) string {
				if c.person > time.Minute {
					return silence
				}
				time.Sleep(c.person)
				return `{"action":"accept","content":{"confirm":true}}`
			}})
			h.ravi.Server.Faults().Add(
				sandbox.Fault{Method: "GET", Endpoint: "/api/identities/", Delay: c.list},
				sandbox.Fault{Method: "DELETE", Delay: c.deletion, Count: -1})
			start := time.Now()
			r := a.call("delete_identity", args{"identity": "x"})
			assert.Less(t, time.Since(start), 58*time.Second, name)
			if c.code == "" {
				ok[map[string]any](t, r)
				return
			}
			assert.Equal(t, c.code, refused(t, r).Code, name)
		})
	}
}

// A person's yes is good for one attempt. When that fails, the model is told that the next one
// needs another yes.
func TestAFailedCallSaysThatItsApprovalIsUsedUp(t *testing.T) {
	for era, connect := range canAsk {
		synctest.Test(t, func(t *testing.T) {
			h := newSystem(t, sandbox.Config{})
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
			a := connect(h, local(), yes)
			h.ravi.Server.Faults().Add(sandbox.Fault{Method: "DELETE", Status: 500})
			body := refused(t, a.put("delete_identity", args{"identity": "x"}))
			assert.Equal(t, fault.Unavailable, body.Code, era)
			assert.Contains(t, body.Hint, "asks the person again", era)
			assert.Len(t, h.names(), 1)
			ok[map[string]any](t, a.put("delete_identity", args{"identity": "x"}))
			assert.Empty(t, h.names(), era)
		})
	}
}

// get_totp waits for the next code. Where that is too far away after a person was asked, it says so
// at once.
func TestAWaitForACodeAfterAnAnswerEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
		h.configure = func(c *server.Config) { c.Policies.Reveal = session.PolicyAsk }
		a := h.connectAs(local(), &agent{capabilities: `{"elicitation":{}}`, person: func(json.RawMessage) string {
			time.Sleep(38 * time.Second)
			return yes
		}})
		ok[map[string]any](t, a.call("use_identity", args{"identity": "x"}))
		ok[map[string]any](t, a.call("set_totp", args{"domain": "nimbus.example", "username": "bob", "seed": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "period": 120}))
		time.Sleep(time.Until(time.Now().Truncate(2 * time.Minute).Add(2 * time.Minute)))
		ok[map[string]any](t, a.call("get_totp", args{"domain": "nimbus.example"}))
		start := time.Now()
		body := refused(t, a.call("get_totp", args{"domain": "nimbus.example"}))
		assert.Equal(t, 38*time.Second, time.Since(start))
		assert.Equal(t, fault.RateLimited, body.Code)
		assert.Contains(t, body.Hint, "asks the person again")
	})
}
