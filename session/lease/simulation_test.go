package lease_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// simulation is a machine with servers that come and go, a Ravi, and others who use the same
// account.
type simulation struct {
	t           testing.TB
	ravi        *sandboxtest.Instance
	dir         string
	noAddresses bool // this Ravi gives no address that it is asked for
	processes   []*process
	permanent   map[string]string    // identities that are no lease, by uuid
	open        map[string]time.Time // names whose last ephemeral creation may not be known
	leases      []*leasedIdentity    // those whose creation was answered
	others      int
	shared      *shared // what replicas share; nil: nothing is
	late        []lateUse
	observe     func(*process, *http.Request) // looks at what processes send to Ravi
}

// lateUse is a use during an outage of what is shared. It counts if its process lives to report it.
type lateUse struct {
	*leasedIdentity
	by *process
	at time.Time
}

// leasedIdentity is an ephemeral identity as its user sees it.
type leasedIdentity struct {
	uuid   string
	by     *process
	shared bool
	used   time.Time
}

const simulationTTL = 20 * time.Minute

// Names are few, so that they meet.
var leaseNames = rapid.SampledFrom([]string{"a", "b", "c"})

func (w *simulation) identities() map[string]string {
	all := map[string]string{}
	for _, i := range w.ravi.Server.Identities() {
		all[i.UUID] = i.Name
	}
	return all
}

// named returns the identities of a name.
func (w *simulation) named(name string) []string {
	uuids := []string{}
	for _, i := range w.ravi.Server.Identities() {
		if i.Name == name {
			uuids = append(uuids, i.UUID)
		}
	}
	return uuids
}

func (w *simulation) start(shared bool) *process {
	p := newProcess(w.t, w.ravi, w.dir, shared)
	p.wire.noAddresses = w.noAddresses
	if w.observe != nil {
		p.wire.observe = func(r *http.Request) { w.observe(p, r) }
	}
	if w.shared != nil && (shared || w.noAddresses) { // by name alone theirs do not differ from those of servers that share nothing
		w.shared.join(p)
	}
	p.Start()
	w.processes = append(w.processes, p)
	return p
}

// drop takes note that a process does not run any more. What it leased goes with it, unless it is
// kept through a restart.
func (w *simulation) drop(p *process) {
	w.processes = slices.DeleteFunc(w.processes, func(other *process) bool { return other == p })
	w.leases = slices.DeleteFunc(w.leases, func(l *leasedIdentity) bool { return l.by == p && !l.shared })
}

// by returns a process through which a lease can be used; nil if there is none.
func (w *simulation) by(l *leasedIdentity) *process {
	for _, p := range w.processes {
		if p == l.by || l.by.Registry != nil && p.Registry != nil {
			return p
		}
	}
	return nil
}

// through picks one of them.
func (w *simulation) through(t *rapid.T, l *leasedIdentity) *process {
	all := slices.DeleteFunc(slices.Clone(w.processes), func(p *process) bool { return p != l.by && (l.by.Registry == nil || p.Registry == nil) })
	return all[rapid.IntRange(0, len(all)-1).Draw(t, "through")]
}

// used takes note of a use that went well.
func (w *simulation) used(l *leasedIdentity, p *process) {
	if p.Registry != nil && w.shared.down.Load() {
		w.late = append(w.late, lateUse{l, p, time.Now()})
		return
	}
	l.used = time.Now()
}

// outage begins or ends one of what is shared.
func (w *simulation) outage(down bool) {
	if w.shared == nil || !w.shared.down.CompareAndSwap(!down, down) || down {
		return
	}
	time.Sleep(29 * time.Second) // before that all have reported
	w.noteKilled()
	for _, u := range w.late {
		if slices.Contains(w.processes, u.by) && u.at.After(u.used) {
			u.used = u.at
		}
	}
	w.late = nil
}

// noteKilled takes note of processes that were killed meanwhile.
func (w *simulation) noteKilled() {
	synctest.Wait()
	for _, p := range slices.Clone(w.processes) {
		if p.life.dead() {
			w.drop(p)
		}
	}
}

func (w *simulation) pick(t *rapid.T) *process {
	if len(w.processes) == 0 {
		return w.start(rapid.Bool().Draw(t, "shared"))
	}
	return w.processes[rapid.IntRange(0, len(w.processes)-1).Draw(t, "process")]
}

// create does what create_identity does, and returns the new identity if the caller got one.
func (w *simulation) create(p *process, name string, between func()) (string, error) {
	uuid, err := creation{
		caller: "local", name: name, ttl: simulationTTL, between: between,
		known: func() []string { return w.named(name) },
	}.run(w.t.Context(), p.Manager, p.client(w.t))
	if err == nil && p.life.dead() {
		err = errDead
	}
	if err != nil {
		return "", err
	}
	w.leases = append(w.leases, &leasedIdentity{uuid: uuid, by: p, shared: p.Persistent, used: time.Now()})
	return uuid, nil
}

// createElsewhere creates an identity without a server.
func (w *simulation) createElsewhere(name string) {
	// Where only names distinguish, one made elsewhere within the time of an unanswered creation
	// looks like it.
	if at, open := w.open[name]; w.noAddresses && open && time.Since(at) < 2*time.Minute {
		w.others++
		name = fmt.Sprint("elsewhere-", w.others)
	}
	made, err := w.ravi.Server.CreateIdentity(w.ravi.Account.Email, sandbox.NewIdentity{Name: name})
	require.NoError(w.t, err)
	w.permanent[made.UUID] = name
}

// check looks whether anything is gone that must not be.
func (w *simulation) check(t *rapid.T) {
	w.noteKilled()
	all := w.identities()
	for uuid, name := range w.permanent {
		require.Contains(t, all, uuid, "%s is no lease", name)
	}
	for _, l := range w.leases {
		if time.Since(l.used) < simulationTTL {
			require.Contains(t, all, l.uuid, "it was used, and nothing has ended it")
		}
	}
}

// repair gives a process, and Ravi, back what was broken.
func (w *simulation) repair(p *process) {
	p.wire.loseAnswers.Store(false)
	p.wire.delay.Store(0)
	p.wire.down.Store(false)
}
