package lease_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session/lease"
)

// newReplicas is a simulation of replicas. observe sees each deletion that one sends.
func newReplicas(t *testing.T, redis *redistest.Server, observe func(*process, *http.Request)) *simulation {
	w := &simulation{
		t: t, shared: share(t, redis), ravi: sandboxtest.Memory(t, sandbox.Config{TokenLife: 1000 * time.Hour}), dir: filepath.Join(t.TempDir(), "leases"),
		permanent: map[string]string{}, open: map[string]time.Time{},
	}
	w.observe = func(p *process, r *http.Request) {
		if r.Method == http.MethodDelete {
			observe(p, r)
		}
	}
	w.createElsewhere("kept")
	return w
}

// replicated runs a test with two replicas. deletions counts those that they send.
func replicated(t *testing.T, test func(t *testing.T, w *simulation, a, b *process, deletions func() int)) {
	t.Helper()
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		w := newReplicas(t, redis, func(*process, *http.Request) { sent.Add(1) })
		a, b := w.start(true), w.start(true)
		test(t, w, a, b, func() int { return int(sent.Load()) })
		a.End(t.Context())
		b.End(t.Context())
	})
}

func (w *simulation) make(p *process, name string) string {
	w.t.Helper()
	uuid, err := w.create(p, name, func() {})
	require.NoError(w.t, err)
	return uuid
}

// wait lets time go by, and what is due then happen.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// An ephemeral identity of one replica is renewed by its caller's calls at any, and deleted once,
// by any, when its time is over; also when the replica that made it was killed, and Ravi was down
// at that moment.
func TestAnyReplicaRenewsAndReaps(t *testing.T) {
	replicated(t, func(t *testing.T, w *simulation, a, b *process, deletions func() int) {
		uuid := w.make(a, "task")
		for range 5 {
			wait(simulationTTL - time.Second)
			b.Used("local", uuid)
			a.Used("another", uuid)
		}
		a.Kill()
		wait(simulationTTL - time.Second)
		require.Contains(t, w.identities(), uuid, "used at the other replica")
		w.ravi.Server.Faults().Add(sandbox.Fault{Method: "DELETE", Status: 503, Count: -1})
		wait(time.Hour)
		require.Contains(t, w.identities(), uuid)
		b.Used("local", uuid) // too late
		w.ravi.Server.Faults().Clear()
		wait(6 * time.Minute)
		assert.Equal(t, []string{"kept"}, names(w.ravi))

		before := deletions()
		w.make(b, "task")
		third := w.start(true)
		b.Kill()
		wait(simulationTTL + time.Minute)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		assert.Equal(t, before+1, deletions(), "only the new one has sent it")
		third.End(t.Context())
	})
}

// With two replicas that live, each identity is deleted once.
func TestReplicasDoNotDeleteTwice(t *testing.T) {
	replicated(t, func(t *testing.T, w *simulation, a, b *process, deletions func() int) {
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			w.make(a, "a-"+name)
			w.make(b, "b-"+name)
		}
		wait(simulationTTL + time.Minute)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		assert.Equal(t, 10, deletions())
	})
}

// A replica whose requests to Ravi hang has what it took for a minute only. What another one
// deleted by then it leaves alone.
func TestHungReplicaLeavesTheRestToOthers(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		var first atomic.Pointer[process]
		var sent sync.Map
		of := func() (n int) { sent.Range(func(any, any) bool { n++; return true }); return n }
		w := newReplicas(t, redis, func(p *process, r *http.Request) {
			if p == first.Load() {
				sent.Store(r.URL.Path, true)
				<-r.Context().Done()
			}
		})
		a := w.start(true)
		first.Store(a)
		for n := range 24 {
			w.make(a, fmt.Sprint("task-", n))
		}
		wait(simulationTTL + 30*time.Second)
		require.Equal(t, 8, of(), "as many at a time")
		second := w.start(true)
		wait(5 * time.Minute)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		assert.Equal(t, 16, of(), "two rounds of 45 s")
		a.End(t.Context())
		second.End(t.Context())
	})
}

// Not every use is reported at once, and none is lost with the replica that was killed.
func TestUnreportedUseCounts(t *testing.T) {
	replicated(t, func(t *testing.T, w *simulation, a, b *process, _ func() int) {
		uuid := w.make(a, "task")
		wait(20 * time.Second)
		b.Used("local", uuid)
		wait(14 * time.Second)
		b.Used("local", uuid)
		b.Kill()
		wait(simulationTTL - time.Second)
		assert.Contains(t, w.identities(), uuid)
		wait(time.Minute)
		assert.NotContains(t, w.identities(), uuid)
	})
}

// While the store is away nothing is created that would have to be noted, and what is used
// meanwhile is not deleted afterwards, however long it took.
func TestOutageLosesNoUse(t *testing.T) {
	replicated(t, func(t *testing.T, w *simulation, a, b *process, _ func() int) {
		used, unused := w.make(a, "used"), w.make(a, "unused")
		w.shared.down.Store(true)
		client := a.client(t)
		require.ErrorIs(t, a.Claim(client, "more"), errWire)
		_, err := a.Begin(client, "local", "more", simulationTTL, nil)
		require.ErrorIs(t, err, errWire)
		for range 10 {
			wait(simulationTTL / 2)
			b.Used("local", used)
		}
		require.Len(t, w.identities(), 3, "what other replicas used is not known")
		w.shared.down.Store(false)
		wait(10 * time.Second)
		require.Len(t, w.identities(), 3, "not all have reported")
		wait(40 * time.Second)
		assert.NotContains(t, w.identities(), unused)
		wait(simulationTTL - time.Minute)
		assert.Contains(t, w.identities(), used)
		wait(time.Minute + 20*time.Second)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
	})
}

