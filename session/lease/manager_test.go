package lease_test

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session/lease"
)

func names(ravis *sandboxtest.Instance) []string {
	all := []string{}
	for _, i := range ravis.Server.Identities() {
		all = append(all, i.Name)
	}
	return all
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func leased(t *testing.T, test func(t *testing.T, ravis *sandboxtest.Instance, dir string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ravis := sandboxtest.Memory(t, sandbox.Config{TokenLife: 1000 * 24 * time.Hour})
		ravis.CreateIdentity(t, sandbox.NewIdentity{Name: "other"})
		test(t, ravis, filepath.Join(t.TempDir(), "state", "leases"))
	})
}

func TestUnusedLeaseEnds(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		p := newProcess(t, ravis, dir, true)
		p.Start()
		defer p.End(t.Context())
		uuid := p.mustCreate(t, "task", time.Hour)
		for range 5 {
			time.Sleep(50 * time.Minute)
			p.Used("local", uuid)
		}
		assert.Equal(t, []string{"other", "task"}, names(ravis), "use renews it")
		time.Sleep(30 * time.Minute)
		p.Used("another", uuid)
		wait(29 * time.Minute)
		assert.Equal(t, []string{"other", "task"}, names(ravis))
		wait(2 * time.Minute)
		assert.Equal(t, []string{"other"}, names(ravis))
		assert.Empty(t, files(t, dir), "nothing is left to note")
	})
}

// The note is on the disk when the creation arrives at Ravi.
func TestIntentIsNotedBeforeTheCreationIsSent(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		p := newProcess(t, ravis, dir, false)
		var noted []string
		p.wire.observe = func(r *http.Request) {
			if r.Method != http.MethodPost {
				return
			}
			for _, name := range files(t, dir) {
				if strings.HasSuffix(name, ".jsonl") {
					data, err := os.ReadFile(filepath.Join(dir, name))
					require.NoError(t, err)
					noted, _ = lease.ParsedJournal(data)
					assert.NotContains(t, string(data), ravis.Account.AccessToken)
				}
				info, err := os.Stat(filepath.Join(dir, name))
				require.NoError(t, err)
				assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), name)
			}
		}
		p.mustCreate(t, "task", time.Hour)
		assert.Equal(t, []string{"task"}, noted)
		info, err := os.Stat(dir)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
		p.End(t.Context())
		assert.Equal(t, []string{"other"}, names(ravis))
		assert.Empty(t, files(t, dir))
		_, err = p.create(t.Context(), "late", time.Hour)
		assert.ErrorIs(t, err, lease.ErrEnded)
	})
}

func TestKilledProcessIsReapedByTheNextOnly(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		first, second := newProcess(t, ravis, dir, false), newProcess(t, ravis, dir, false)
		first.mustCreate(t, "task", time.Hour)
		second.Start()
		synctest.Wait()
		assert.Equal(t, []string{"other", "task"}, names(ravis), "the first one lives")

		first.Kill()
		third := newProcess(t, ravis, dir, false)
		ravis.Server.Faults().Add(sandbox.Fault{Method: "DELETE", Status: 503, Count: -1})
		third.Start()
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"other", "task"}, names(ravis), "Ravi is down")
		ravis.Server.Faults().Clear()
		wait(10 * time.Minute)
		assert.Equal(t, []string{"other"}, names(ravis))
		second.End(t.Context())
		third.End(t.Context())
		assert.Empty(t, files(t, dir))
	})
}

func TestLeasesOfOtherCredentialsAreLeftAlone(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		first := newProcess(t, ravis, dir, false)
		first.Credential = func(*ravi.Client) string { return "another" }
		first.mustCreate(t, "theirs", time.Hour)
		first.Kill()
		second := newProcess(t, ravis, dir, false)
		second.Start()
		time.Sleep(3 * time.Hour)
		second.End(t.Context())
		assert.Equal(t, []string{"other", "theirs"}, names(ravis))
		third := newProcess(t, ravis, dir, false)
		third.Credential = first.Credential
		third.Sweep(t.Context())
		third.End(t.Context())
		assert.Equal(t, []string{"other"}, names(ravis))
		assert.Empty(t, files(t, dir))
	})
}

