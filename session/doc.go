// Package session determines the caller of a request and the identity that it means.
//
// A Caller has a name and rights. A Call is a caller, perhaps a protocol session, and what the
// transport knows. A Resolver turns a call and its arguments into one identity, or into an error
// that says what to pass. A Store remembers per (caller, session), never per session alone, because
// the newest protocol gives every client the same empty session id. An Account is the Ravi client
// of a credential with its identities.
//
// Nothing here is process-wide: two servers in one process share nothing.
package session
