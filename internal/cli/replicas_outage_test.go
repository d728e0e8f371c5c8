package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/sandbox"
	"ravi-mcp/session/redisstore"
)

// What the traffic of TestRedisOutageNeedsNoRestart knows of Redis.
const (
	redisUp int32 = iota
	redisGoing
	redisDown
)

// shortestLimit is the time after which the server gives up a connection to Redis that does not
// answer, at the earliest.
const shortestLimit = redisstore.DefaultTimeout / 2

// traffic is what clients do all the time, and what is wrong with the answers.
type traffic struct {
	*replicas
	phase   atomic.Int32
	markers []string

	mu    sync.Mutex
	count map[string]int
}

func (w *traffic) seen(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count[what]++
}

// await waits until each was seen so often more than before.
func (w *traffic) await(more int, whats ...string) {
	w.t.Helper()
	count := func(what string) int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.count[what]
	}
	for _, what := range whats {
		before := count(what)
		harness.Eventually(w.t, func() bool { return count(what) >= before+more }, what)
	}
}

// run makes one client call again and again, at one replica and the other, and judges what it gets:
// what is its own, or that it cannot be told, and the latter only while Redis is away.
func (w *traffic) run(ctx context.Context, p *peer, name, uuid string) {
	kind, identity := "session", `{}`
	if p.session == "" {
		kind, identity = "newest", fmt.Sprintf(`{"identity":%q}`, uuid)
	}
	for n := 0; ctx.Err() == nil; n++ {
		before := w.phase.Load()
		tool, arguments := "get_identity", identity
		if n/2%2 == 1 {
			tool, arguments = "get_secret", strings.Replace(strings.Replace(identity, "}", `,"name":"OWN"}`, 1), "{,", "{", 1)
		}
		got := p.call(n%2, tool, arguments)
		for _, other := range w.markers {
			if other != name {
				assert.NotContains(w.t, got.body, other, "%s got something of another client", name)
			}
		}
		assert.Less(w.t, got.took, harness.Prompt, name)
		switch after := w.phase.Load(); {
		case got.status == http.StatusOK && got.code == "":
			assert.Contains(w.t, got.body, name)
			w.seen(kind + " answered")
			if before == redisDown && after == redisDown {
				assert.Empty(w.t, p.session, "nothing can be known of a session")
				w.seen(kind + " answered while down")
			}
		default:
			assert.NotEmpty(w.t, p.session, "%s needs no state: %s", name, got.body)
			switch {
			case before == redisDown && after == redisDown:
				assertRefused(w.t, got)
				w.seen(kind + " refused while down")
			case got.status == http.StatusOK: // Redis went when the call had entered its session
				assert.Equal(w.t, "unavailable", got.code, got.body)
			default:
				assertRefused(w.t, got)
			}
			if before == redisUp && after == redisUp {
				// Redis may be there and yet, on a machine that is busy enough, not answer within
				// the server's own limit. What is refused sooner than that was not even asked of
				// Redis, or of a connection that is dead.
				assert.GreaterOrEqual(w.t, got.took, shortestLimit, "%s while Redis is there: %d %s", name, got.status, got.body)
				w.seen("refused while up")
			}
		}
		pause(ctx, 30*time.Millisecond)
	}
}

// assertRefused checks that a request was refused before it entered its session.
func assertRefused(t *testing.T, got answered) {
	assert.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
	assert.Contains(t, got.body, "unavailable")
	assert.NotEmpty(t, got.header.Get("Retry-After"))
}