// The uuid of an identity that came about while the store was away is noted when it is back, also
// if another replica has looked for the identity and given up.
func TestCreationDuringAnOutageIsNotedLater(t *testing.T) {
	replicated(t, func(t *testing.T, w *simulation, a, b *process, _ func() int) {
		client := a.client(t)
		intent, err := a.Begin(client, "local", "task", simulationTTL, nil)
		require.NoError(t, err)
		wait(3 * time.Minute) // nothing of that address: b gives up, or a does
		named, err := w.shared.registry.Named(t.Context(), a.CredentialOf(client), "task")
		require.NoError(t, err)
		require.Empty(t, named)
		w.shared.down.Store(true)
		made, err := client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "task", Email: intent.Address(), Known: []string{}})
		require.NoError(t, err)
		intent.Created(*made)
		w.shared.down.Store(false)
		wait(2 * time.Minute)
		a.Kill()
		require.Contains(t, w.identities(), made.UUID)
		wait(simulationTTL)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
	})
}

// An identity whose answer was lost, with the replica that asked for it, lives as long as any
// other.
func TestIdentityOfALostAnswerLivesItsTTL(t *testing.T) {
	replicated(t, func(t *testing.T, w *simulation, a, b *process, _ func() int) {
		client := a.client(t)
		const ttl = time.Hour
		intent, err := a.Begin(client, "local", "task", ttl, []string{})
		require.NoError(t, err)
		begun := time.Now()
		made, err := w.ravi.Server.CreateIdentity(w.ravi.Account.Email, sandbox.NewIdentity{Name: "task", Email: intent.Address()})
		require.NoError(t, err)
		a.Kill()
		wait(ttl - time.Since(begun) - time.Second)
		require.Contains(t, w.identities(), made.UUID)
		wait(time.Minute)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
	})
}

// A refused creation whose note could not be taken back blocks the name no longer than the outage.
func TestRefusedCreationIsDroppedAfterAnOutage(t *testing.T) {
	replicated(t, func(t *testing.T, w *simulation, a, b *process, _ func() int) {
		w.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Status: 402, Count: 1})
		_, err := w.create(a, "task", func() { w.shared.down.Store(true) })
		require.ErrorIs(t, err, ravi.ErrSubscriptionRequired)
		w.shared.down.Store(false)
		client := b.client(t)
		require.ErrorIs(t, b.Claim(client, "task"), lease.ErrNameInFlight)
		wait(6 * time.Second)
		require.NoError(t, b.Claim(client, "task"))
	})
}

// Who can write to the store, but has no key, has nothing deleted.
func TestForgedEntryDeletesNothing(t *testing.T) {
	replicated(t, func(t *testing.T, w *simulation, a, b *process, deletions func() int) {
		var kept string
		for uuid := range w.permanent {
			kept = uuid
		}
		client := a.client(t)
		forged := lease.Entry{ID: "forged", Name: "kept", UUID: kept, Caller: "local", Credential: a.CredentialOf(client), TTL: time.Minute}
		forged.Data = `{"id":"forged","name":"kept","credential":"` + forged.Credential + `","intended":"2000-01-01T00:00:00Z","ttl":1,"uuid":"` + kept + `","expires":"2000-01-01T00:00:00Z"}`
		require.NoError(t, w.shared.registry.Add(t.Context(), forged, 0))
		w.make(a, "task")
		named, err := w.shared.registry.Named(t.Context(), forged.Credential, "task")
		require.NoError(t, err)
		require.Len(t, named, 1)
		copied := forged
		copied.ID, copied.Data = "copied", named[0].Data // that of another identity, under its own uuid
		require.NoError(t, w.shared.registry.Add(t.Context(), copied, 0))
		wait(simulationTTL - time.Minute)
		assert.Zero(t, deletions())
		wait(time.Hour)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		assert.Equal(t, 1, deletions())
	})
}

// A lease is settled with the account that it belongs to: a replica without that account leaves it
// to one that has it.
func TestReplicasSettleWithTheAccountOfTheLease(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		year := sandbox.Config{TokenLife: 1000 * 24 * time.Hour}
		north, own := sandboxtest.Memory(t, year), sandboxtest.Memory(t, year)
		s := share(t, redis)
		replica := func(all *accountFolders) (*lease.Manager, func(string) *ravi.Client) {
			l, client := all.server("")
			l.Registry, l.Sealer = s.registry, s.sealer
			return l, client
		}
		both := &accountFolders{by: map[string]*sandboxtest.Instance{"": own, "/north": north}}
		first, client := replica(both)
		first.Start()
		_, err := creation{caller: "alice", name: "task", ttl: time.Hour}.run(t.Context(), first, client("/north"))
		require.NoError(t, err)
		first.Kill()

		without, clientOf := replica(&accountFolders{by: map[string]*sandboxtest.Instance{"": own}})
		require.NotNil(t, clientOf(""))
		without.Start()
		wait(3 * time.Hour)
		assert.Equal(t, []string{"task"}, names(north))
		second, client := replica(both)
		require.NoError(t, second.Claim(client("/north"), "task"))
		second.Start()
		wait(time.Minute)
		assert.Empty(t, names(north))
		without.End(t.Context())
		second.End(t.Context())
	})
}

// What a server left in its journal before it had replicas is deleted too.
func TestReplicaTakesOverJournals(t *testing.T) {
	replicated(t, func(t *testing.T, w *simulation, a, b *process, _ func() int) {
		alone := newProcess(t, w.ravi, w.dir, true)
		alone.Start()
		uuid := w.make(alone, "task")
		alone.End(t.Context())
		wait(simulationTTL / 2)
		assert.Contains(t, w.identities(), uuid)
		wait(simulationTTL)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		assert.Empty(t, files(t, w.dir))
	})
}
