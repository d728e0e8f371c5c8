package tools_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// Several callers with disjoint rights, each with clients of both eras, call at random, with stolen
// uuids and cursors mixed in. Ravi's own records prove that no request named an identity of another
// caller.
func TestConcurrentCallersTouchOnlyTheirOwnIdentities(t *testing.T) {
	h := newSystem(t, sandbox.Config{KeptRequests: 100_000})
	h.build(func() (*ravi.Client, error) {
		return ravi.New(ravi.Config{Credentials: h.credentials(), BaseURL: "https://ravi.test", Transport: tagged{h.ravi.Server.RoundTripper()}})
	})
	const callers, calls = 7, 60

	var mu sync.Mutex
	owner := map[string]string{}   // identity -> caller
	cursors := map[string]string{} // caller -> a cursor of its own
	var wanderers []func()
	for c := range callers {
		name := fmt.Sprintf("team%d", c)
		caller := &session.Caller{Name: name, Rights: session.Rights{Identities: []string{name + "-*"}}}
		for era, a := range map[string]*agent{"legacy": h.connect(caller), "modern": h.connectModern(caller)} {
			me := ok[created](t, a.call("create_identity", args{"name": name + "-" + era}))
			owner[me.Identity.UUID], cursors[name] = name, me.Cursor
			seed := uint64(len(wanderers))
			wanderers = append(wanderers, func() { wander(t, a, seed, name, me, calls, &mu, owner, cursors) })
		}
	}
	var wg sync.WaitGroup
	for _, wanderer := range wanderers {
		wg.Go(wanderer)
	}
	wg.Wait()

	// What a caller stole was refused before anything reached Ravi, so every request about an
	// identity can be told apart by what was stored there.
	for uuid, name := range owner {
		scope := h.connectModern(&session.Caller{Name: "auditor"})
		list := ok[struct{ Credentials []struct{ Username string } }](t, scope.call("list_credentials", args{"identity": uuid}))
		for _, entry := range list.Credentials {
			assert.Equal(t, name, entry.Username, "identity %s holds an entry that %s saved", uuid, entry.Username)
		}
	}
	checked := 0
	for _, r := range h.ravi.Server.Requests() {
		if name := r.Header.Get(callerTag); r.Identity != "" && name != "auditor" && name != "" {
			checked++
			require.Equal(t, name, owner[r.Identity], "%s %s was made for %s", r.Method, r.Endpoint, name)
		}
	}
	assert.Greater(t, checked, 200)
}

// tagged says in every request to Ravi which caller it is made for.
type tagged struct{ http.RoundTripper }

const callerTag = "X-Test-Caller"

func (t tagged) RoundTrip(r *http.Request) (*http.Response, error) {
	if call, ok := session.CallFrom(r.Context()); ok {
		r = r.Clone(r.Context())
		r.Header.Set(callerTag, call.Caller.Name)
	}
	return t.RoundTripper.RoundTrip(r)
}

// wander calls at random for one identity, and now and then with what belongs to another caller.
func wander(t *testing.T, a *agent, seed uint64, name string, me created, calls int, mu *sync.Mutex, owner, cursors map[string]string) {
	r := rand.New(rand.NewPCG(seed, 7))
	foreign := func() (uuid, cursor string) {
		mu.Lock()
		defer mu.Unlock()
		for u, o := range owner {
			if o != name {
				return u, cursors[o]
			}
		}
		return "", ""
	}
	for i := range calls {
		stolenUUID, stolenCursor := foreign()
		switch r.IntN(8) {
		case 0:
			a.call("save_credential", args{"identity": me.Identity.UUID, "domain": fmt.Sprintf("site%d.example", i), "username": name})
		case 1:
			got := a.call("get_identity", args{"identity": me.Identity.Name})
			assert.Equal(t, me.Identity.UUID, ok[identified](t, got).Identity.UUID)
		case 2:
			got := ok[identified](t, a.call("list_messages", args{"identity": me.Identity.UUID}))
			assert.Equal(t, me.Identity.UUID, got.Identity.UUID)
		case 3:
			ok[map[string]any](t, a.call("set_secret", args{"identity": me.Identity.UUID, "name": "OWNER", "value": name}))
			got := ok[struct{ Value string }](t, a.call("get_secret", args{"identity": me.Identity.UUID, "name": "OWNER"}))
			assert.Equal(t, name, got.Value)
		case 4:
			refused(t, a.call("save_credential", args{"identity": stolenUUID, "domain": "theft.example", "username": name}))
		case 5:
			refused(t, a.call("list_secrets", args{"identity": stolenUUID}))
		case 6:
			refused(t, a.call("wait_for_otp", args{"cursor": stolenCursor, "timeout_seconds": 1}))
		case 7:
			if a.modern {
				refused(t, a.call("list_credentials", nil))
			} else {
				assert.Equal(t, me.Identity.UUID, ok[identified](t, a.call("list_credentials", nil)).Identity.UUID)
			}
		}
	}
}
