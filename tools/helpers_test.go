package tools_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
	"ravi-mcp/session/redisstore"
)

// SECURITY.md T10: helpers of one client, who share its session without telling who they are. In
// any order of their calls, also at the same time, and through any replica, each call that names no
// identity leads to the only one that could be meant, or to identity_required.
func TestHelpersNeverGetAnothersIdentity(t *testing.T) {
	t.Run("memory", func(t *testing.T) { checkHelpers(t, newSystem(t, sandbox.Config{})) })
	t.Run("replicas", func(t *testing.T) {
		store, err := redisstore.Open(redisstore.Config{URL: secret.New(redistest.Start(t).URL()), Timeout: time.Minute})
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, store.Close()) })
		one := newSystem(t, sandbox.Config{})
		checkHelpers(t, one.replicate(store), one.replicate(store))
	})
}

// replicate returns another server of the same Ravi, with a store that replicas share.
func (h *system) replicate(store session.Store) *system {
	h.t.Helper()
	replica := &system{t: h.t, ravi: h.ravi, sealer: h.sealer}
	replica.build(func() (*ravi.Client, error) { return replica.connectRavi(replica.credentials()) })
	replica.deps.Store, replica.deps.Resolver.Store = store, store
	return replica
}

const helperCount = 6

// helpers are agents that share one session, whose calls reach any of the replicas.
type helpers struct {
	replicas []*system
	agents   []*agent // connections of the session, one to each replica
	rules    rules
	own      [helperCount][]string // by helper, what it created, used, or got without naming it
	all      []string              // identities that were ever there
	about    map[string]sandbox.IdentityInfo
	created  map[string]bool     // by this session, which may delete it
	removed  map[string]bool     // by this session
	cursors  map[string]string   // one of each identity
	saved    map[string][]string // by identity, the secrets that belong there
	codes    map[string][]string // by identity, the codes that were sent there
	waits    []openWait
	serial   int
}

type openWait struct {
	identity string
	answer   <-chan json.RawMessage
}

func checkHelpers(t *testing.T, replicas ...*system) {
	auditor := replicas[0].connectModern(&session.Caller{Name: "auditor"})
	serial := 0
	rapid.Check(t, func(rt *rapid.T) {
		w := &helpers{
			replicas: replicas, about: map[string]sandbox.IdentityInfo{}, created: map[string]bool{}, removed: map[string]bool{}, cursors: map[string]string{},
			saved: map[string][]string{}, codes: map[string][]string{}, serial: serial, rules: rules{gone: map[string]bool{}},
		}
		defer func() { serial = w.serial }()
		w.start(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"call":             w.alone,
			"call again":       w.alone, // more often than the others
			"calls at once":    w.together,
			"wait":             w.wait,
			"send a code":      w.send,
			"delete":           w.delete,
			"delete elsewhere": w.deleteElsewhere,
		})
		w.audit(rt, auditor)
	})
}

// start makes identities that are there before, sets one as the operator may do, and connects.
func (w *helpers) start(rt *rapid.T) {
	h := w.replicas[0]
	for _, name := range []string{"outside", "operators"} {
		info := h.ravi.CreateIdentity(h.t, sandbox.NewIdentity{Name: w.next(name)})
		w.all, w.about[info.UUID] = append(w.all, info.UUID), info
	}
	if rapid.Bool().Draw(rt, "with an operator's identity") {
		w.rules.operator = w.all[1]
	}
	w.rules.shared = rapid.IntRange(0, 3).Draw(rt, "shared") == 0
	id, caller := session.NewID(), local()
	caller.Shared = w.rules.shared
	for _, h := range w.replicas {
		h.deps.Resolver.Identity = w.rules.operator
		h.account.Forget()
		w.agents = append(w.agents, h.connectAs(caller, &agent{capabilities: "{}", session: id}))
	}
}

// next returns a name that there was not before.
func (w *helpers) next(prefix string) string {
	w.serial++
	return fmt.Sprintf("%s_%d", prefix, w.serial)
}

func (w *helpers) alive() []string {
	return slices.DeleteFunc(slices.Clone(w.all), func(identity string) bool { return w.rules.gone[identity] })
}

// draw is a call of a helper that deletes nothing and does not wait.
func (w *helpers) draw(rt *rapid.T, helper int) helperCall {
	c := helperCall{Helper: helper, By: "argument", Arguments: args{}, Tool: rapid.SampledFrom([]string{
		"create_identity", "use_identity", "get_identity", "list_messages", "watch_inbox", "set_secret", "set_secret",
	}).Draw(rt, "tool")}
	alive := w.alive()
	switch c.Tool {
	case "create_identity":
		if len(alive) > 0 && (len(w.all) > 2*helperCount || rapid.IntRange(0, 3).Draw(rt, "reuse") == 0) {
			c.Means = rapid.SampledFrom(alive).Draw(rt, "identity")
			c.Arguments["name"], c.Arguments["if_exists"] = w.about[c.Means].Name, "reuse"
		} else {
			c.Arguments["name"] = w.next("task")
		}
		return c
	case "set_secret":
		c.Arguments["name"], c.Arguments["value"] = w.next("S"), "v"
	}
	if c.Tool == "use_identity" || rapid.Bool().Draw(rt, "named") {
		c.Means = rapid.SampledFrom(w.all).Draw(rt, "identity")
		c.Arguments["identity"] = c.Means
	}
	return c
}

