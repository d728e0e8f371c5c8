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

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// world is a machine with servers that come and go, a Ravi, and others who use
// the same account.
type world struct {
	t         testing.TB
	ravi      *sandboxtest.Instance
	dir       string
	plain     bool // this Ravi gives no address that it is asked for
	processes []*process
	lasting   map[string]string    // identities that are no lease, by uuid
	open      map[string]time.Time // names whose last ephemeral creation may not be known
	leases    []*leasedIdentity    // those whose creation was answered
	others    int
	shared    *shared // what replicas share; nil: nothing is
	late      []lateUse
	seen      func(*process, *http.Request) // looks at what processes send to Ravi; nil: nobody does
}

// lateUse is a use during an outage of what is shared. It counts if its process
// lives to tell of it.
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

const worldTTL = 20 * time.Minute

// Names are few, so that they meet.
var leaseNames = rapid.SampledFrom([]string{"a", "b", "c"})

func (w *world) identities() map[string]string {
	all := map[string]string{}
	for _, i := range w.ravi.Server.Identities() {
		all[i.UUID] = i.Name
	}
	return all
}

// named returns the identities of a name.
func (w *world) named(name string) []string {
	uuids := []string{}
	for _, i := range w.ravi.Server.Identities() {
		if i.Name == name {
			uuids = append(uuids, i.UUID)
		}
	}
	return uuids
}

func (w *world) start(shared bool) *process {
	p := newProcess(w.t, w.ravi, w.dir, shared)
	p.wire.plain = w.plain
	if w.seen != nil {
		p.wire.seen = func(r *http.Request) { w.seen(p, r) }
	}
	if w.shared != nil && (shared || w.plain) { // by name alone nobody can tell theirs from those of servers that share nothing
		w.shared.join(p)
	}
	p.Start()
	w.processes = append(w.processes, p)
	return p
}

// gone takes note that a process does not run any more. What it leased goes
// with it, unless it is kept through a restart.
func (w *world) gone(p *process) {
	w.processes = slices.DeleteFunc(w.processes, func(other *process) bool { return other == p })
	w.leases = slices.DeleteFunc(w.leases, func(l *leasedIdentity) bool { return l.by == p && !l.shared })
}

// by returns a process through which a lease can be used; nil if there is none.
func (w *world) by(l *leasedIdentity) *process {
	for _, p := range w.processes {
		if p == l.by || l.by.Registry != nil && p.Registry != nil {
			return p
		}
	}
	return nil
}

// through picks one of them.
func (w *world) through(t *rapid.T, l *leasedIdentity) *process {
	all := slices.DeleteFunc(slices.Clone(w.processes), func(p *process) bool { return p != l.by && (l.by.Registry == nil || p.Registry == nil) })
	return all[rapid.IntRange(0, len(all)-1).Draw(t, "through")]
}

// used takes note of a use that went well.
func (w *world) used(l *leasedIdentity, p *process) {
	if p.Registry != nil && w.shared.down.Load() {
		w.late = append(w.late, lateUse{l, p, time.Now()})
		return
	}
	l.used = time.Now()
}

// outage begins or ends one of what is shared.
func (w *world) outage(down bool) {
	if w.shared == nil || !w.shared.down.CompareAndSwap(!down, down) || down {
		return
	}
	time.Sleep(29 * time.Second) // before that everybody has told
	w.bury()
	for _, u := range w.late {
		if slices.Contains(w.processes, u.by) && u.at.After(u.used) {
			u.used = u.at
		}
	}
	w.late = nil
}

// bury takes note of processes that were killed meanwhile.
func (w *world) bury() {
	synctest.Wait()
	for _, p := range slices.Clone(w.processes) {
		if p.life.over() {
			w.gone(p)
		}
	}
}

func (w *world) pick(t *rapid.T) *process {
	if len(w.processes) == 0 {
		return w.start(rapid.Bool().Draw(t, "shared"))
	}
	return w.processes[rapid.IntRange(0, len(w.processes)-1).Draw(t, "process")]
}

// create does what create_identity does, and returns the new identity if the
// caller was told of one.
func (w *world) create(p *process, name string, between func()) (string, error) {
	client, err := p.Account.Client()
	require.NoError(w.t, err)
	if err := p.Claim(client, name); err != nil {
		return "", err
	}
	intent, err := p.Begin(client, "local", name, worldTTL, w.named(name))
	if err != nil {
		return "", err
	}
	between()
	made, err := client.CreateIdentity(w.t.Context(), ravi.NewIdentity{Name: name, Email: intent.Address(), Known: w.named(name)})
	if err != nil {
		intent.Failed(err)
		return "", err
	}
	intent.Created(*made)
	if p.life.over() {
		return "", errDead
	}
	w.leases = append(w.leases, &leasedIdentity{uuid: made.UUID, by: p, shared: p.Persistent, used: time.Now()})
	return made.UUID, nil
}

// elsewhere lets somebody else create an identity.
func (w *world) elsewhere(name string) {
	// Where only names tell, one made elsewhere within the time of an unanswered
	// creation cannot be told from it.
	if at, open := w.open[name]; w.plain && open && time.Since(at) < 2*time.Minute {
		w.others++
		name = fmt.Sprint("elsewhere-", w.others)
	}
	made, err := w.ravi.Server.CreateIdentity(w.ravi.Account.Email, sandbox.NewIdentity{Name: name})
	require.NoError(w.t, err)
	w.lasting[made.UUID] = name
}

// check looks whether anything is gone that must not be.
func (w *world) check(t *rapid.T) {
	w.bury()
	all := w.identities()
	for uuid, name := range w.lasting {
		require.Contains(t, all, uuid, "%s is no lease", name)
	}
	for _, l := range w.leases {
		if time.Since(l.used) < worldTTL {
			require.Contains(t, all, l.uuid, "it was used, and nothing has ended it")
		}
	}
}

// mend gives a process, and Ravi, back what was broken.
func (w *world) mend(p *process) {
	p.wire.mute.Store(false)
	p.wire.slow.Store(0)
	p.wire.down.Store(false)
}