// pause lets time pass for other processes.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Redis goes for some seconds, or hangs for as long, under traffic of both eras at two replicas.
// What needs it is refused in time, what needs none goes on, waits find their codes, nothing
// crosses, and when it is back so is everything, without a restart.
func TestRedisOutageNeedsNoRestart(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]struct{ begin, end func(*redistest.Server) }{
		"stopped": {(*redistest.Server).Stop, (*redistest.Server).Restart},
		"hanging": {(*redistest.Server).Pause, (*redistest.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startReplicas(t, "--max-reveals", "-1")
			w := &traffic{replicas: r, count: map[string]int{}}
			newest := &peer{replicas: r, caller: "alice"}
			clients := map[string]*peer{
				"alice-session": r.open("alice", 0), "bob-session": r.open("bob", 1),
				"alice-newest": newest, "bob-newest": {replicas: r, caller: "bob"},
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var running sync.WaitGroup
			uuids := map[string]string{}
			for name, p := range clients {
				w.markers = append(w.markers, name)
				uuids[name] = p.create(0, name)
				require.Empty(t, p.call(1, "set_secret", fmt.Sprintf(`{"identity":%q,"name":"OWN","value":"value of %s"}`, uuids[name], name)).code)
			}
			for name, p := range clients {
				running.Go(func() { w.run(ctx, p, name, uuids[name]) })
			}

			// Waits in sessions: one gets its code while Redis is away, one ends without.
			finder, idler := r.open("alice", 0), r.open("bob", 1)
			lucky := finder.create(1, "alice-lucky")
			idle := idler.create(0, "bob-idle")
			wait := func(p *peer, at int, arguments string) <-chan answered {
				done := make(chan answered, 1)
				request := p.toolCall(at, "wait_for_otp", arguments, "")
				running.Go(func() { done <- p.do(request) })
				return done
			}
			found := wait(finder, 0, `{"timeout_seconds":50}`)
			pending := wait(idler, 1, `{"timeout_seconds":6}`)
			harness.Eventually(t, func() bool { return r.ravi.Server.Streams(lucky) == 1 && r.ravi.Server.Streams(idle) == 1 })
			w.await(2, "session answered", "newest answered")

			w.phase.Store(redisGoing)
			outage.begin(r.redis)
			w.phase.Store(redisDown)
			deliver := func(name, code string) {
				_, err := r.ravi.Server.DeliverSMS(sandbox.SMS{To: r.phone(name), From: "32665", Body: "Your code is " + code})
				require.NoError(t, err)
			}
			delivered := time.Now()
			deliver("alice-lucky", "271828")
			got := <-found
			assert.Less(t, time.Since(delivered), harness.Prompt)
			assert.Equal(t, "271828", got.text("code"), got.body)
			assert.Contains(t, got.text("hint"), "cursor", "that the session does not know how far it is")
			past := got.text("cursor")

			// What needs no state goes on at both replicas; what has to be remembered is not begun.
			for at := range 2 {
				armed := newest.call(at, "watch_inbox", fmt.Sprintf(`{"identity":%q}`, uuids["alice-newest"]))
				require.Empty(t, armed.code, armed.body)
				code := fmt.Sprint(314150 + at)
				deliver("alice-newest", code)
				got := newest.call(1-at, "wait_for_otp", fmt.Sprintf(`{"cursor":%q}`, armed.text("cursor")))
				assert.Equal(t, code, got.text("code"), got.body)
				existing := len(r.ravi.Server.Identities())
				for tool, arguments := range map[string]string{
					"create_identity": `{"name":"alice-late"}`,
					"delete_identity": fmt.Sprintf(`{"identity":%q}`, uuids["alice-newest"]),
				} {
					got := newest.call(at, tool, arguments)
					assert.Equal(t, "unavailable", got.code, "%s: %s", tool, got.body)
					assert.Less(t, got.took, harness.Prompt, tool)
				}
				assert.Len(t, r.ravi.Server.Identities(), existing)
			}
			got = <-pending
			assert.Equal(t, "pending", got.text("status"), "a wait that ends has its cursor to go on from: %s", got.body)
			assert.NotEmpty(t, got.text("cursor"))
			assert.Less(t, got.took, harness.Prompt)
			next := got.text("cursor")
			w.await(20, "session refused while down", "newest answered while down")

			w.phase.Store(redisGoing)
			outage.end(r.redis)
			harness.Promptly(t, func() bool {
				for name, p := range clients {
					if got := p.call(0, "get_identity", fmt.Sprintf(`{"identity":%q}`, uuids[name])); got.status != http.StatusOK || got.code != "" {
						return false
					}
					if got := p.call(1, "get_identity", fmt.Sprintf(`{"identity":%q}`, uuids[name])); got.status != http.StatusOK || got.code != "" {
						return false
					}
				}
				return true
			}, "everything is back without a restart")
			for _, replica := range r.all {
				harness.Promptly(t, func() bool { return strings.HasPrefix(replica.Get("/readyz"), "200 ") }, "it is ready again")
			}
			w.phase.Store(redisUp)
			deliver("bob-idle", "161803")
			assert.Equal(t, "161803", idler.call(0, "wait_for_otp", fmt.Sprintf(`{"cursor":%q,"timeout_seconds":20}`, next)).text("code"))
			again := finder.call(1, "wait_for_otp", fmt.Sprintf(`{"cursor":%q,"timeout_seconds":1}`, past))
			assert.Equal(t, "pending", again.text("status"), "no newer cursor returns a code again: %s", again.body)
			tries := 0
			harness.Promptly(t, func() bool { // by a name of its own each time: one that failed may exist
				tries++
				got := newest.call(1, "create_identity", fmt.Sprintf(`{"name":"alice-late-%d"}`, tries))
				return got.status == http.StatusOK && got.code == "" && got.result != nil
			}, "identities can be created again")
			w.await(5, "session answered", "newest answered")
			stop()
			running.Wait()
			t.Log(w.count)
			assert.LessOrEqual(t, w.count["refused while up"], w.count["session answered"]/20)
			for _, replica := range r.all {
				assert.Contains(t, replica.Log(), "the session store does not answer")
				assert.Contains(t, replica.Log(), "the session store answers again")
			}
		})
	}
}

// A Redis that comes back empty has forgotten the sessions: their clients get 404 and open new
// ones, and no client gets those of another. Cursors are the clients' own and go on.
func TestEmptyRedisEndsOnlySessions(t *testing.T) {
	t.Parallel()
	r := startReplicasOn(t, redistest.Start(t))
	old := r.open("alice", 0)
	uuid := old.create(1, "alice-old")
	armed := old.call(1, "watch_inbox", `{}`)
	request := old.toolCall(0, "wait_for_otp", `{"timeout_seconds":50}`, "")
	waiting := make(chan answered, 1)
	go func() { waiting <- old.do(request) }()
	harness.Eventually(t, func() bool { return r.ravi.Server.Streams(uuid) == 2 }, "each replica has one by now")
	r.redis.Stop()
	r.redis.Restart()
	for at := range 2 {
		harness.Promptly(t, func() bool {
			return old.call(at, "get_identity", `{}`).status == http.StatusNotFound
		})
	}
	got := <-waiting
	assert.Equal(t, http.StatusNotFound, got.status, "what runs in a session ends with it: %s", got.body)
	next := r.open("alice", 1)
	assert.Equal(t, "identity_required", next.call(0, "get_identity", `{}`).code)
	_, err := r.ravi.Server.DeliverSMS(sandbox.SMS{To: r.phone("alice-old"), From: "32665", Body: "Your code is 271828"})
	require.NoError(t, err)
	for at, p := range []*peer{next, {replicas: r, caller: "alice"}} {
		assert.Equal(t, "271828", p.call(at, "wait_for_otp", fmt.Sprintf(`{"cursor":%q}`, armed.text("cursor"))).text("code"))
	}
}
