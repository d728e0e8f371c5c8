package redisstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/session"
)

// everyOwners runs a test over each way in which several processes keep who created what. begin
// returns how a process opens the records of a new world.
func everyOwners(t *testing.T, test func(t *testing.T, begin func() (process func() session.Store))) {
	t.Run("files", func(t *testing.T) {
		t.Parallel()
		test(t, func() func() session.Store {
			dir, err := os.MkdirTemp(t.TempDir(), "owners-")
			require.NoError(t, err)
			return func() session.Store {
				return &session.Memory{Files: &session.OwnerFiles{Dir: dir + "/owners"}}
			}
		})
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		base := open(t, redistest.Start(t), patient)
		test(t, func() func() session.Store {
			prefix := fmt.Sprintf("test-%d:", prefixes.Add(1))
			return func() session.Store { return base.With(prefix, nil) }
		})
	})
}

// Creators over random creations, deletions and restarts of several processes, of which some are
// killed between the creation at Ravi and its record: nothing becomes another caller's, and what a
// process has said is recorded stays so until it is deleted.
func TestOwnersOverRestartsAndKills(t *testing.T) {
	t.Parallel()
	everyOwners(t, func(t *testing.T, begin func() func() session.Store) {
		rapid.Check(t, func(t *rapid.T) {
			ctx, process := context.Background(), begin()
			processes := []session.Store{process(), process(), process()}
			var uuids []string             // all that ever were
			creator := map[string]string{} // by uuid
			recorded := map[string]bool{}
			caller := rapid.SampledFrom([]string{"alice", "Alice", "bob"})
			which := rapid.IntRange(0, len(processes)-1)
			t.Repeat(map[string]func(*rapid.T){
				"create": func(t *rapid.T) {
					uuid, by := fmt.Sprintf("uuid-%d", len(uuids)), caller.Draw(t, "caller")
					uuids, creator[uuid] = append(uuids, uuid), by
					if rapid.IntRange(0, 3).Draw(t, "killed") == 0 {
						processes[which.Draw(t, "process")] = process()
						return
					}
					require.NoError(t, processes[which.Draw(t, "process")].RecordOwner(ctx, session.Ownership{Caller: by, Identity: uuid, Credential: "k"}))
					recorded[uuid] = true
				},
				"claim another's": func(t *rapid.T) {
					if len(uuids) == 0 {
						return
					}
					uuid, by := rapid.SampledFrom(uuids).Draw(t, "uuid"), caller.Draw(t, "caller")
					if recorded[uuid] && creator[uuid] != by {
						require.ErrorIs(t, processes[which.Draw(t, "process")].RecordOwner(ctx, session.Ownership{Caller: by, Identity: uuid, Credential: "k"}), session.ErrOtherOwner)
					}
				},
				"delete": func(t *rapid.T) {
					if len(uuids) > 0 {
						uuid := rapid.SampledFrom(uuids).Draw(t, "uuid")
						require.NoError(t, processes[which.Draw(t, "process")].ForgetIdentity(ctx, uuid))
						recorded[uuid] = false
					}
				},
				"restart": func(t *rapid.T) { processes[which.Draw(t, "process")] = process() },
				"": func(t *rapid.T) {
					for _, by := range []string{"alice", "Alice", "bob"} {
						for i, p := range processes {
							owners, err := p.Owners(ctx, by, append([]string{"none"}, uuids...))
							require.NoError(t, err)
							require.Equal(t, session.OwnerUnknown, owners[0])
							for n, uuid := range uuids {
								want := session.OwnerUnknown
								if recorded[uuid] {
									want = session.OfCaller(creator[uuid], by)
								}
								require.Equal(t, want, owners[n+1], "%s of %s for %s in process %d", uuid, creator[uuid], by, i)
							}
						}
					}
				},
			})
		})
	})
}

// Some of the records of a credential can be listed, and in time all.
func TestOwnedWithACredential(t *testing.T) {
	t.Parallel()
	everyOwners(t, func(t *testing.T, begin func() func() session.Store) {
		ctx, process := t.Context(), begin()
		first, second := process(), process()
		for n := range 10 {
			require.NoError(t, first.RecordOwner(ctx, session.Ownership{Caller: "alice", Identity: fmt.Sprint(n), Credential: fmt.Sprint(n % 2)}))
		}
		require.NoError(t, first.ForgetIdentity(ctx, "4"))
		seen := map[string]bool{}
		for range 1000 {
			some, err := second.OwnedWith(ctx, "0", 3)
			require.NoError(t, err)
			require.LessOrEqual(t, len(some), 3)
			for _, identity := range some {
				seen[identity] = true
			}
		}
		assert.Equal(t, map[string]bool{"0": true, "2": true, "6": true, "8": true}, seen)
	})
}

func TestOwnerRecordsAreBounded(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it makes 200,000 records")
	}
	s, raw, _ := openRaw(t)
	dir := t.TempDir()
	pipe := raw.Pipeline()
	for n := range session.MaxOwners - 1 {
		pipe.HSet(t.Context(), "p:owners:all", fmt.Sprint(n), "x")
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d-x", n)), nil, 0o600))
	}
	_, err := pipe.Exec(t.Context())
	require.NoError(t, err)
	record := func(store session.Store, identity string) error {
		return store.RecordOwner(t.Context(), session.Ownership{Caller: "alice", Identity: identity})
	}
	for _, store := range []session.Store{s, &session.Memory{Files: &session.OwnerFiles{Dir: dir}}} {
		require.NoError(t, record(store, "last"))
		require.ErrorIs(t, record(store, "one more"), session.ErrTooManyOwners)
		require.NoError(t, record(store, "last"), "it is recorded already")
		require.NoError(t, store.ForgetIdentity(t.Context(), "last"))
		assert.NoError(t, record(store, "one more"))
	}
}
