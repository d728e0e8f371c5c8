package lease_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/ravi"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
	"ravi-mcp/session/lease"
)

// owning is a process that records who created which identity beside its journals.
func owning(t require.TestingT, ravis *sandboxtest.Instance, dir string) *process {
	p := newProcess(t, ravis, dir, true)
	p.Store = &session.Memory{Files: &session.OwnerFiles{Dir: filepath.Join(filepath.Dir(dir), "owners")}}
	return p
}

// owned creates an identity at Ravi that its caller is to own.
func (p *process) owned(t testing.TB, caller, name string) (*lease.Intent, *ravi.Identity) {
	t.Helper()
	client := p.client(t)
	intent, err := p.BeginOwned(client, caller, name, nil)
	require.NoError(t, err)
	made, err := client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: name, Email: intent.Address()})
	require.NoError(t, err)
	return intent, made
}

func (p *process) recordOwner(t testing.TB, caller, uuid string) {
	t.Helper()
	require.NoError(t, p.Store.RecordOwner(t.Context(), session.Ownership{Caller: caller, Identity: uuid}))
}

// A process is killed after it has created an identity for a caller that may use what it created:
// before the record of that, the identity would exist for no caller, and is deleted; after it, the
// identity stays.
func TestKillBeforeTheOwnerIsRecorded(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		first := owning(t, ravis, dir)
		intent, kept := first.owned(t, "bob", "kept")
		first.recordOwner(t, "bob", kept.UUID)
		intent.Kept(*kept)
		assert.Empty(t, files(t, dir))
		first.owned(t, "alice", "unrecorded")
		_, made := first.owned(t, "alice", "recorded")
		first.recordOwner(t, "alice", made.UUID)
		first.Kill()

		next := owning(t, ravis, dir)
		next.Start()
		wait(5 * time.Minute)
		assert.Equal(t, []string{"other", "kept", "recorded"}, names(ravis))
		owners, err := next.Store.Owners(t.Context(), "alice", []string{made.UUID, kept.UUID})
		require.NoError(t, err)
		assert.Equal(t, []session.Owner{session.OwnerSelf, session.OwnerOther}, owners)
		assert.Empty(t, files(t, dir))
		next.End(t.Context())
		assert.Equal(t, []string{"other", "kept", "recorded"}, names(ravis))
	})
}

// The same with replicas: any that lives deletes it.
func TestKilledReplicaLeavesNothingUnowned(t *testing.T) {
	replicated(t, func(t *testing.T, w *simulation, a, b *process, _ func() int) {
		store := &session.Memory{}
		a.Store, b.Store = store, store
		a.owned(t, "alice", "unrecorded")
		_, made := a.owned(t, "alice", "recorded")
		a.recordOwner(t, "alice", made.UUID)
		a.Kill()
		wait(5 * time.Minute)
		assert.Equal(t, []string{"kept", "recorded"}, names(w.ravi))
	})
}

// What cannot be recorded is deleted as soon as Ravi allows it.
func TestUnrecordedIdentityIsDeletedAtOnce(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		p := owning(t, ravis, dir)
		p.Start()
		intent, made := p.owned(t, "alice", "task")
		p.recordOwner(t, "alice", made.UUID) // it is there, although an error said that it is not
		intent.Unrecorded(*made)
		wait(time.Second)
		assert.Equal(t, []string{"other"}, names(ravis))
		owners, err := p.Store.Owners(t.Context(), "alice", []string{made.UUID})
		require.NoError(t, err)
		assert.Equal(t, session.OwnerUnknown, owners[0])
		p.End(t.Context())
		assert.Empty(t, files(t, dir))
	})
}

// Where Ravi takes no addresses, a name tells nothing: the log says what may be left over.
func TestUnownedIdentityIsNotTakenByName(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		first := owning(t, ravis, dir)
		first.wire.noAddresses = true
		first.owned(t, "alice", "task")
		first.Kill()
		var log harness.Output
		next := owning(t, ravis, dir)
		next.Log = zerolog.New(&log)
		next.Start()
		wait(5 * time.Minute)
		next.End(t.Context())
		assert.Equal(t, []string{"other", "task"}, names(ravis))
		assert.Contains(t, log.String(), `"name":"task","caller":"alice"`)
		assert.Contains(t, log.String(), "its owner is not known")
	})
}

// An ephemeral identity whose creation was not answered is looked for by its name, and a caller
// that may use what it created is not asked to wait with that name. What it has got is never taken,
// at whatever moment it was created and recorded.
func TestOwnedIdentityIsNotTakenForAnother(t *testing.T) {
	for created := time.Duration(0); created <= 95*time.Second; created += 5 * time.Second {
		for caller, takes := range map[string]time.Duration{"bob": 0, "alice": 10 * time.Second, "local": 0} { // local is p's own
			leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
				p, other := owning(t, ravis, dir), owning(t, ravis, dir)
				p.wire.noAddresses, other.wire.noAddresses = true, true
				p.Start()
				other.Start()
				p.wire.down.Store(true)
				_, err := p.create(t.Context(), "task", time.Minute)
				require.Error(t, err)
				p.wire.down.Store(false)

				time.Sleep(created)
				intent, made := other.owned(t, caller, "task")
				time.Sleep(takes)
				other.recordOwner(t, caller, made.UUID)
				intent.Kept(*made)
				wait(20 * time.Minute)
				assert.Equal(t, []string{"other", "task"}, names(ravis), "created after %s, recorded after %s more", created, takes)
				p.End(t.Context())
				other.End(t.Context())
				assert.Empty(t, files(t, dir))
			})
		}
	}
}

// A lease never deletes what another caller is recorded to own.
func TestLeaseSparesWhatAnotherOwns(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		p := owning(t, ravis, dir)
		p.Start()
		uuid := p.mustCreate(t, "task", time.Minute)
		p.recordOwner(t, "bob", uuid)
		wait(time.Hour)
		p.End(t.Context())
		assert.Equal(t, []string{"other", "task"}, names(ravis))
	})
}

// Creations that are told by their address alone keep no other caller from using the name.
func TestOwnedCreationKeepsItsNameFree(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		p, next := owning(t, ravis, dir), owning(t, ravis, dir)
		p.owned(t, "alice", "task")
		require.NoError(t, p.Claim(p.client(t), "task"))
		require.NoError(t, next.Claim(next.client(t), "task"))
		p.End(t.Context())
		next.End(t.Context())
	})
	replicated(t, func(t *testing.T, _ *simulation, a, b *process, _ func() int) {
		a.owned(t, "alice", "task")
		require.NoError(t, a.Claim(a.client(t), "task"))
		require.NoError(t, b.Claim(b.client(t), "task"))
	})
}
