package lease_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session/lease"
)

// ephemeral creates a leased identity, with whatever goes wrong.
func (w *simulation) ephemeral(t *rapid.T) {
	p, name := w.pick(t), leaseNames.Draw(t, "name")
	if p.wire.down.Load() || len(w.named(name)) > 0 {
		return // the tool refuses
	}
	fates := []string{"fine", "fine", "fine", "lost", "lost once", "unsent", "refused", "broken", "done and broken", "killed"}
	if !w.noAddresses {
		fates = append(fates, "slow", "slow and cut off", "with a twin", "lost with a twin")
	}
	fate := rapid.SampledFrom(fates).Draw(t, "fate")
	steps := rapid.IntRange(0, 12).Draw(t, "steps")
	w.open[name] = time.Now()
	faults := w.ravi.Server.Faults()
	fault := sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Count: 1}
	between := func() {}
	switch fate {
	case "killed":
		p.life.killAfter(steps)
	case "lost":
		p.wire.loseAnswers.Store(true)
	case "unsent":
		between = func() { p.wire.down.Store(true) }
	case "slow":
		p.wire.delay.Store(int64(time.Duration(steps+1) * 2 * time.Second))
	case "slow and cut off":
		p.wire.delay.Store(int64(time.Duration(steps+1) * 4 * time.Second))
		defer time.AfterFunc(50*time.Millisecond, func() { p.wire.down.Store(true) }).Stop()
	case "with a twin", "lost with a twin":
		p.wire.loseAnswers.Store(fate == "lost with a twin")
		between = func() { w.createElsewhere(name) }
	case "lost once":
		fault.Perform, fault.Cut = true, true
	case "refused":
		fault.Status = 402
	case "broken":
		fault.Status = 500
	case "done and broken":
		fault.Perform, fault.Status = true, 500
	}
	if fault.Status != 0 || fault.Cut {
		faults.Add(fault)
	}
	before := len(w.named(name))
	_, err := w.create(p, name, between)
	switch {
	case p.Registry != nil && w.shared.down.Load():
		require.Error(t, err)
		require.Len(t, w.named(name), before, "nothing is created without a note")
	case fate == "fine" && err != nil && !p.life.dead():
		require.ErrorIs(t, err, lease.ErrNameInFlight)
	}
	synctest.Wait()
	faults.Clear()
	p.wire.delay.Store(0)
	p.wire.loseAnswers.Store(false)
	w.noteKilled()
}

// forGood creates an identity that is no lease: through a server, or elsewhere.
func (w *simulation) forGood(t *rapid.T) {
	name := leaseNames.Draw(t, "name")
	if !rapid.Bool().Draw(t, "elsewhere") {
		p := w.pick(t)
		if len(w.named(name)) > 0 || p.Claim(p.client(t), name) != nil {
			return
		}
	}
	w.createElsewhere(name)
}

// living picks a lease whose server lives.
func (w *simulation) living(t *rapid.T) *leasedIdentity {
	all := slices.DeleteFunc(slices.Clone(w.leases), func(l *leasedIdentity) bool {
		return w.by(l) == nil || time.Since(l.used) >= simulationTTL
	})
	if len(all) == 0 {
		return nil
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(t, "lease")]
}

// remove is delete_identity.
func (w *simulation) remove(t *rapid.T) {
	l := w.living(t)
	if l == nil {
		return
	}
	p := w.through(t, l)
	if rapid.Bool().Draw(t, "killed") {
		p.life.killAfter(rapid.IntRange(0, 5).Draw(t, "steps"))
	}
	w.leases = slices.DeleteFunc(w.leases, func(other *leasedIdentity) bool { return other == l })
	if p.client(t).DeleteIdentity(w.t.Context(), l.uuid) == nil {
		p.Forget(l.uuid)
	}
	w.noteKilled()
}

// use renews a lease, now and then so often that its journal is written anew.
func (w *simulation) use(t *rapid.T) {
	l := w.living(t)
	if l == nil {
		return
	}
	p := w.through(t, l)
	if rapid.IntRange(0, 3).Draw(t, "killed") == 0 {
		p.life.killAfter(rapid.IntRange(0, 20).Draw(t, "steps"))
	}
	for range rapid.SampledFrom([]int{1, 1, 12}).Draw(t, "times") {
		if p.life.dead() || time.Since(l.used) >= simulationTTL {
			break
		}
		p.Used("local", l.uuid)
		if !p.life.dead() {
			w.used(l, p)
			time.Sleep(61 * time.Second)
		}
	}
	w.noteKilled()
}

