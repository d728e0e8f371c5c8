// Package soak proves that clients of a server never get into each other's way, by letting many of
// them do at random everything that the tools can do, for a long time, and by trying to get at what
// belongs to others (SECURITY.md T1 to T4).
//
//	go test -race ./internal/test/soak                                                                    # about a minute
//	go test -race ./internal/test/soak -run SoakIsolation -timeout 60m -v -soak.calls 100000 -soak.clients 200     # the full one
//	go test -race ./internal/test/soak -run SoakOf -timeout 60m -v -soak.calls 90000 -soak.clients 200 -soak.outage 10s # replicas, with faults
//
// -soak.seed N does other things, and -soak.for 20m ends after that time.
//
// Three things are watched. First, every client knows what it stored, what was sent to it and what
// its cursors have seen, so that it can tell a wrong answer from a right one: its own identity,
// exactly its own lists, the value it stored last, the newest code that was delivered to it and
// that no older cursor of the chain has returned, and not a word of another client. Second, every
// handle that is stolen from another caller (session id, cursor, uuid, name, address, id of a
// message or credential) is refused in the very words that a made-up one gets. Third, the sandbox
// says what reached Ravi: each request that wrote carries the mark of the one call that may have
// sent it, and every other request about an identity must have been made while its owner was in a
// call that meant this identity and can need such a request. In the end the vaults hold what the
// clients believe, and nothing else.
//
// Clients also share a session, four at a time, as a server cannot tell them apart: behind one
// stdio process that multiplexes them, as helpers of one client, and as users of a gateway. Each
// knows which identity it means; whether a call may leave it out is what sessionModel says. Some
// cancel calls under ids that other clients' requests have at the server. Every fourth identity is
// ephemeral, and none may be left after its time, which the run waits for.
//
// What a client does depends on the seed and its number alone. Run serves tests only: it needs the
// sandbox that the server under test uses as its Ravi.
package soak
