package soak

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"ravi-mcp/sandbox"
)

// Caller is a caller that the server under test knows. The identities that it may use are those
// whose names begin with Name and a dash.
type Caller struct {
	Name  string
	Token string // Bearer token; "" where the server wants none
	// Shared says that the server knows of several clients behind this caller: a gateway.
	Shared bool
}

// Config says what to soak. Ravi, Account, Callers, and URL or Stdio are needed.
type Config struct {
	// Seed determines what each client does.
	Seed uint64
	// Clients and Calls are how many there are in total; 35 and 3,000 when 0. A client works on one
	// call after the other, and now and then on a few at a time.
	Clients, Calls int
	// Limit ends a run that takes longer, with fewer calls; 0 means none.
	Limit time.Duration
	// Until, if it is not nil, makes clients go on beyond their calls until it is closed.
	Until <-chan struct{}
	// Ravi is what the server under test uses as Ravi, in this process, with bodies recorded and
	// room for the requests of a second (sandbox.Config.RecordBodies, KeptRequests). Account is the
	// account in it, whose token must not expire.
	Ravi    *sandbox.Server
	Account *sandbox.Account
	// Callers must be at least two that are not shared. Clients are spread over them.
	Callers []Caller
	// URL is the endpoint's, without a path; "" to leave out HTTP. With NoSSE only streamable HTTP
	// is used.
	URL   string
	NoSSE bool
	// Stdio starts a server for clients that may use the identities whose names begin with one of
	// prefixes, joined by commas, and whose configuration names the identity home, or none if that
	// has no uuid. Nil to leave out stdio.
	Stdio func(prefixes string, home sandbox.IdentityInfo) (io.ReadWriteCloser, error)
	// Replicas says that several servers share the work. One may then list identities as they were
	// up to 30 s ago.
	Replicas bool
	// Faults says that servers, or what they keep state in, are stopped meanwhile: connections may
	// then break, and answers be 502 to 504. As for calls that fail as unavailable, which a machine
	// that is busy enough sees as well, what they did is then unknown, and everything else holds as
	// ever.
	Faults bool
	// Rest, if it is not nil, is called when the clients have made their calls. It ends the faults
	// and returns when all servers answer, so that they can delete ephemeral identities.
	Rest func()
	// Log gets a line now and then; may be nil.
	Log func(format string, args ...any)
}

// Report is what a run has seen.
type Report struct {
	Seed           uint64
	Clients, Calls int
	Lost           int                       // calls that failed as unavailable, or broke (Config.Faults)
	Tools          map[string]map[string]int // calls by tool and transport
	Refused        map[string]int            // stolen handles that were refused, by kind
	Codes          int                       // codes that waits have returned
	// Requests that reached Ravi: for no identity, proved by the mark they carry, by the time of
	// the call that meant their identity, and by a wait for it that was not long ago.
	Account, Marked, Timed, Watched int
	// Expired are those that ended ephemeral identities.
	Expired  int
	Duration time.Duration
	// Failures are the crossings and other things that must not be.
	Failures []string
}

// String is the report as a table.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "soak: seed %d, %d clients, %d calls, %d lost, in %s\n", r.Seed, r.Clients, r.Calls, r.Lost, r.Duration.Round(time.Millisecond))
	transports := map[string]bool{}
	for _, by := range r.Tools {
		for transport := range by {
			transports[transport] = true
		}
	}
	columns := slices.Sorted(maps.Keys(transports))
	fmt.Fprintf(&b, "%-20s", "calls")
	for _, transport := range columns {
		fmt.Fprintf(&b, "%13s", transport)
	}
	for _, tool := range slices.Sorted(maps.Keys(r.Tools)) {
		fmt.Fprintf(&b, "\n%-20s", tool)
		for _, transport := range columns {
			fmt.Fprintf(&b, "%13d", r.Tools[tool][transport])
		}
	}
	b.WriteString("\nstolen and refused: ")
	for _, kind := range slices.Sorted(maps.Keys(r.Refused)) {
		fmt.Fprintf(&b, " %s %d,", kind, r.Refused[kind])
	}
	fmt.Fprintf(&b, "\ncodes returned: %d\nrequests to Ravi: %d by mark, %d by time, %d by watch, %d at the end of ephemeral identities, %d of the account\n",
		r.Codes, r.Marked, r.Timed, r.Watched, r.Expired, r.Account)
	fmt.Fprintf(&b, "crossings and other failures: %d\n", len(r.Failures))
	for _, f := range r.Failures {
		b.WriteString("  " + f + "\n")
	}
	return b.String()
}