// end ends a server, in whatever way.
func (w *simulation) end(t *rapid.T, p *process) {
	switch rapid.IntRange(0, 3).Draw(t, "end") {
	case 0:
		p.Kill()
	case 1: // killed while it ends
		p.life.killAfter(rapid.IntRange(0, 15).Draw(t, "steps"))
		fallthrough
	default:
		w.drop(p) // from here on it deletes
		p.End(w.t.Context())
	}
	synctest.Wait()
	if !p.life.dead() {
		p.life.killAfter(0)
	}
	w.drop(p)
}

func (w *simulation) steps() map[string]func(*rapid.T) {
	down := sandbox.Fault{Method: "DELETE", Status: 503, Count: -1}
	return map[string]func(*rapid.T){
		"start": func(t *rapid.T) {
			if len(w.processes) < 4 {
				w.start(rapid.Bool().Draw(t, "shared"))
			}
		},
		"ephemeral":  w.ephemeral,
		"ephemeral2": w.ephemeral,
		"for good":   w.forGood,
		"remove":     w.remove,
		"use":        w.use,
		"end":        func(t *rapid.T) { w.end(t, w.pick(t)) },
		"kill":       func(t *rapid.T) { w.pick(t).life.killAfter(rapid.IntRange(0, 9).Draw(t, "steps")) },
		"cut off":    func(t *rapid.T) { w.pick(t).wire.down.Store(true) },
		"repair":     func(t *rapid.T) { w.repair(w.pick(t)) },
		"no deletions": func(*rapid.T) {
			w.ravi.Server.Faults().Clear()
			w.ravi.Server.Faults().Add(down)
		},
		"no book": func(*rapid.T) { w.outage(true) },
		"a book":  func(*rapid.T) { w.outage(false) },
		"soon":    func(t *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 100).Draw(t, "seconds")) * time.Second) },
		"later":   func(t *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 30).Draw(t, "minutes")) * time.Minute) },
		"":        w.check,
	}
}

// finish lets one server live on, of those that are there or a new one, mends everything, and looks
// whether exactly what is no lease is left in the end.
func (w *simulation) finish(t *rapid.T) {
	w.outage(false)
	w.noteKilled()
	keep := len(w.processes) > 0 && rapid.Bool().Draw(t, "one lives on") && (w.shared == nil || w.processes[0].Persistent)
	for _, p := range slices.Clone(w.processes) {
		if p.life.killAfter(-1); !keep || p != w.processes[0] {
			w.end(t, p)
		}
	}
	if !keep {
		w.start(rapid.Bool().Draw(t, "last is shared") || w.shared != nil)
	}
	last := w.processes[0]
	w.repair(last)
	w.ravi.Server.Faults().Clear()
	time.Sleep(simulationTTL + 15*time.Minute)
	w.check(t)
	for uuid, name := range w.identities() {
		require.Contains(t, w.permanent, uuid, "%s was ephemeral", name)
	}
	last.End(w.t.Context())
	left, err := filepath.Glob(filepath.Join(w.dir, "*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Whatever happens in whatever order, after the time to live no ephemeral identity is left, and no
// other identity is ever gone (SECURITY.md T7). With -rapid.checks=N every part does N orders
// instead of 100.
func TestLeasesInRandomOrder(t *testing.T) {
	for part := range 10 {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) { simulate(t, rt, part == 9, nil) })
		})
	}
}

// simulate runs one order in a bubble of its own, so that its time is not the time that rapid goes
// by.
func simulate(t *testing.T, rt *rapid.T, noAddresses bool, redis *redistest.Server) {
	var failed any
	synctest.Test(t, func(t *testing.T) {
		config := sandbox.Config{Era: sandbox.EraKeys}
		if noAddresses {
			config = sandbox.Config{Era: sandbox.EraTokens, TokenLife: 1000 * time.Hour}
		}
		w := &simulation{
			t: t, noAddresses: noAddresses, dir: filepath.Join(t.TempDir(), "leases"),
			ravi:      sandboxtest.Memory(t, config),
			permanent: map[string]string{}, open: map[string]time.Time{},
		}
		if redis != nil {
			w.shared = share(t, redis)
			w.shared.pace = 25 * time.Second // each costs a real round trip
		}
		defer func() { // also where the property failed
			failed = recover()
			for _, p := range w.processes {
				p.Kill()
			}
		}()
		w.start(redis != nil)
		rt.Repeat(w.steps())
		w.finish(rt)
	})
	if strings.Contains(fmt.Sprintf("%T", failed), "invalidData") {
		panic(failed) // an order that cannot be; rapid distinguishes the two by where they panic
	}
	if failed != nil {
		panic(failed)
	}
}