func drawHelper(rt *rapid.T) int { return rapid.IntRange(0, helperCount-1).Draw(rt, "helper") }

func (w *helpers) begin(rt *rapid.T, c helperCall) <-chan json.RawMessage {
	answer, _ := w.agents[rapid.IntRange(0, len(w.agents)-1).Draw(rt, "replica")].beginCall(c.Tool, c.Arguments)
	return answer
}

// alone is one call that is answered before the next.
func (w *helpers) alone(rt *rapid.T) {
	c := w.draw(rt, drawHelper(rt))
	w.check(rt, c, w.read(rt, c, <-w.begin(rt, c)))
}

// check compares what a call led to with the rules.
func (w *helpers) check(rt *rapid.T, c helperCall, got outcome) {
	next, want := w.rules.after(c, got)
	require.Equal(rt, want, got, "%+v", c)
	w.note(rt, c, got)
	w.rules = next
}

// together are calls of several helpers at the same time.
func (w *helpers) together(rt *rapid.T) {
	order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5}).Draw(rt, "helpers")
	var calls []helperCall
	var answers []<-chan json.RawMessage
	for _, helper := range order[:rapid.IntRange(2, helperCount).Draw(rt, "count")] {
		calls = append(calls, w.draw(rt, helper))
	}
	for _, c := range calls {
		answers = append(answers, w.begin(rt, c))
	}
	var got []outcome
	for i, answer := range answers {
		got = append(got, w.read(rt, calls[i], <-answer))
	}
	end, ok := w.rules.inSomeOrder(calls, got)
	require.True(rt, ok, "no order of %+v leads to %+v after %+v", calls, got, w.rules)
	for i, c := range calls {
		assert.Subset(rt, end.named, got[i].Candidates)
		w.note(rt, c, got[i])
	}
	w.rules = end
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// candidatesOf returns the uuids in the text of an error, sorted.
func candidatesOf(text string) []string {
	return slices.Sorted(slices.Values(uuids.FindAllString(text, -1)))
}

// read returns what a call led to.
func (w *helpers) read(rt *rapid.T, c helperCall, answer json.RawMessage) outcome {
	r := parse(w.agents[0].t, answer)
	if r.IsError {
		body := refused(w.agents[0].t, r)
		if body.Code != fault.IdentityRequired {
			return outcome{Code: body.Code}
		}
		return outcome{Code: body.Code, Candidates: candidatesOf(body.Message + body.Hint)}
	}
	result := ok[created](w.agents[0].t, r)
	if result.Created && c.Tool == "create_identity" {
		require.NotContains(rt, w.all, result.Identity.UUID)
		w.all, w.created[result.Identity.UUID] = append(w.all, result.Identity.UUID), true
		w.about[result.Identity.UUID] = sandbox.IdentityInfo{Name: result.Identity.Name, Inbox: result.Address}
	}
	if result.Cursor != "" && c.Tool != "list_messages" {
		w.cursors[result.Identity.UUID] = result.Cursor
	}
	return outcome{Identity: result.Identity.UUID, By: result.ResolvedBy, Bound: result.Bound}
}

// note takes note of what a call led to. Whatever the rules say: a helper with an identity of its
// own never gets another one without naming it, also when its own has ended, unless a helper
// deleted that.
func (w *helpers) note(rt *rapid.T, c helperCall, got outcome) {
	if got.Code != "" {
		return
	}
	own := slices.DeleteFunc(w.own[c.Helper], func(identity string) bool { return w.removed[identity] })
	implicit := got.By != "argument" && got.By != "cursor" && got.By != "created"
	if implicit && len(own) > 0 {
		require.Contains(rt, own, got.Identity, "%+v has an identity", c)
	}
	if implicit || c.Tool == "create_identity" || c.Tool == "use_identity" {
		own = append(own, got.Identity)
	}
	w.own[c.Helper] = own
	if c.Tool == "set_secret" {
		w.saved[got.Identity] = append(w.saved[got.Identity], c.Arguments["name"].(string))
	}
}

