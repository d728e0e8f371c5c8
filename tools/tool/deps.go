package tool

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/internal/token"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/session/lease"
)

// Deps is what the handlers work with. Account, Resolver, Store and Inbox are required.
type Deps struct {
	// Account is the server's own Ravi account, that of callers without another.
	Account  *session.Account
	Resolver *session.Resolver
	Store    session.Store
	Inbox    *inbox.Hub
	// Accounts are those of callers with a Ravi account of their own; nil means that there are
	// none. Resolver and Leases need the same.
	Accounts *session.Accounts
	// MaxWait caps timeout_seconds; 0 means 50 s, which stays below the 60 s after which common
	// clients give up on a call.
	MaxWait time.Duration
	// Now is the clock by which TOTP codes are computed and messages that went out are counted; nil
	// means time.Now.
	Now func() time.Time
	// Creates bounds how many identities and phone numbers a caller gets; nil means
	// identity.DefaultCreates an hour.
	Creates *session.Budget
	// Version is the server's own version, for get_account.
	Version string

	// Export is the folder that export_secrets writes to; nil leaves the tool out.
	Export *os.Root
	// Attach is the folder from which files can be attached to mails; nil leaves the argument out.
	Attach *os.Root
	// Leases delete ephemeral identities; nil means that none can be made.
	Leases *lease.Manager
	// Sealer seals the tokens of cleanup_identities and the request state of questions to users;
	// nil means one of this process.
	Sealer *token.Sealer

	seals sync.Once // makes a Sealer where there is none
	names keyedLocks
}

// AccountOf returns the Ravi account that a call works with. Everything that a handler does at
// Ravi, or keeps of it, belongs to this one.
func (d *Deps) AccountOf(call session.Call) *session.Account {
	return d.Accounts.Of(call.Caller, d.Account)
}

// Seals returns the Sealer in use.
func (d *Deps) Seals() *token.Sealer {
	d.seals.Do(func() {
		if d.Sealer == nil {
			d.Sealer = token.Random()
		}
	})
	return d.Sealer
}

const defaultMaxWait = 50 * time.Second

// WaitLimit returns the longest time that one wait may take.
func (d *Deps) WaitLimit() time.Duration {
	if d.MaxWait > 0 {
		return d.MaxWait
	}
	return defaultMaxWait
}

// Time returns what the clock in use says.
func (d *Deps) Time() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// PerhapsSent reports whether a message may have gone out in spite of an error. A 503 is Ravi
// saying that it did nothing.
func PerhapsSent(err error) bool {
	if failed, ok := errors.AsType[*ravi.Error](err); ok {
		return errors.Is(err, ravi.ErrUnavailable) && failed.Status != 503
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
