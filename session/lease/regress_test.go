package lease_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session/lease"
)

// A killed HTTP server's leases end at different times. While a stdio server deals with the first,
// it must not lose sight of the second (found by TestLeasesInRandomOrder).
func TestLeasesOfOneJournalEndOneByOne(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		first := newProcess(t, ravis, dir, true)
		first.mustCreate(t, "early", 20*time.Minute)
		time.Sleep(7 * time.Minute)
		first.wire.loseAnswers.Store(true)
		_, err := first.create(t.Context(), "unanswered", 20*time.Minute)
		require.Error(t, err)
		first.Kill()
		last := newProcess(t, ravis, dir, false)
		last.Start()
		wait(15 * time.Minute)
		assert.Equal(t, []string{"other", "unanswered"}, names(ravis))
		wait(6 * time.Minute)
		assert.Equal(t, []string{"other"}, names(ravis))
		last.End(t.Context())
		assert.Empty(t, files(t, dir))
	})
}

// While a stdio server deletes what is due of a killed HTTP server, that one starts again and goes
// on renewing the others.
func TestRestartedServerKeepsLeasesInUse(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		first := newProcess(t, ravis, dir, true)
		first.mustCreate(t, "due", 10*time.Minute)
		used := first.mustCreate(t, "used", 12*time.Minute)
		first.Kill()
		time.Sleep(11*time.Minute + 30*time.Second)
		beside := newProcess(t, ravis, dir, false)
		ravis.Server.Faults().Add(sandbox.Fault{Method: "DELETE", Delay: 40 * time.Second, Status: 503, Count: 2})
		beside.Start()
		synctest.Wait() // it holds the journal now
		again := newProcess(t, ravis, dir, true)
		again.Start()
		synctest.Wait()
		again.Used("local", used)
		wait(11 * time.Minute)
		assert.Equal(t, []string{"other", "used"}, names(ravis))
		wait(5 * time.Minute)
		assert.Equal(t, []string{"other"}, names(ravis))
		again.End(t.Context())
		beside.End(t.Context())
		assert.Empty(t, files(t, dir))
	})
}

// A server that lives takes over from one that was killed beside it.
func TestRunningServerReapsAKilledOne(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		living, killed := newProcess(t, ravis, dir, false), newProcess(t, ravis, dir, false)
		living.Start()
		killed.Start()
		living.mustCreate(t, "living", time.Hour)
		killed.mustCreate(t, "killed", time.Hour)
		killed.Kill()
		wait(2*time.Minute + time.Second)
		assert.Equal(t, []string{"other", "living"}, names(ravis))
		living.End(t.Context())
		assert.Equal(t, []string{"other"}, names(ravis))
		assert.Empty(t, files(t, dir))
	})
}

// Ravi is still at a creation whose sender was killed: no other server makes one of that name
// meanwhile, and when it comes about it is found.
func TestLateCreationIsFound(t *testing.T) {
	for _, killed := range []bool{true, false} {
		leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
			p, next := newProcess(t, ravis, dir, false), newProcess(t, ravis, dir, false)
			p.Start()
			next.Start()
			p.wire.delay.Store(int64(30 * time.Second))
			_, err := p.create(t.Context(), "task", 10*time.Minute)
			require.Error(t, err)
			p.wire.delay.Store(0)
			if killed {
				p.Kill()
			} else {
				_, err = p.create(t.Context(), "task", 10*time.Minute)
				require.ErrorIs(t, err, lease.ErrNameInFlight)
			}
			_, err = next.create(t.Context(), "task", 10*time.Minute)
			require.ErrorIs(t, err, lease.ErrNameInFlight)
			time.Sleep(31 * time.Second)
			assert.Equal(t, []string{"other", "task"}, names(ravis))
			wait(13 * time.Minute)
			assert.Equal(t, []string{"other"}, names(ravis))
			p.End(t.Context())
			next.End(t.Context())
			assert.Empty(t, files(t, dir))
		})
	}
}

// A creation of which the first answer was lost and the second is a refusal may have come about by
// the first.
func TestRefusalAfterALostAnswerKeepsTheLease(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		p := newProcess(t, ravis, dir, false)
		p.Start()
		creations := sandbox.Fault{Method: "POST", Endpoint: "/api/identities/"}
		lost, refused := creations, creations
		lost.Delay, lost.Perform, lost.Status = 0, true, 502
		refused.Status = 402
		ravis.Server.Faults().Add(lost, refused,
			sandbox.Fault{Method: "GET", Endpoint: "/api/identities/", Body: "[]", Status: 200, Count: 2})
		_, err := p.create(t.Context(), "task", 10*time.Minute)
		require.Error(t, err)
		assert.Equal(t, []string{"other", "task"}, names(ravis))
		wait(15 * time.Minute)
		assert.Equal(t, []string{"other"}, names(ravis))
		p.End(t.Context())
	})
}

// At the end of a server an unanswered creation is looked for at once.
func TestUnansweredCreationIsSettledAtEnd(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		p := newProcess(t, ravis, dir, false)
		ravis.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Perform: true, Status: 500})
		_, err := p.create(t.Context(), "task", time.Hour)
		require.Error(t, err)
		assert.Equal(t, []string{"other", "task"}, names(ravis))
		p.End(t.Context())
		assert.Equal(t, []string{"other"}, names(ravis))
		assert.Empty(t, files(t, dir))
	})
}

func TestAddressesAreValidAndUnique(t *testing.T) {
	for _, name := range []string{"a", "Worker 42", "ünï—çødé", "x--y..z", "a-very-long-name-that-goes-on-and-on", "日本", "agent-staging-github-1"} {
		address := lease.NewAddress(name)
		assert.Regexp(t, `^[a-z0-9]([a-z0-9]|-[a-z0-9]){2,29}$`, address, name)
		assert.LessOrEqual(t, len(address), 30)
		assert.NotEqual(t, address, lease.NewAddress(name))
	}
	found, err := filepath.Match("worker-42-?????????", lease.NewAddress("Worker 42"))
	require.NoError(t, err)
	assert.True(t, found)
}
