package redisstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/session"
	"ravi-mcp/session/redisstore"
)

// table is what both kinds of sessions can do.
type table interface {
	Open(ctx context.Context, caller string) (string, error)
	Enter(ctx context.Context, caller, id string) error
	Leave(caller, id string)
	End(ctx context.Context, caller, id string) error
	EndCaller(caller string)
}

// limits are those of a table in a test.
type limits struct {
	idle, absolute   time.Duration
	perCaller, total int
	now              func() time.Time
	onEnd            func(session.Key)
}

// everyTable runs a test over each kind of table. A table with several replicas is one whose calls
// go to one of them after the other.
func everyTable(t *testing.T, test func(t *testing.T, fresh func(limits) (table, func()))) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, func(l limits) (table, func()) {
			s := &session.Sessions{Idle: l.idle, Absolute: l.absolute, PerCaller: l.perCaller, Total: l.total, Now: l.now, OnEnd: l.onEnd}
			return s, s.Sweep
		})
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		base := open(t, redistest.Start(t), patient)
		test(t, func(l limits) (table, func()) {
			store := base.With(fmt.Sprintf("test-%d:", prefixes.Add(1)), l.now)
			two := &replicas{}
			for range 2 {
				two.all = append(two.all, &redisstore.Sessions{
					Store: store, Idle: l.idle, Absolute: l.absolute, PerCaller: l.perCaller, Total: l.total, OnEnd: l.onEnd,
				})
			}
			return two, func() {
				for _, r := range two.all {
					_ = r.Sweep(context.Background())
				}
			}
		})
	})
}

// replicas send each request to the next of them; the end of a request comes to the one that it
// began at.
type replicas struct {
	all  []*redisstore.Sessions
	mu   sync.Mutex
	next int
	at   map[string][]*redisstore.Sessions
}

func (r *replicas) one() *redisstore.Sessions {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	return r.all[r.next%len(r.all)]
}

func (r *replicas) Open(ctx context.Context, caller string) (string, error) {
	return r.one().Open(ctx, caller)
}

func (r *replicas) Enter(ctx context.Context, caller, id string) error {
	one := r.one()
	err := one.Enter(ctx, caller, id)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.at == nil {
			r.at = map[string][]*redisstore.Sessions{}
		}
		r.at[caller+id] = append(r.at[caller+id], one)
	}
	return err
}

func (r *replicas) Leave(caller, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := r.at[caller+id]; len(at) > 0 {
		at[0].Leave(caller, id)
		r.at[caller+id] = at[1:]
	}
}

func (r *replicas) End(ctx context.Context, caller, id string) error {
	return r.one().End(ctx, caller, id)
}

func (r *replicas) EndCaller(caller string) { r.one().EndCaller(caller) }

// modelSession is a session in the model.
type modelSession struct {
	id, caller   string
	opened, used time.Time
	running      int
}

// The table against a model, by a clock: which caller has a session, when it ends, and that it
// never ends by itself while a call of it runs.
func TestSessionsObeyTheirContract(t *testing.T) {
	t.Parallel()
	everyTable(t, func(t *testing.T, fresh func(limits) (table, func())) {
		rapid.Check(t, func(t *rapid.T) { checkTable(t, fresh) })
	})
}

