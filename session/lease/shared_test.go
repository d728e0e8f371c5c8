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

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session/lease"
	"ravi-mcp/session/redisstore/redistest"
)

// newReplicas is a world of replicas. delete sees each deletion that one sends.
func newReplicas(t *testing.T, redis *redistest.Server, delete func(*process, *http.Request)) *world {
	w := &world{
		t: t, shared: share(t, redis), ravi: sandboxtest.Memory(t, sandbox.Config{TokenLife: 1000 * time.Hour}), dir: filepath.Join(t.TempDir(), "leases"),
		lasting: map[string]string{}, open: map[string]time.Time{},
	}
	w.seen = func(p *process, r *http.Request) {
		if r.Method == http.MethodDelete {
			delete(p, r)
		}
	}
	w.elsewhere("kept")
	return w
}

// replicas is a world of two replicas, and of the deletions that they send.
func replicas(t *testing.T, redis *redistest.Server) (w *world, a, b *process, deletions func() int) {
	var sent atomic.Int64
	w = newReplicas(t, redis, func(*process, *http.Request) { sent.Add(1) })
	return w, w.start(true), w.start(true), func() int { return int(sent.Load()) }
}

func (w *world) make(p *process, name string) string {
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

// An ephemeral identity of one replica is renewed by its caller's calls at any,
// and deleted once, by any, when its time is over; also when the replica that
// made it was killed, and Ravi was down at that moment.
func TestAnyReplicaRenewsAndReaps(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		w, a, b, deletions := replicas(t, redis)
		uuid := w.make(a, "task")
		for range 5 {
			wait(worldTTL - time.Second)
			b.Used("local", uuid)
			a.Used("somebody else", uuid)
		}
		a.Kill()
		wait(worldTTL - time.Second)
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
		wait(worldTTL + time.Minute)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		assert.Equal(t, before+1, deletions(), "only the new one has sent it")
		third.End(t.Context())
	})
}

// With two replicas that live, each identity is deleted once.
func TestReplicasDoNotDeleteTwice(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		w, a, b, deletions := replicas(t, redis)
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			w.make(a, "a-"+name)
			w.make(b, "b-"+name)
		}
		wait(worldTTL + time.Minute)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		assert.Equal(t, 10, deletions())
		a.End(t.Context())
		b.End(t.Context())
	})
}

// A replica whose requests to Ravi hang has what it took for a minute only. What
// another one deleted by then it leaves alone.
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
		wait(worldTTL + 30*time.Second)
		require.Equal(t, 8, of(), "as many at a time")
		second := w.start(true)
		wait(5 * time.Minute)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		assert.Equal(t, 16, of(), "two rounds of 45 s")
		a.End(t.Context())
		second.End(t.Context())
	})
}

// Not every use is told at once, and none is lost with the replica that was killed.
func TestUnreportedUseCounts(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		w, a, b, _ := replicas(t, redis)
		uuid := w.make(a, "task")
		wait(20 * time.Second)
		b.Used("local", uuid)
		wait(14 * time.Second)
		b.Used("local", uuid)
		b.Kill()
		wait(worldTTL - time.Second)
		assert.Contains(t, w.identities(), uuid)
		wait(time.Minute)
		assert.NotContains(t, w.identities(), uuid)
		a.End(t.Context())
	})
}

// While the store is away nothing is created that would have to be noted, and
// what is used meanwhile is not deleted afterwards, however long it took.
func TestOutageLosesNoUse(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		w, a, b, _ := replicas(t, redis)
		used, unused := w.make(a, "used"), w.make(a, "unused")
		w.shared.down.Store(true)
		client, err := a.Account.Client()
		require.NoError(t, err)
		require.ErrorIs(t, a.Claim(client, "more"), errWire)
		_, err = a.Begin(client, "local", "more", worldTTL, nil)
		require.ErrorIs(t, err, errWire)
		for range 10 {
			wait(worldTTL / 2)
			b.Used("local", used)
		}
		require.Len(t, w.identities(), 3, "nobody knows what others used")
		w.shared.down.Store(false)
		wait(10 * time.Second)
		require.Len(t, w.identities(), 3, "not all have told")
		wait(40 * time.Second)
		assert.NotContains(t, w.identities(), unused)
		wait(worldTTL - time.Minute)
		assert.Contains(t, w.identities(), used)
		wait(time.Minute + 20*time.Second)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		a.End(t.Context())
		b.End(t.Context())
	})
}

