package redisstore_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/session"
	"ravi-mcp/session/redisstore"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newClock() *clock { return &clock{now: time.Date(2026, 7, 28, 0, 0, 0, 0, time.UTC)} }

var prefixes atomic.Int64

// patience is what an operation may take where no outage is meant, on a machine that is busy.
const patience = 30 * time.Second

func patient(cfg *redisstore.Config) { cfg.Timeout = patience }

// open returns an empty store in a Redis; adjust changes its configuration.
func open(t testing.TB, redis *redistest.Server, adjust func(*redisstore.Config)) *redisstore.Store {
	t.Helper()
	cfg := redisstore.Config{URL: secret.New(redis.URL()), Prefix: fmt.Sprintf("test-%d:", prefixes.Add(1))}
	if adjust != nil {
		adjust(&cfg)
	}
	s, err := redisstore.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// everyStore runs a test over each kind of store; fresh returns an empty one.
func everyStore(t *testing.T, test func(t *testing.T, fresh func(now func() time.Time) session.Store)) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, func(now func() time.Time) session.Store { return &session.Memory{Now: now} })
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		redis := redistest.Start(t)
		base := open(t, redis, patient)
		test(t, func(now func() time.Time) session.Store {
			return base.With(fmt.Sprintf("test-%d:", prefixes.Add(1)), now)
		})
	})
}

// The store against a model, over random histories of a few callers, sessions and identities.
func TestStoresObeyTheirContract(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, fresh func(func() time.Time) session.Store) {
		rapid.Check(t, func(t *rapid.T) { checkStore(t, fresh) })
	})
}

// modelState is what a session knows, by the rules that its callers were given.
type modelState struct {
	session.Known
	listed []string // that still exist, in order
}

func (m *modelState) learn(identity string) {
	if m.Deleted {
		m.Identity, m.Deleted = "", false
	}
	switch {
	case m.Several || m.Identity == identity:
	case m.Identity == "":
		m.Identity = identity
	default:
		m.Identity, m.Several = "", true
	}
	if !slices.Contains(m.listed, identity) {
		m.listed = append(m.listed, identity)
	}
}

func (m *modelState) unlearn(identity string) {
	m.forget(identity)
	m.Deleted = m.Deleted || m.Identity == identity
	if m.Default == identity {
		m.Default = ""
	}
}

func (m *modelState) forget(identity string) {
	m.listed = slices.DeleteFunc(m.listed, func(n string) bool { return n == identity })
}

type mark struct{ caller, identity string }

func checkStore(t *rapid.T, fresh func(func() time.Time) session.Store) {
	ctx := context.Background()
	clock := newClock()
	store := fresh(clock.Now)
	states := map[session.Key]*modelState{}
	state := func(k session.Key) *modelState {
		if states[k] == nil {
			states[k] = &modelState{}
		}
		return states[k]
	}
	cursors := map[session.Key]map[string]string{}
	created, used := map[mark]time.Time{}, map[string]time.Time{}
	callers := rapid.SampledFrom([]string{"a", "b"})
	key := rapid.Custom(func(t *rapid.T) session.Key {
		return session.Key{Caller: callers.Draw(t, "caller"), Session: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "session")}
	})
	identity := rapid.SampledFrom([]string{"x", "y", "z"})
	t.Repeat(map[string]func(*rapid.T){
		"learn": func(t *rapid.T) {
			k, i := key.Draw(t, "key"), identity.Draw(t, "identity")
			configured := rapid.OneOf(rapid.Just(""), identity).Draw(t, "configured")
			m := state(k)
			if m.Deleted || m.Identity == "" && !m.Several {
				for _, usual := range []string{m.Default, configured} {
					if usual != "" {
						m.learn(usual)
					}
				}
			}
			m.learn(i)
			got, err := store.Learn(ctx, k, i, configured)
			require.NoError(t, err)
			require.Equal(t, m.Known, got)
		},
		"unlearn": func(t *rapid.T) {
			k, i := key.Draw(t, "key"), identity.Draw(t, "identity")
			require.NoError(t, store.Unlearn(ctx, k, i))
			state(k).unlearn(i)
		},
		"learn default": func(t *rapid.T) {
			k, i := key.Draw(t, "key"), identity.Draw(t, "identity")
			got, err := store.LearnDefault(ctx, k, i)
			require.NoError(t, err)
			if m := state(k); m.Identity == "" && !m.Several {
				m.Default = i
			}
			require.Equal(t, state(k).Known, got)
		},
		"swap cursor": func(t *rapid.T) {
			k, i, c := key.Draw(t, "key"), identity.Draw(t, "identity"), rapid.StringN(1, 3, -1).Draw(t, "cursor")
			old := rapid.SampledFrom([]string{"", "a", cursors[k][i]}).Draw(t, "old")
			did, err := store.SwapCursor(ctx, k, i, old, c)
			require.NoError(t, err)
			require.Equal(t, old == cursors[k][i], did)
			if !did {
				return
			}
			if cursors[k] == nil {
				cursors[k] = map[string]string{}
			}
			cursors[k][i] = c
		},
		"end": func(t *rapid.T) {
			k := key.Draw(t, "key")
			require.NoError(t, store.EndSession(ctx, k))
			delete(states, k)
			delete(cursors, k)
		},
		"create": func(t *rapid.T) {
			m := mark{callers.Draw(t, "caller"), identity.Draw(t, "identity")}
			require.NoError(t, store.RecordCreated(ctx, m.caller, m.identity))
			created[m] = clock.Now().Add(30 * 24 * time.Hour)
		},
		"use once": func(t *rapid.T) {
			k, ttl := rapid.SampledFrom([]string{"p", "q"}).Draw(t, "mark"), time.Duration(rapid.IntRange(1, 100).Draw(t, "hours"))*time.Hour
			first, err := store.UseOnce(ctx, k, ttl)
			require.NoError(t, err)
			require.Equal(t, !clock.Now().Before(used[k]), first)
			if first {
				used[k] = clock.Now().Add(ttl)
			}
		},
		"wait": func(t *rapid.T) {
			for k := range cursors {
				state(k)
			}
			for k := range states { // no session lives longer than a day
				require.NoError(t, store.EndSession(ctx, k))
			}
			clear(states)
			clear(cursors)
			clock.advance(time.Duration(rapid.IntRange(1, 40*24).Draw(t, "hours")) * time.Hour)
		},
		"forget": func(t *rapid.T) {
			i := identity.Draw(t, "identity")
			require.NoError(t, store.ForgetIdentity(ctx, i))
			for _, m := range states {
				m.forget(i)
			}
			for k := range cursors {
				delete(cursors[k], i)
			}
			for m := range created {
				if m.identity == i {
					delete(created, m)
				}
			}
		},
		"": func(t *rapid.T) {
			k, i := key.Draw(t, "key"), identity.Draw(t, "identity")
			known, err := store.Known(ctx, k)
			require.NoError(t, err)
			require.Equal(t, state(k).Known, known)
			named, err := store.KnownIdentities(ctx, k)
			require.NoError(t, err)
			require.Equal(t, slices.Concat(state(k).listed), slices.Concat(named))
			c, err := store.Cursor(ctx, k, i)
			require.NoError(t, err)
			require.Equal(t, cursors[k][i], c)
			m := mark{k.Caller, i}
			by, err := store.CreatedBy(ctx, m.caller, m.identity)
			require.NoError(t, err)
			require.Equal(t, clock.Now().Before(created[m]), by)
		},
	})
}