func checkTable(t *rapid.T, fresh func(limits) (table, func())) {
	const idle, absolute = 10 * time.Minute, time.Hour
	ctx, clock := context.Background(), newClock()
	sessions, sweep := fresh(limits{idle: idle, absolute: absolute, now: clock.Now})
	var all []*modelSession
	prune := func() {
		all = slices.DeleteFunc(all, func(l *modelSession) bool {
			now := clock.Now()
			return l.running == 0 && now.Sub(l.used) >= idle || now.Sub(l.opened) >= absolute
		})
	}
	callers := rapid.SampledFrom([]string{"a", "b"})
	one := func(t *rapid.T) *modelSession {
		if len(all) == 0 {
			t.Skip("no session")
		}
		return all[rapid.IntRange(0, len(all)-1).Draw(t, "session")]
	}
	t.Repeat(map[string]func(*rapid.T){
		"open": func(t *rapid.T) {
			l := &modelSession{caller: callers.Draw(t, "caller"), opened: clock.Now(), used: clock.Now()}
			var err error
			l.id, err = sessions.Open(ctx, l.caller)
			require.NoError(t, err)
			all = append(all, l)
		},
		"enter": func(t *rapid.T) {
			l := one(t)
			require.NoError(t, sessions.Enter(ctx, l.caller, l.id))
			l.running++
			l.used = clock.Now()
		},
		"leave": func(t *rapid.T) {
			l := one(t)
			if l.running == 0 {
				t.Skip("nothing runs")
			}
			sessions.Leave(l.caller, l.id)
			l.running--
			l.used = clock.Now()
			sweep() // replicas learn of each other with a delay, which is no part of the model
		},
		"steal": func(t *rapid.T) {
			l := one(t)
			thief := map[string]string{"a": "b", "b": "a"}[l.caller]
			require.ErrorIs(t, sessions.Enter(ctx, thief, l.id), session.ErrNoSession)
			require.ErrorIs(t, sessions.End(ctx, thief, l.id), session.ErrNoSession)
			require.ErrorIs(t, sessions.Enter(ctx, l.caller, l.id+"x"), session.ErrNoSession)
		},
		"end": func(t *rapid.T) {
			l := one(t)
			require.NoError(t, sessions.End(ctx, l.caller, l.id))
			require.ErrorIs(t, sessions.Enter(ctx, l.caller, l.id), session.ErrNoSession)
			require.ErrorIs(t, sessions.End(ctx, l.caller, l.id), session.ErrNoSession)
			all = slices.DeleteFunc(all, func(o *modelSession) bool { return o == l })
		},
		"end caller": func(t *rapid.T) {
			caller := callers.Draw(t, "caller")
			sessions.EndCaller(caller)
			for _, l := range all {
				if l.caller == caller {
					require.ErrorIs(t, sessions.Enter(ctx, l.caller, l.id), session.ErrNoSession)
				}
			}
			all = slices.DeleteFunc(all, func(l *modelSession) bool { return l.caller == caller })
		},
		"wait": func(t *rapid.T) {
			for range rapid.IntRange(1, 8).Draw(t, "quarters of idle") {
				clock.advance(idle / 4)
				sweep()
			}
			was := all
			all = slices.Clone(all)
			prune()
			for _, l := range was {
				if !slices.Contains(all, l) {
					require.ErrorIs(t, sessions.Enter(ctx, l.caller, l.id), session.ErrNoSession)
				}
			}
		},
		"": func(t *rapid.T) {},
	})
	for _, l := range all {
		require.NoError(t, sessions.Enter(ctx, l.caller, l.id))
	}
}

func TestSessionLimitEvictsTheLongestIdle(t *testing.T) {
	t.Parallel()
	everyTable(t, func(t *testing.T, fresh func(limits) (table, func())) {
		ctx, clock := t.Context(), newClock()
		var ended []session.Key
		s, sweep := fresh(limits{perCaller: 3, total: 5, now: clock.Now, onEnd: func(k session.Key) { ended = append(ended, k) }})
		var ids []string
		for range 3 {
			id, err := s.Open(ctx, "alice")
			require.NoError(t, err)
			ids = append(ids, id)
			clock.advance(time.Second)
		}
		_, err := s.Open(ctx, "alice")
		require.ErrorIs(t, err, session.ErrTooManySessions, "all were used just now")
		_, err = s.Open(ctx, "bob")
		require.NoError(t, err, "another caller has a limit of their own")

		require.NoError(t, s.Enter(ctx, "alice", ids[0]))
		s.Leave("alice", ids[0])
		require.NoError(t, s.Enter(ctx, "alice", ids[1]), "this one runs on")
		for range 5 {
			sweep()
			clock.advance(30 * time.Second)
		}
		sweep()
		_, err = s.Open(ctx, "alice")
		require.NoError(t, err)
		require.NoError(t, s.Enter(ctx, "alice", ids[1]))
		require.ErrorIs(t, s.Enter(ctx, "alice", ids[2]), session.ErrNoSession)
		sweep()
		assert.Contains(t, ended, session.Key{Caller: "alice", Session: ids[2]})
		for _, k := range ended {
			assert.Equal(t, ids[2], k.Session)
		}

		_, err = s.Open(ctx, "bob")
		require.NoError(t, err)
		_, err = s.Open(ctx, "carol")
		require.ErrorIs(t, err, session.ErrTooManySessions, "all together have a limit as well, and no caller loses a session to another one")
	})
}

