package tools_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi/config"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// What is not certain is neither handed out nor deleted, and the caller is told what to look at.
func TestUnansweredCreationTakesNoForeignIdentity(t *testing.T) {
	for _, ephemeral := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := newSystem(t, sandbox.Config{Era: sandbox.EraKeys})
			end := h.lease(t.TempDir())
			a := h.connect(&session.Caller{Name: "alice"})
			// Ravi never gets it, and another client makes one of that name meanwhile.
			h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Cut: true, Count: -1})
			made := make(chan string, 1)
			time.AfterFunc(50*time.Millisecond, func() {
				made <- h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "task"}).UUID
			})
			arguments := args{"name": "task"}
			if ephemeral {
				arguments["ephemeral"] = true
			} else {
				// Two of the name came about: which is whose cannot be told.
				h.ravi.Server.Faults().Clear()
				h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Perform: true, Cut: true})
			}
			body := refused(t, a.call("create_identity", arguments))
			assert.Equal(t, fault.Unavailable, body.Code)
			assert.Contains(t, body.Hint, "which identities there are")
			h.ravi.Server.Faults().Clear()
			theirs := <-made
			by, err := h.store.CreatedBy(t.Context(), "alice", theirs)
			require.NoError(t, err)
			assert.False(t, by, "it is not recorded as this caller's")
			time.Sleep(3 * time.Hour)
			end()
			all := h.ravi.Server.Identities()
			assert.True(t, slices.ContainsFunc(all, func(i sandbox.IdentityInfo) bool { return i.UUID == theirs }))
			if ephemeral {
				assert.Len(t, all, 1)
			}
		})
	}
}

// An answer that is lost once costs nothing: the identity is known by its address, leased and
// recorded.
func TestAnEphemeralIdentityIsFoundByItsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{Era: sandbox.EraKeys})
		end := h.lease(t.TempDir())
		a := h.connect(&session.Caller{Name: "alice"})
		h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Perform: true, Cut: true})
		time.AfterFunc(50*time.Millisecond, func() { h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "task"}) })
		me := ok[created](t, a.call("create_identity", args{"name": "task", "ephemeral": true}))
		assert.Contains(t, me.Address, "task-")
		assert.Equal(t, 1, h.ravi.Server.CountRequests("POST", "/api/identities/"))
		by, err := h.store.CreatedBy(t.Context(), "alice", me.Identity.UUID)
		require.NoError(t, err)
		assert.True(t, by)
		ok[map[string]any](t, a.call("list_identities", nil)) // an identity of the only call outlives the process
		end()
		all := h.ravi.Server.Identities()
		require.Len(t, all, 1)
		assert.NotEqual(t, me.Identity.UUID, all[0].UUID)
	})
}

// A Ravi that refuses addresses makes ephemeral identities all the same.
func TestAnEphemeralIdentityNeedsNoAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		end := h.lease(t.TempDir())
		a := h.connect(local())
		h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Status: 400, Body: `{"email":["Unknown field."]}`})
		ok[created](t, a.call("create_identity", args{"name": "task", "ephemeral": true}))
		ok[map[string]any](t, a.call("list_identities", nil)) // an identity of the only call outlives the process
		assert.Len(t, h.names(), 1)
		end()
		assert.Empty(t, h.names())
	})
}

// Of callers that race for one name, one gets it, whether or not answers are lost.
func TestOneOfSeveralRacingCallersCreates(t *testing.T) {
	for _, loss := range []sandbox.Fault{{}, {Method: "POST", Endpoint: "/api/identities/", Perform: true, Cut: true}, {Method: "POST", Endpoint: "/api/identities/", Delay: time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			h := newSystem(t, sandbox.Config{Era: sandbox.EraKeys})
			h.lease(t.TempDir())
			if loss.Method != "" {
				h.ravi.Server.Faults().Add(loss)
			}
			agents := []*agent{h.connect(&session.Caller{Name: "a"}), h.connect(&session.Caller{Name: "b"}), h.connect(&session.Caller{Name: "c"})}
			var mu sync.Mutex
			var won []string
			var wg sync.WaitGroup
			for _, a := range agents {
				wg.Go(func() {
					r := a.call("create_identity", args{"name": "task"})
					mu.Lock()
					defer mu.Unlock()
					if !r.IsError {
						won = append(won, ok[created](t, r).Identity.UUID)
						return
					}
					assert.Equal(t, fault.Conflict, refused(t, r).Code)
				})
			}
			wg.Wait()
			all := h.ravi.Server.Identities()
			require.Len(t, all, 1)
			assert.Equal(t, []string{all[0].UUID}, won)
		})
	}
}

// A configuration that cannot be read does not turn a creation that was done into an error: a
// client without a session would lose the identity.
func TestCreationSurvivesAnUnreadableConfiguration(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.deps.Resolver.ConfigFile = func() (config.IdentityRef, error) {
		return config.IdentityRef{}, &config.FileError{Path: "config.json", Reason: "cannot be read", Kind: config.ErrInvalidFile}
	}
	a := h.connectModern(local())
	made := ok[created](t, a.call("create_identity", args{"name": "task"}))
	ok[identified](t, a.call("use_identity", args{"identity": made.Identity.UUID}))
	assert.Equal(t, fault.InvalidConfig, refused(t, a.call("get_identity", nil)).Code, "it is said where it matters")
}