// The uuid of an identity that came about while the store was away is noted when
// it is back, also if another replica has looked for the identity and given up.
func TestCreationDuringAnOutageIsNotedLater(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		w, a, b, _ := replicas(t, redis)
		client, err := a.Account.Client()
		require.NoError(t, err)
		intent, err := a.Begin(client, "local", "task", worldTTL, nil)
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
		wait(worldTTL)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		b.End(t.Context())
	})
}

// An identity whose answer was lost, with the replica that asked for it, lives
// as long as any other.
func TestIdentityOfALostAnswerLivesItsTTL(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		w, a, b, _ := replicas(t, redis)
		client, err := a.Account.Client()
		require.NoError(t, err)
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
		b.End(t.Context())
	})
}

// A refused creation whose note could not be taken back stands in nobody's way
// for longer than the outage.
func TestRefusedCreationIsDroppedAfterAnOutage(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		w, a, b, _ := replicas(t, redis)
		w.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Status: 402, Count: 1})
		_, err := w.create(a, "task", func() { w.shared.down.Store(true) })
		require.ErrorIs(t, err, ravi.ErrSubscriptionRequired)
		w.shared.down.Store(false)
		client, err := b.Account.Client()
		require.NoError(t, err)
		require.ErrorIs(t, b.Claim(client, "task"), lease.ErrNameInFlight)
		wait(6 * time.Second)
		require.NoError(t, b.Claim(client, "task"))
		a.End(t.Context())
		b.End(t.Context())
	})
}

// Who can write to the store, but has no key, has nothing deleted.
func TestForgedEntryDeletesNothing(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		w, a, b, deletions := replicas(t, redis)
		var kept string
		for uuid := range w.lasting {
			kept = uuid
		}
		client, err := a.Account.Client()
		require.NoError(t, err)
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
		wait(worldTTL - time.Minute)
		assert.Zero(t, deletions())
		wait(time.Hour)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		assert.Equal(t, 1, deletions())
		a.End(t.Context())
		b.End(t.Context())
	})
}

// A lease is settled with the account that it belongs to: a replica without that
// account leaves it to one that has it.
func TestReplicasSettleWithTheAccountOfTheLease(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		year := sandbox.Config{TokenLife: 1000 * 24 * time.Hour}
		north, own := sandboxtest.Memory(t, year), sandboxtest.Memory(t, year)
		s := share(t, redis)
		replica := func(all *towns) (*lease.Manager, func(string) *ravi.Client) {
			l, client := all.server("")
			l.Registry, l.Sealer = s.registry, s.sealer
			return l, client
		}
		both := &towns{by: map[string]*sandboxtest.Instance{"": own, "/north": north}}
		first, client := replica(both)
		first.Start()
		intent, err := first.Begin(client("/north"), "alice", "task", time.Hour, nil)
		require.NoError(t, err)
		made, err := client("/north").CreateIdentity(t.Context(), ravi.NewIdentity{Name: "task", Email: intent.Address(), Known: []string{}})
		require.NoError(t, err)
		intent.Created(*made)
		first.Kill()

		without, clientOf := replica(&towns{by: map[string]*sandboxtest.Instance{"": own}})
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
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		w, a, b, _ := replicas(t, redis)
		alone := newProcess(t, w.ravi, w.dir, true)
		alone.Start()
		uuid := w.make(alone, "task")
		alone.End(t.Context())
		wait(worldTTL / 2)
		assert.Contains(t, w.identities(), uuid)
		wait(worldTTL)
		assert.Equal(t, []string{"kept"}, names(w.ravi))
		a.End(t.Context())
		b.End(t.Context())
		assert.Empty(t, files(t, w.dir))
	})
}
