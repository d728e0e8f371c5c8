package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// The transports between a client and a server.
const (
	overStdio = "stdio"
	overHTTP  = "http"
	overSSE   = "sse"
	// Several clients of one session, which a server cannot tell apart.
	inPool    = "pool"    // behind one stdio process, each with an initialize of its own
	asHelpers = "helpers" // of one client, over one stdio process or HTTP session
	atGateway = "gateway" // of one HTTP session whose caller is marked as shared
)

// patience is how long a client waits for any answer.
const patience = 2 * time.Minute

// actor is one client, its identities, and what it believes about them. It does one thing after the
// other.
type actor struct {
	run       *run
	number    int
	caller    Caller
	transport string
	modern    bool
	prefix    string // of the names of its identities, and of all that it stores
	wire      wire
	web       *web // of a client over HTTP

	identities []*identity
	state      *sessionModel
	mates      []string  // prefixes of the clients that the session also belongs to
	patterns   []string  // prefixes that the rights of its caller name
	doubt      bool      // a call was lost that may have made or deleted an identity
	home       *identity // what the client's configuration names
	homeBy     string    // resolved_by of a call that means home

	step, serial, sent int
	rng                *rand.Rand
	calls              atomic.Int64
	shown              atomic.Pointer[handles]
}

// handles are what others can steal.
type handles struct{ session, uuid, name, address, cursor, message, credential string }

// live acts until the calls are used up and nothing makes it go on, or something is wrong.
func (a *actor) live(ctx context.Context, calls int) {
	for (int(a.calls.Load()) < calls || a.run.goesOn()) && ctx.Err() == nil && !a.run.enough.Load() {
		a.step++
		a.rng = rand.New(rand.NewPCG(a.run.Seed, uint64(a.number)<<32|uint64(a.step)))
		name, err := a.act(ctx)
		switch {
		case errors.Is(err, errLost):
			a.run.lost.Add(1)
		case err != nil && ctx.Err() == nil:
			a.run.fail("%s: %s: step %d, %s: %v", a.prefix, a.kind(), a.step, name, err)
			return
		}
		a.show()
	}
}

func (a *actor) kind() string {
	if a.modern {
		return a.transport + " " + modernProtocol
	}
	return a.transport + " " + legacyProtocol
}

// actions are what a client does, with their shares.
var actions = []struct {
	share int
	name  string
	do    func(*actor, context.Context) error
}{
	{6, "create", (*actor).create},
	{3, "use", (*actor).use},
	{3, "list identities", (*actor).listIdentities},
	{5, "get identity", (*actor).getIdentity},
	{3, "delete", (*actor).remove},
	{4, "name none", (*actor).nameNone},
	{6, "arm", (*actor).arm},
	{14, "wait", (*actor).wait},
	{4, "list messages", (*actor).listMessages},
	{5, "read message", (*actor).readMessage},
	{9, "set secret", (*actor).setSecret},
	{9, "get secret", (*actor).getSecret},
	{3, "list secrets", (*actor).listSecrets},
	{3, "delete secret", (*actor).deleteSecret},
	{7, "save credential", (*actor).saveCredential},
	{7, "get credential", (*actor).getCredential},
	{3, "list credentials", (*actor).listCredentials},
	{3, "delete credential", (*actor).deleteCredential},
	{4, "many at once", (*actor).manyAtOnce},
	{2, "cancel", (*actor).cancel},
	{12, "steal", (*actor).steal},
}

func (a *actor) act(ctx context.Context) (string, error) {
	a.letGo()
	if len(a.identities) == 0 {
		return "create", a.create(ctx)
	}
	all := 0
	for _, action := range actions {
		all += action.share
	}
	n := a.rng.IntN(all)
	for _, action := range actions {
		if n -= action.share; n < 0 {
			return action.name, action.do(a, ctx)
		}
	}
	return "", nil
}

// call calls a tool. means is the identity that the call is about, nil for none.
func (a *actor) call(ctx context.Context, means *identity, tool string, arguments map[string]any) (outcome, error) {
	a.calls.Add(1)
	a.run.count(tool, a.transport)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := func(outcome) {}
	if means != nil {
		s := a.run.book.begin(means.uuid, tool)
		done = func(o outcome) {
			conflict := o.code == "conflict"
			a.run.book.done(s, conflict)
			if !conflict {
				means.used.Store(time.Now().UnixNano())
			}
		}
	}
	o, err := a.wire.call(ctx, tool, arguments)
	done(o)
	if err != nil {
		return o, fmt.Errorf("%s: %w", tool, err)
	}
	return o, a.sees(tool, o.text)
}