// What a request asks for is no session until the store says so: its refusal must not look like the
// end of another caller's session of that id.
func TestStolenSessionIDEndsNothing(t *testing.T) {
	t.Parallel()
	everyTable(t, func(t *testing.T, fresh func(limits) (table, func())) {
		var ended []session.Key
		s, sweep := fresh(limits{onEnd: func(k session.Key) { ended = append(ended, k) }})
		id, err := s.Open(t.Context(), "alice")
		require.NoError(t, err)
		for range 4 {
			require.ErrorIs(t, s.Enter(t.Context(), "bob", id), session.ErrNoSession)
			require.ErrorIs(t, s.End(t.Context(), "bob", id), session.ErrNoSession)
			require.ErrorIs(t, s.Enter(t.Context(), "alice", strings.Repeat("A", 43)), session.ErrNoSession)
			s.Leave("bob", id)
			sweep()
		}
		assert.Empty(t, ended)
		require.NoError(t, s.Enter(t.Context(), "alice", id))
	})
}

// hears waits for the end of a session of alice, after those of earlier ones.
func hears(ended <-chan session.Key, id string) bool {
	limit := time.After(time.Second)
	for {
		select {
		case k := <-ended:
			if k == (session.Key{Caller: "alice", Session: id}) {
				return true
			}
		case <-limit:
			return false
		}
	}
}

// The end of a session reaches every replica that knows it, and no other.
func TestSessionEndReachesOtherReplicas(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	heard := [2]chan session.Key{make(chan session.Key, 10), make(chan session.Key, 10)}
	var all [2]*redisstore.Sessions
	for i := range all {
		all[i] = &redisstore.Sessions{
			Store: open(t, redis, func(c *redisstore.Config) { c.Prefix, c.Timeout = "shared:", patience }),
			OnEnd: func(k session.Key) { heard[i] <- k },
		}
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { all[i].Run(ctx) })
		t.Cleanup(func() { stop(); running.Wait() })
	}
	ctx := t.Context()
	require.Eventually(t, func() bool { // both are connected
		for i := range all {
			id, err := all[i].Open(ctx, "alice")
			require.NoError(t, err)
			require.NoError(t, all[1-i].Enter(ctx, "alice", id))
			require.NoError(t, all[i].End(ctx, "alice", id))
			if !hears(heard[i], id) || !hears(heard[1-i], id) {
				require.NoError(t, all[1-i].Sweep(ctx)) // it learns now what it was not connected for
				return false
			}
		}
		return true
	}, 30*time.Second, time.Millisecond)

	id, err := all[0].Open(ctx, "alice")
	require.NoError(t, err)
	unmet, err := all[1].Open(ctx, "alice")
	require.NoError(t, err)
	require.NoError(t, all[1].Enter(ctx, "alice", id))
	all[0].EndCaller("alice")
	assert.Equal(t, id, (<-heard[0]).Session)
	got := []string{(<-heard[1]).Session, (<-heard[1]).Session}
	assert.ElementsMatch(t, []string{id, unmet}, got)
	assert.Empty(t, heard[0], "it has never met the other")
	assert.Zero(t, all[0].Len()+all[1].Len())
}
