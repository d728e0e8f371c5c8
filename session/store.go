package session

import (
	"context"
	"time"
)

// What every Store, and every table of sessions, agrees on.
const (
	// CreatedFor is how long a creator may delete an identity without asking (RecordCreated).
	CreatedFor = 30 * 24 * time.Hour
	// MaxCursors bounds the cursors of one session; the one set longest ago goes first.
	MaxCursors = 256
	// MaxNamed bounds the identities that are remembered of a session which has several; the one
	// learned first goes first.
	MaxNamed = 32
	// EvictAfter is how long a session must have been left alone before another of the same caller
	// may take its place.
	EvictAfter = time.Minute
)

// Key names the state of one session. Both parts are needed: the id of a session gives nothing to a
// caller that does not own it.
type Key struct {
	Caller  string
	Session string
}

// Known is what a session knows of identities (ARCHITECTURE.md#identity-of-a-call).
type Known struct {
	// Identity is the uuid of the only identity that the session knows, "" while it knows none, and
	// when it has several. It stays when the identity is gone: who goes by it must not get another.
	Identity string
	// Deleted says that a call of the session deleted Identity, so that the next takes its place.
	Deleted bool
	// Several says that the session has known two identities at the same time.
	Several bool
	// Default is the uuid of the identity that the operator has set, if a call of this session went
	// there, and "" if none did.
	Default string
}

// none reports whether the session knows no identity, so that the operator's applies.
func (k Known) none() bool { return k.Identity == "" && !k.Several }

// Store keeps what outlives a call: which identities a session knows, the session's own cursors,
// the ids of what its waits have found, and which caller created which identity. It holds no
// credential, no message and no value of a vault.
//
// Every method is atomic and may be called by any number of goroutines. An error means that the
// store cannot answer; it never means "nothing there".
type Store interface {
	// Known returns what the session knows of identities.
	Known(ctx context.Context, key Key) (Known, error)
	// Learn adds an identity to those that the session knows, in place of one that Unlearn dropped,
	// and returns what it knows then. To a session that knew none so far, the identity of
	// LearnDefault and configured, another one that the operator has set, become known before it;
	// "" is none. From its second identity on the session has several, for good.
	Learn(ctx context.Context, key Key, identity, configured string) (Known, error)
	// Unlearn notes that a call of the session deleted an identity. One that had several keeps
	// having several.
	Unlearn(ctx context.Context, key Key, identity string) error
	// LearnDefault notes that a call of the session goes to the identity that the operator has set,
	// unless the session knows another one by now, and returns what it knows.
	LearnDefault(ctx context.Context, key Key, identity string) (Known, error)
	// KnownIdentities returns the identities that the session knows, the one learned first at the
	// front: the youngest MaxNamed of them.
	KnownIdentities(ctx context.Context, key Key) ([]string, error)

	// Cursor returns the session's own cursor of an identity, or "".
	Cursor(ctx context.Context, key Key, identity string) (string, error)
	// SwapCursor replaces the session's own cursor of an identity if it still is old ("" for none),
	// and reports whether it did. Cursors only move forward: a caller that is not the first reads
	// again and merges.
	SwapCursor(ctx context.Context, key Key, identity, old, next string) (bool, error)

	FoundMessages

	// RecordCreated remembers for 30 days that the caller created the identity.
	RecordCreated(ctx context.Context, caller, identity string) error
	// CreatedBy reports whether the caller is recorded as its creator.
	CreatedBy(ctx context.Context, caller, identity string) (bool, error)

	// RecordOwner keeps, for as long as the identity exists, that the caller created it. It is
	// durable when it returns. Errors: ErrOtherOwner, ErrTooManyOwners.
	RecordOwner(ctx context.Context, o Ownership) error
	// Owners returns for each of the identities who is recorded as its creator, in one read.
	Owners(ctx context.Context, caller string, identities []string) ([]Owner, error)
	// OwnedWith returns some of the identities that have an owner and were created with that
	// credential, others each time: at most most of all that it looks at.
	OwnedWith(ctx context.Context, credential string, most int) ([]string, error)

	// UseOnce marks key as used for ttl and reports whether this was its first use. Of any number
	// of callers exactly one is the first. A store that cannot keep the mark returns an error and
	// not true.
	UseOnce(ctx context.Context, key string, ttl time.Duration) (first bool, err error)

	// ForgetIdentity drops everything about a deleted identity, in every session, but that a
	// session has known it.
	ForgetIdentity(ctx context.Context, identity string) error
	// EndSession drops everything about a session.
	EndSession(ctx context.Context, key Key) error
}

// Locker is a Store that several processes share, and that can keep two of them from doing the same
// thing at the same time.
type Locker interface {
	// Lock waits for the lock of a name and returns the function that gives it back. It ends by
	// itself after ttl. It fails when ctx ends, or when the store cannot answer.
	Lock(ctx context.Context, name string, ttl time.Duration) (unlock func(), err error)
}