// sees checks that a text has no word of another client.
func (a *actor) sees(tool, text string) error {
	allowed := a.prefix
	if tool == "list_identities" && a.transport != overStdio {
		allowed = a.caller.Name + "-"
	}
	for _, word := range a.run.words.FindAllString(text, -1) {
		mine := func(prefix string) bool { return strings.HasPrefix(word, prefix) }
		if !mine(allowed) && !slices.ContainsFunc(a.mates, mine) && !slices.Contains(a.patterns, word) {
			return fmt.Errorf("%s shows %q, which is another client's: %s", tool, word, text)
		}
	}
	return nil
}

// about is what results say about the identity they are for.
type about struct {
	Identity struct {
		UUID string `json:"uuid"`
		Name string `json:"name"`
	} `json:"identity"`
	ResolvedBy string `json:"resolved_by"`
}

// on calls a tool for an identity, by any of its names, or by none where that means the same, and
// checks that the result is about it.
func (a *actor) on(ctx context.Context, i *identity, tool string, arguments map[string]any) (outcome, error) {
	by := "argument"
	a.state.mu.RLock()
	if implicit, rule := a.implicit(); implicit == i && a.rng.IntN(3) > 0 {
		by = rule
		defer a.state.mu.RUnlock()
	} else {
		a.state.mu.RUnlock()
		arguments["identity"] = a.nameOf(i)
	}
	o, err := a.call(ctx, i, tool, arguments)
	a.goes(by, err)
	if err != nil || o.failed {
		return o, err
	}
	return o, check(o, i, by)
}

// goes notes by which rule a call found its identity. A client with a home shares its session with
// none.
func (a *actor) goes(by string, err error) {
	if by != "argument" && by != "cursor" && by != "session" {
		a.state.went = true
		a.state.unsure = a.state.unsure || isLost(err) && !a.modern
	}
}

func (a *actor) nameOf(i *identity) string {
	switch a.rng.IntN(5) {
	case 0:
		return i.name
	case 1:
		return i.address
	case 2:
		return strings.ToUpper(i.uuid)
	}
	return i.uuid
}

// check checks that a result is about an identity.
func check(o outcome, i *identity, by string) error {
	got, err := into[about](o)
	if err != nil {
		return err
	}
	if got.Identity.UUID != i.uuid || got.Identity.Name != i.name || got.ResolvedBy != by {
		return fmt.Errorf("it is about %s (%s) by %s; meant was %s (%s) by %s", got.Identity.Name, got.Identity.UUID, got.ResolvedBy, i.name, i.uuid, by)
	}
	return nil
}

// refused checks that a tool has refused with the given code.
func refused(o outcome, code string) error {
	if !o.failed || o.code != code {
		return fmt.Errorf("want the error %s, got %s", code, o.text)
	}
	return nil
}

// any is one of the client's identities, rather the newer ones.
func (a *actor) any() *identity {
	n := len(a.identities)
	return a.identities[max(a.rng.IntN(n), a.rng.IntN(n))]
}

// mark is a value of this very call: a call that stores it elsewhere than in the identity is found
// out.
func (a *actor) mark(uuid string) string {
	a.serial++
	mark := fmt.Sprintf("%smark-%d", a.prefix, a.serial)
	a.run.book.mark(mark, uuid)
	return mark
}

// show puts out what others may steal.
func (a *actor) show() {
	h := handles{session: a.wire.session()}
	if len(a.identities) > 0 {
		i := a.any()
		h.uuid, h.name, h.address = i.uuid, i.name, i.address
		if len(i.cursors) > 0 {
			h.cursor = i.cursors[len(i.cursors)-1].token
		}
		if len(i.delivered) > 0 {
			h.message = i.delivered[len(i.delivered)-1].id
		}
		for _, domain := range domains {
			if c := i.credentials[domain]; c != nil && c.id != "" {
				h.credential = c.id
			}
		}
	}
	a.shown.Store(&h)
}