// A creation whose answer never came is found by its name, if that is certain.
func TestUnansweredCreationIsLookedFor(t *testing.T) {
	lose := func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		p := newProcess(t, ravis, dir, false)
		p.wire.loseAnswers.Store(true)
		_, err := p.create(t.Context(), "task", time.Hour)
		require.Error(t, err)
		p.Kill()
	}
	reap := func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		next := newProcess(t, ravis, dir, false)
		next.Start()
		wait(time.Minute + 20*time.Second)
		assert.Contains(t, names(ravis), "task", "it is not certain yet")
		time.Sleep(time.Minute)
		next.End(t.Context())
		assert.Empty(t, files(t, dir))
	}
	t.Run("it is the only one", func(t *testing.T) {
		leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
			lose(t, ravis, dir)
			reap(t, ravis, dir)
			assert.Equal(t, []string{"other"}, names(ravis))
		})
	})
	t.Run("another was made elsewhere", func(t *testing.T) {
		leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
			lose(t, ravis, dir)
			ravis.CreateIdentity(t, sandbox.NewIdentity{Name: "task"})
			reap(t, ravis, dir)
			assert.Equal(t, []string{"other", "task"}, names(ravis), "that one has another address")
		})
	})
	t.Run("only one made elsewhere exists", func(t *testing.T) {
		leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
			p := newProcess(t, ravis, dir, false)
			_, err := p.create(t.Context(), "first", time.Hour)
			require.NoError(t, err, "it shows that this Ravi takes addresses")
			p.wire.down.Store(true)
			_, err = p.create(t.Context(), "task", time.Hour)
			require.Error(t, err)
			p.wire.down.Store(false)
			ravis.CreateIdentity(t, sandbox.NewIdentity{Name: "task"})
			time.Sleep(3 * time.Hour)
			p.End(t.Context())
			assert.Equal(t, []string{"other", "task"}, names(ravis))
			assert.Empty(t, files(t, dir))
		})
	})
	t.Run("older and younger ones are not it", func(t *testing.T) {
		leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
			ravis.CreateIdentity(t, sandbox.NewIdentity{Name: "task"})
			time.Sleep(time.Minute)
			lose(t, ravis, dir)
			time.Sleep(3 * time.Minute)
			ravis.CreateIdentity(t, sandbox.NewIdentity{Name: "task"})
			reap(t, ravis, dir)
			assert.Equal(t, []string{"other", "task", "task"}, names(ravis), "the middle one is gone")
		})
	})
	t.Run("another lease's is not it", func(t *testing.T) {
		leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
			p := newProcess(t, ravis, dir, false)
			client := p.client(t)
			_, err := p.Begin(client, "local", "task", time.Hour, nil)
			require.NoError(t, err)
			second := newProcess(t, ravis, dir, true)
			_, err = second.create(t.Context(), "task", 10*time.Hour)
			require.ErrorIs(t, err, lease.ErrNameInFlight, "the first one lives, and may be at it")
			p.Kill()
			_, err = second.create(t.Context(), "task", 10*time.Hour)
			require.ErrorIs(t, err, lease.ErrNameInFlight, "Ravi may still be at it")
			time.Sleep(time.Minute + 35*time.Second)
			second.mustCreate(t, "task", 10*time.Hour)
			reap(t, ravis, dir+"/none")
			third := newProcess(t, ravis, dir, false)
			third.Sweep(t.Context())
			third.End(t.Context())
			assert.Equal(t, []string{"other", "task"}, names(ravis))
			second.End(t.Context())
		})
	})
}

func TestRefusedCreationLeavesNoLease(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		p := newProcess(t, ravis, dir, false)
		ravis.Server.Faults().Add(sandbox.Fault{Method: "POST", Status: 402, Count: 1})
		_, err := p.create(t.Context(), "task", time.Hour)
		require.ErrorIs(t, err, ravi.ErrSubscriptionRequired)
		ravis.CreateIdentity(t, sandbox.NewIdentity{Name: "task"})
		time.Sleep(time.Hour)
		p.Sweep(t.Context())
		p.End(t.Context())
		assert.Equal(t, []string{"other", "task"}, names(ravis))
		assert.Empty(t, files(t, dir))
	})
}

// Leases of an HTTP server live through its restart, and through a stdio server that starts
// meanwhile.
func TestPersistentLeasesSurviveARestart(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		first := newProcess(t, ravis, dir, true)
		uuid := first.mustCreate(t, "task", time.Hour)
		first.End(t.Context())
		beside := newProcess(t, ravis, dir, false)
		beside.Start()
		time.Sleep(50 * time.Minute)
		second := newProcess(t, ravis, dir, true)
		second.Start()
		synctest.Wait()
		second.Used("local", uuid)
		wait(50 * time.Minute)
		assert.Equal(t, []string{"other", "task"}, names(ravis))
		second.Kill()
		time.Sleep(2 * time.Hour)
		last := newProcess(t, ravis, dir, false)
		last.Sweep(t.Context())
		assert.Equal(t, []string{"other"}, names(ravis))
		last.End(t.Context())
		beside.End(t.Context())
	})
}