func TestCursorsOfASessionAreBounded(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, fresh func(func() time.Time) session.Store) {
		ctx, store := t.Context(), fresh(nil)
		key := session.Key{Caller: "a", Session: "1"}
		for i := range 300 {
			swapped, err := store.SwapCursor(ctx, key, fmt.Sprint(i), "", "c")
			require.NoError(t, err)
			require.True(t, swapped)
			if i == 200 { // the first is set anew, and so the youngest
				swapped, err = store.SwapCursor(ctx, key, "0", "c", "d")
				require.NoError(t, err)
				require.True(t, swapped)
			}
		}
		for identity, want := range map[string]string{"0": "d", "1": "", "299": "c"} {
			got, err := store.Cursor(ctx, key, identity)
			require.NoError(t, err)
			assert.Equal(t, want, got, identity)
		}
	})
}

// Any number of replicas: each thing is done by one of them.
func TestOnlyOneUseIsTheFirst(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, fresh func(func() time.Time) session.Store) {
		store := fresh(nil)
		key := session.Key{Caller: "a", Session: "1"}
		var marks, lone, swaps atomic.Int32
		count := func(n *atomic.Int32, did bool, err error) {
			assert.NoError(t, err)
			if did {
				n.Add(1)
			}
		}
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				did, err := store.UseOnce(t.Context(), "k", time.Minute)
				count(&marks, did, err)
				known, err := store.Learn(t.Context(), key, fmt.Sprint(i), "")
				count(&lone, known.Identity != "", err)
				did, err = store.SwapCursor(t.Context(), key, "x", "", fmt.Sprint("from ", i))
				count(&swaps, did, err)
			})
		}
		wg.Wait()
		assert.Equal(t, []int32{1, 1, 1}, []int32{marks.Load(), lone.Load(), swaps.Load()})
	})
}

func learn(t testing.TB, s session.Store, key session.Key, identity string) {
	t.Helper()
	_, err := s.Learn(t.Context(), key, identity, "")
	require.NoError(t, err)
}

// A session that a replica of an earlier version has bound knows that identity, and no other.
func TestEarlierBindingIsTheOnlyKnownIdentity(t *testing.T) {
	t.Parallel()
	s, raw, _ := openRaw(t)
	key := session.Key{Caller: "alice", Session: "1"}
	learn(t, s, key, "u")
	stored, err := raw.Keys(t.Context(), "p:state:*").Result()
	require.NoError(t, err)
	require.NoError(t, raw.FlushAll(t.Context()).Err())
	require.NoError(t, raw.HSet(t.Context(), stored[0], "identity", "u").Err())

	known, err := s.Known(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, session.Known{Identity: "u"}, known)
	learn(t, s, key, "v")
	known, err = s.Known(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, session.Known{Several: true}, known)
	fields, err := raw.HKeys(t.Context(), stored[0]).Result()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"several", "sets"}, fields, "replicas of other versions look for these fields")
}
