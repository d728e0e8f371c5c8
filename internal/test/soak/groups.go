package soak

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
)

// groupSize is how many clients share a session at most.
const groupSize = 4

// group is the clients of one session that a server cannot tell apart.
type group struct {
	state sessionModel
	wire  wire          // of helpers, which use one connection
	web   *web          // of those over HTTP
	pool  *harness.Pool // of those behind one process
	ids   atomic.Int64  // of the requests of a pool
}

// place is where the n-th client stands: its transport, its caller, and the numbers of the clients
// that share its session.
func (r *run) place(n int) (transport string, caller Caller, members []int) {
	own, shared := r.callersBy(false), r.callersBy(true)
	switch transport = r.transport(n); transport {
	case overStdio, overHTTP, overSSE:
		return transport, own[n%len(own)], []int{n}
	}
	team := n / 10 / groupSize
	for i := range groupSize {
		members = append(members, (team*groupSize+i)*10+n%10)
	}
	if transport == atGateway {
		return transport, shared[team%len(shared)], members
	}
	return transport, own[(team*3+n%10)%len(own)], members
}

func (r *run) callersBy(shared bool) []Caller {
	return slices.DeleteFunc(slices.Clone(r.Callers), func(c Caller) bool { return c.Shared != shared })
}

// transport spreads the clients over what there is.
func (r *run) transport(n int) string {
	grouped := map[int]string{4: asHelpers}
	if len(r.callersBy(true)) > 0 {
		grouped[5] = atGateway
	}
	if r.Stdio != nil {
		grouped[1], grouped[9] = inPool, asHelpers
	}
	switch transport := grouped[n%10]; {
	case r.Stdio != nil && r.URL == "":
		return overStdio
	case transport != "":
		return transport
	case r.Stdio != nil && n%10 == 0:
		return overStdio
	case !r.NoSSE && n%10 >= 7:
		return overSSE
	}
	return overHTTP
}

// join connects a client to the session of its group, which the first one opens.
func (a *actor) join(ctx context.Context, members []int) error {
	key := fmt.Sprintf("%s %d", a.transport, members[0])
	g, opened := a.run.groups[key], true
	if g == nil {
		g, opened = &group{}, false
		a.run.groups[key] = g
		g.state.shared = a.transport != asHelpers
	}
	a.state = &g.state
	for _, n := range members {
		prefix := prefixOf(a.caller, n)
		a.patterns = append(a.patterns, prefix)
		if a.transport == asHelpers { // a session names what its clients have made
			a.mates = append(a.mates, prefix)
		}
	}
	overPipe := a.transport == inPool || members[0]%10 == 9
	switch {
	case !opened && overPipe:
		conn, err := a.run.Stdio(strings.Join(a.patterns, ","), sandbox.IdentityInfo{})
		if err != nil {
			return err
		}
		return a.open(ctx, g, conn)
	case !opened:
		g.web = a.newWeb()
		var err error
		a.web = g.web
		a.wire, err = newHTTP(ctx, g.web)
		return err
	case g.pool != nil:
		return a.enter(ctx, g)
	case g.web != nil:
		a.web = a.newWeb()
		a.web.id, a.web.guest = g.web.id, true
		a.wire = a.web
	default:
		a.wire = guest{g.wire}
	}
	return nil
}

// open makes a process the group's, and the client its first.
func (a *actor) open(ctx context.Context, g *group, conn io.ReadWriteCloser) (err error) {
	if a.transport == inPool {
		g.pool = harness.NewPool(conn)
		g.ids.Store(-3) // so that a request has the id that an earlier one, of another client, has behind the pool
		return a.enter(ctx, g)
	}
	g.wire, err = newStdio(ctx, conn, false, nil)
	a.wire = g.wire
	return err
}

func (a *actor) enter(ctx context.Context, g *group) (err error) {
	a.wire, err = newStdio(ctx, g.pool.Join(), false, &g.ids)
	return err
}

func (a *actor) newWeb() *web {
	return &web{client: &http.Client{Transport: &http.Transport{}}, url: a.run.URL, token: a.caller.Token, shared: a.caller.Shared, modern: a.modern, lossy: a.run.Faults}
}

// guest is a connection that another client closes.
type guest struct{ wire }

func (guest) close() error { return nil }

// cancel begins a wait and cancels it, under the id that this client gave it. Behind a pool another
// client's call may have that id there, and must not end.
func (a *actor) cancel(ctx context.Context) error {
	i := a.any()
	p, ok := a.wire.(*pipe)
	if !ok {
		return a.wait(ctx)
	}
	a.calls.Add(1)
	a.run.count("(cancelled)", a.transport)
	a.run.book.begin(i.uuid, "wait_for_otp").endsIn(&a.run.book, cancelledWait)
	return p.abandon(ctx, "wait_for_otp", map[string]any{"identity": i.uuid, "timeout_seconds": 1})
}
