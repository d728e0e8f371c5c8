package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/sandbox"
)

func (h *fixture) lists() int { return h.ravi.Server.CountRequests("GET", "/api/identities/") }

func TestIdentitiesAreCachedForThirtySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFixture(t, "one")
		for range 3 {
			_, err := h.resolver.Lookup(t.Context(), local(), "one")
			require.NoError(t, err)
		}
		assert.Equal(t, 1, h.lists())
		time.Sleep(30 * time.Second)
		_, err := h.resolver.Lookup(t.Context(), local(), "one")
		require.NoError(t, err)
		assert.Equal(t, 2, h.lists())
	})
}

func TestIdentityMissingInTheCacheIsLookedUp(t *testing.T) {
	h := newFixture(t, "one")
	_, err := h.resolver.Lookup(t.Context(), local(), "one")
	require.NoError(t, err)
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "made elsewhere"})
	_, err = h.resolver.Lookup(t.Context(), local(), "made elsewhere")
	require.NoError(t, err)
}

func TestRefusalsEmptyTheCache(t *testing.T) {
	for _, kind := range []error{ravi.ErrUnauthorized, ravi.ErrTokenExpired, ravi.ErrForbidden, ravi.ErrNotFound} {
		h := newFixture(t, "one")
		_, err := h.account.Identities(t.Context())
		require.NoError(t, err)
		h.account.Observe(&ravi.Error{Op: "x", Kind: kind})
		_, err = h.account.Identities(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, h.lists(), kind)
		h.account.Observe(errors.New("something else"))
		_, err = h.account.Identities(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, h.lists(), kind)
	}
}

func TestRevokedCredentialIsNotServedFromCache(t *testing.T) {
	h := newFixture(t, "one")
	_, err := h.account.Identities(t.Context())
	require.NoError(t, err)
	require.NoError(t, h.ravi.Server.RevokeTokens(h.ravi.Account.Email))
	h.account.Forget()
	_, err = h.account.Identities(t.Context())
	require.Error(t, err)
	_, err = h.resolver.Lookup(t.Context(), local(), "one")
	require.Error(t, err)
}

func TestManyCallersShareOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFixture(t, "one")
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, err := h.account.Identities(t.Context())
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, h.lists(), 2)
	})
}

func TestCredentialThatAppearsLaterIsFound(t *testing.T) {
	h := newFixture(t, "one")
	connect := h.account.Connect
	h.account.Connect = func() (*ravi.Client, error) { return nil, config.ErrNoCredentials }
	_, err := h.account.Identities(t.Context())
	require.ErrorIs(t, err, config.ErrNoCredentials)
	h.account.Connect = connect
	_, err = h.account.Identities(t.Context())
	require.NoError(t, err)
}

func TestNewCredentialReplacesARefusedOne(t *testing.T) {
	h := newFixture(t, "one")
	_, err := h.account.Identities(t.Context())
	require.NoError(t, err)
	require.NoError(t, h.ravi.Server.RevokeTokens(h.ravi.Account.Email))
	h.account.Forget()
	_, err = h.account.Identities(t.Context())
	require.Error(t, err)

	fresh, err := h.ravi.Server.Account(sandbox.AccountConfig{})
	require.NoError(t, err)
	h.ravi.Account = fresh
	_, err = h.account.Identities(t.Context())
	require.NoError(t, err, "the user logged in again; the server was not restarted")
}

// A name that exists but is not the caller's costs Ravi the same as one that does not exist: how
// long the answer takes says nothing (SECURITY.md T2).
func TestForbiddenNameIsLookedUpLikeAnUnknownOne(t *testing.T) {
	h := newFixture(t, "research-1", "finance-1")
	call := local("research-*")
	cost := func(ref string) int {
		_, err := h.resolver.Lookup(t.Context(), call, "research-1")
		require.NoError(t, err)
		before := h.lists()
		_, err = h.resolver.Lookup(t.Context(), call, ref)
		require.Error(t, err)
		return h.lists() - before
	}
	assert.Equal(t, cost("no-such"), cost("finance-1"))
}

// A list that was being read when an identity was created is not the answer to whether it exists.
func TestLookupAfterAChangeReadsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFixture(t, "old")
		h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: "/api/identities/", Delay: 5 * time.Second, Count: 1, Perform: true})
		go func() { _, _ = h.account.Identities(t.Context()) }()
		time.Sleep(time.Second)
		made := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "new"})
		h.account.Forget()
		got, err := h.resolver.Lookup(t.Context(), local(), made.UUID)
		require.NoError(t, err)
		assert.Equal(t, "new", got.Name)
	})
}

// panics is a way to Ravi that panics once.
type panics struct {
	http.RoundTripper
	done atomic.Bool
}

func (p *panics) RoundTrip(r *http.Request) (*http.Response, error) {
	if !p.done.Swap(true) {
		panic("CANARY")
	}
	return p.RoundTripper.RoundTrip(r)
}

// The read runs for all calls that wait for it, in a goroutine of its own, where a panic would end
// the process.
func TestPanicOfTheReadIsItsError(t *testing.T) {
	h := newFixture(t, "one")
	client, err := harness.RaviClient(h.ravi, ravi.Config{Transport: &panics{RoundTripper: h.ravi.Server.RoundTripper()}})
	require.NoError(t, err)
	h.account.Connect = func() (*ravi.Client, error) { return client, nil }
	_, err = h.account.Identities(t.Context())
	require.ErrorContains(t, err, "session_test.(*panics).RoundTrip:")
	assert.NotContains(t, err.Error(), "CANARY")
	_, err = h.account.Identities(t.Context())
	require.NoError(t, err, "the next read is made")
}

func TestUnknownNamesDoNotFloodRavi(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFixture(t, "one")
		_, err := h.account.Identities(t.Context())
		require.NoError(t, err)
		h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: "/api/identities/", Delay: time.Second, Count: 1000})
		before := h.lists()
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				_, err := h.resolver.Lookup(t.Context(), local(), fmt.Sprint("no-such-", i))
				assert.Error(t, err)
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, h.lists()-before, 2, "one read, and one more for calls that came after it began")
	})
}
