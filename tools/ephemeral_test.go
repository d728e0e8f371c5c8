package tools_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
	"ravi-mcp/session/lease"
)

type ephemeral struct {
	created
	Ephemeral bool
	ExpiresAt time.Time `json:"expires_at"`
}

// lease gives the system ephemeral identities, as the command line does. The function that it
// returns ends the server.
func (h *system) lease(dir string) (end func()) {
	leases := &lease.Manager{Account: h.account, Store: h.store, Dir: dir}
	h.deps.Leases, h.deps.Resolver.Leases = leases, leases
	leases.Start()
	h.t.Cleanup(func() { leases.End(h.t.Context()) })
	return func() { leases.End(h.t.Context()) }
}

func TestAnEphemeralIdentityIsGoneAfterTheEndOfInput(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} { // without and with a journal
		synctest.Test(t, func(t *testing.T) {
			h := newSystem(t, sandbox.Config{})
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "kept"})
			end := h.lease(dir)
			a := h.connect(local())
			before := time.Now()
			me := ok[ephemeral](t, a.call("create_identity", args{"name": "task", "ephemeral": true}))
			assert.True(t, me.Ephemeral)
			assert.True(t, me.Created)
			assert.True(t, me.Bound)
			assert.WithinDuration(t, before.Add(time.Hour), me.ExpiresAt, time.Second)
			lasting := ok[ephemeral](t, a.call("create_identity", args{"name": "lasting"}))
			assert.False(t, lasting.Ephemeral)
			assert.True(t, lasting.ExpiresAt.IsZero())
			require.NoError(t, a.in.Close())
			synctest.Wait()
			end()
			assert.ElementsMatch(t, []string{"kept", "lasting"}, h.names())
		})
	}
}

func TestAnEphemeralIdentityLivesAsLongAsItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{TokenLife: 1000 * time.Hour})
		h.lease(t.TempDir())
		a := h.connect(local())
		me := ok[ephemeral](t, a.call("create_identity", args{"name": "task", "ephemeral": true, "ttl_minutes": "10"}))
		assert.WithinDuration(t, time.Now().Add(10*time.Minute), me.ExpiresAt, time.Second)
		for _, call := range []struct {
			tool string
			args args
		}{
			{"list_messages", nil}, {"get_identity", args{"identity": "task"}}, {"use_identity", args{"identity": me.Identity.UUID}},
			{"create_identity", args{"name": "task", "if_exists": "reuse"}},
			{"wait_for_otp", args{"cursor": me.Cursor, "timeout_seconds": 1}},
		} {
			time.Sleep(9 * time.Minute)
			require.False(t, a.call(call.tool, call.args).IsError, call.tool)
		}
		time.Sleep(9 * time.Minute)
		ok[map[string]any](t, a.call("list_identities", nil))
		assert.Equal(t, []string{"task"}, h.names())
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Empty(t, h.names(), "a list is no use of it")
		assert.Equal(t, fault.IdentityNotFound, refused(t, a.call("list_messages", nil)).Code)
	})
}

func TestOnlyANewIdentityCanBeEphemeral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		kept := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "kept"})
		end := h.lease(t.TempDir())
		a := h.connect(local())
		for _, more := range []args{{}, {"if_exists": "reuse"}, {"if_exists": "error", "ttl_minutes": 1}} {
			more["name"], more["ephemeral"] = "kept", true
			body := refused(t, a.call("create_identity", more))
			assert.Equal(t, fault.Conflict, body.Code)
			assert.Contains(t, body.Message, kept.UUID)
		}
		for _, wrong := range []args{{"ttl_minutes": 5}, {"ephemeral": true, "ttl_minutes": 0}, {"ephemeral": true, "ttl_minutes": 10081}} {
			wrong["name"] = "new"
			assert.Equal(t, fault.InvalidArgument, refused(t, a.call("create_identity", wrong)).Code)
		}
		assert.Equal(t, []string{"kept"}, h.names())
		ok[ephemeral](t, a.call("create_identity", args{"name": "kept", "if_exists": "reuse"}))
		time.Sleep(2 * time.Hour)
		end()
		assert.Equal(t, []string{"kept"}, h.names(), "nothing of this has leased it")
	})
}

func TestADeletionIsTriedAgainUntilRaviIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{TokenLife: 1000 * time.Hour})
		h.lease(t.TempDir())
		a := h.connect(local())
		ok[ephemeral](t, a.call("create_identity", args{"name": "task", "ephemeral": true}))
		h.ravi.Server.Faults().Add(sandbox.Fault{Status: 503, Count: -1})
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []string{"task"}, h.names())
		deletions := h.ravi.Server.CountRequests("DELETE", "/api/identities/{uuid}/")
		assert.Less(t, deletions, 150, "at growing intervals")
		h.ravi.Server.Faults().Clear()
		time.Sleep(7 * time.Minute)
		assert.Empty(t, h.names())
	})
}

func TestADeletedEphemeralIdentityIsNotDeletedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		end := h.lease(t.TempDir())
		a := h.connect(local())
		ok[ephemeral](t, a.call("create_identity", args{"name": "task", "ephemeral": true}))
		ok[map[string]any](t, a.call("delete_identity", args{"identity": "task"}))
		ok[ephemeral](t, a.call("create_identity", args{"name": "task"}))
		end()
		assert.Equal(t, []string{"task"}, h.names())
		assert.Equal(t, 1, h.ravi.Server.CountRequests("DELETE", "/api/identities/{uuid}/"))
	})
}

func TestNothingEphemeralWithoutAStateFolder(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.connect(local())
	assert.Equal(t, fault.Unsupported, refused(t, a.call("create_identity", args{"name": "task", "ephemeral": true})).Code)
	h.lease("/dev/null/no/folder")
	body := refused(t, a.call("create_identity", args{"name": "task", "ephemeral": true}))
	assert.Equal(t, fault.Unavailable, body.Code)
	assert.NotContains(t, body.Message+body.Hint, "/dev/null")
	assert.Empty(t, h.names())
}