// wait begins a wait and goes on when it is known for which identity that is.
func (w *helpers) wait(rt *rapid.T) {
	c := helperCall{Helper: drawHelper(rt), Tool: "wait_for_otp", Arguments: args{"timeout_seconds": 50}}
	cursors := slices.DeleteFunc(slices.Clone(w.all), func(identity string) bool { return w.cursors[identity] == "" })
	switch how := rapid.IntRange(0, 3).Draw(rt, "how"); {
	case how == 0:
		c.Means, c.By = rapid.SampledFrom(w.all).Draw(rt, "identity"), "argument"
		c.Arguments["identity"] = c.Means
	case how == 1 && len(cursors) > 0:
		c.Means, c.By = rapid.SampledFrom(cursors).Draw(rt, "cursor of"), "cursor"
		c.Arguments["cursor"] = w.cursors[c.Means]
	}
	answer := w.begin(rt, c)
	require.Eventually(rt, func() bool {
		others := w.unanswered() // first: a wait ends before it is answered
		return len(answer) > 0 || w.waiting() > others
	}, harness.Patience, time.Millisecond)
	next, want := w.rules.after(c, outcome{})
	w.rules = next
	if want.Code != "" {
		w.check(rt, c, w.read(rt, c, <-answer))
		return
	}
	w.note(rt, c, want)
	w.waits = append(w.waits, openWait{want.Identity, answer})
}

func (w *helpers) unanswered() (n int) {
	for _, wait := range w.waits {
		if len(wait.answer) == 0 {
			n++
		}
	}
	return n
}

func (w *helpers) waiting() (n int) {
	for _, h := range w.replicas {
		n += h.hub.Stats().Waits
	}
	return n
}

// send sends a code to an identity, which all waits for it find, and no other does.
func (w *helpers) send(rt *rapid.T) {
	alive := w.alive()
	if len(alive) == 0 {
		rt.Skip("all are gone")
	}
	w.sendTo(rt, rapid.SampledFrom(alive).Draw(rt, "to"))
}

// sendTo sends again until all waits for the identity are answered: one that has just begun, and
// has no cursor, may take the first for an old one.
func (w *helpers) sendTo(rt *rapid.T, identity string) {
	resend := time.NewTicker(100 * time.Millisecond)
	defer resend.Stop()
	w.sendOnce(identity)
	w.waits = slices.DeleteFunc(w.waits, func(wait openWait) bool {
		if wait.identity != identity {
			return false
		}
		for {
			select {
			case <-resend.C:
				w.sendOnce(identity)
			case answer := <-wait.answer:
				found := ok[waited](w.agents[0].t, parse(w.agents[0].t, answer))
				require.Equal(rt, []string{"found", identity}, []string{found.Status, found.Identity.UUID}, "%s", answer)
				require.Contains(rt, w.codes[identity], found.Code)
				return true
			}
		}
	})
}

func (w *helpers) sendOnce(identity string) {
	w.next("")
	code := fmt.Sprint(271_828 + 13*w.serial)
	w.codes[identity] = append(w.codes[identity], code)
	w.replicas[0].mail(w.about[identity].Inbox, "code@site.example", "Your code", "Your code is "+code, "")
}

// delete is a helper's delete_identity, of an identity for which none waits.
func (w *helpers) delete(rt *rapid.T) {
	c := helperCall{Helper: drawHelper(rt), Tool: "delete_identity", By: "argument"}
	c.Means = w.drawDeletable(rt, func(identity string) bool { return w.created[identity] })
	c.Arguments = args{"identity": c.Means}
	w.check(rt, c, w.read(rt, c, <-w.begin(rt, c)))
	w.removed[c.Means] = true
	w.deleted(c.Means)
}

// deleteElsewhere deletes one that no server hears of.
func (w *helpers) deleteElsewhere(rt *rapid.T) {
	identity := w.drawDeletable(rt, func(string) bool { return true })
	w.replicas[0].deleteElsewhere(identity)
	w.deleted(identity)
}

// deleted takes note of a deletion, and lets the time pass for which replicas may remember
// identities.
func (w *helpers) deleted(identity string) {
	w.rules.gone[identity] = true
	for _, h := range w.replicas {
		h.account.Forget()
	}
}

func (w *helpers) drawDeletable(rt *rapid.T, may func(identity string) bool) string {
	all := slices.DeleteFunc(w.alive(), func(identity string) bool {
		return !may(identity) || slices.ContainsFunc(w.waits, func(wait openWait) bool { return wait.identity == identity })
	})
	if len(all) == 0 {
		rt.Skip("there is none")
	}
	return rapid.SampledFrom(all).Draw(rt, "identity")
}

// audit answers the waits that are open, and looks whether each secret is where it belongs.
func (w *helpers) audit(rt *rapid.T, auditor *agent) {
	for len(w.waits) > 0 {
		w.sendTo(rt, w.waits[0].identity)
	}
	for _, identity := range w.alive() {
		var names []string
		for _, s := range ok[struct{ Secrets []struct{ Name string } }](auditor.t, auditor.call("list_secrets", args{"identity": identity})).Secrets {
			names = append(names, s.Name)
		}
		require.ElementsMatch(rt, w.saved[identity], names)
		w.replicas[0].deleteElsewhere(identity)
	}
}
