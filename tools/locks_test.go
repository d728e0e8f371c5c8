package tools_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// panickingReads is a transport that panics when secrets are listed, while it is on.
type panickingReads struct {
	http.RoundTripper
	on *atomic.Bool
}

func (p panickingReads) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet && r.URL.Path == "/api/secrets/" && p.on.Load() {
		panic("a read")
	}
	return p.RoundTripper.RoundTrip(r)
}

// panickingLocker is a store that other replicas share, whose Lock panics while it is on.
type panickingLocker struct {
	*session.Memory
	on *atomic.Bool
}

func (p panickingLocker) Lock(context.Context, string, time.Duration) (func(), error) {
	if p.on.Load() {
		panic("a lock")
	}
	return func() {}, nil
}

// Each tool panics once between taking a lock and its own work.
func TestAPanicGivesTheLockBack(t *testing.T) {
	var on atomic.Bool
	reads := func(h *system) func() {
		on.Store(true)
		return func() { on.Store(false) }
	}
	for name, c := range map[string]struct {
		tool      string
		arguments args
		broken    func(h *system) (repair func())
	}{
		"two-factor values": {"set_totp", args{"domain": "nimbus.example", "seed": "JBSWY3DPEHPK3PXP"}, reads},
		"name": {"create_identity", args{"name": "second"}, func(h *system) func() {
			resolver := h.deps.Resolver
			h.deps.Resolver = nil
			return func() { h.deps.Resolver = resolver }
		}},
		"shared store": {"save_credential", args{"domain": "nimbus.example", "username": "ada"}, func(h *system) func() {
			h.deps.Store = panickingLocker{h.store, &on}
			return reads(h)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSystem(t, sandbox.Config{})
				h.through = func(ravi http.RoundTripper) http.RoundTripper { return panickingReads{ravi, &on} }
				a := h.worker("first")
				repair := c.broken(h)
				assert.Equal(t, fault.Internal, refused(t, a.call(c.tool, c.arguments)).Code)
				repair()
				began := time.Now()
				ok[map[string]any](t, a.call(c.tool, c.arguments))
				assert.Zero(t, time.Since(began), "the lock is free")
			})
		})
	}
}
