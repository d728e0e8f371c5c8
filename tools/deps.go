package tools

import (
	"context"
	"os"
	"sync"
	"time"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/internal/token"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/session/lease"
)

// Deps is what the handlers work with. Account, Resolver, Store and
// Inbox are required.
type Deps struct {
	// Account is the server's own Ravi account, that of callers without another.
	Account  *session.Account
	Resolver *session.Resolver
	Store    session.Store
	Inbox    *inbox.Hub
	// Accounts are those of callers with a Ravi account of their own; nil means
	// that there are none. Resolver and Leases need the same.
	Accounts *session.Accounts
	// MaxWait caps timeout_seconds; 0 means 50 s, which stays below the 60 s
	// after which common clients give up on a call.
	MaxWait time.Duration
	// Now is the clock by which TOTP codes are computed and messages that went
	// out are counted; nil means time.Now.
	Now func() time.Time
	// Creates bounds how many identities and phone numbers a caller gets; nil
	// means DefaultCreates an hour.
	Creates *session.Budget
	// Version is the server's own version, for get_account.
	Version string

	// Export is the folder that export_secrets writes to; nil leaves the tool out.
	Export *os.Root
	// Attach is the folder from which files can be attached to mails; nil leaves
	// the argument out.
	Attach *os.Root
	// Leases delete ephemeral identities; nil means that none can be made.
	Leases *lease.Manager
	// Sealer seals the tokens of cleanup_identities and the request state of
	// questions to people; nil means one of this process.
	Sealer *token.Sealer

	own    sync.Once // fills what is nil
	names  keyedLocks
	issued issuedCodes
	sends  sendBudget
}

// AccountOf returns the Ravi account that a call works with. Everything that a
// handler does at Ravi, or keeps of it, belongs to this one.
func (d *Deps) AccountOf(call session.Call) *session.Account {
	return d.Accounts.Of(call.Caller, d.Account)
}

// Seals returns the Sealer in use.
func (d *Deps) Seals() *token.Sealer {
	d.own.Do(d.fill)
	return d.Sealer
}

func (d *Deps) fill() {
	if d.Sealer == nil {
		d.Sealer = token.Random()
	}
	if d.Creates == nil {
		d.Creates = &session.Budget{PerHour: DefaultCreates}
	}
}

// Time returns what the clock in use says.
func (d *Deps) Time() time.Time { return d.now() }

const (
	defaultWait    = 30 * time.Second
	defaultMaxWait = 50 * time.Second
)

func (d *Deps) maxWait() time.Duration {
	if d.MaxWait > 0 {
		return d.MaxWait
	}
	return defaultMaxWait
}

func (d *Deps) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// target is an identity's inbox as package inbox sees it.
func (d *Deps) target(call Call, identity ravi.Identity) (inbox.Target, error) {
	account := d.AccountOf(call.Call)
	client, err := account.Client()
	if err != nil {
		return inbox.Target{}, err
	}
	return inbox.Target{
		Caller: call.Caller.Name,
		// The folder too: a watcher reads with the account that it was made for,
		// which must not be one whose folder somebody else changes.
		Credential: client.CredentialID() + " " + call.Caller.RaviConfigDir,
		Identity:   identity.UUID,
		Address:    identity.Inbox,
		Phone:      identity.Phone,
		Source:     liveSource{account: account, identity: identity.UUID},
	}, nil
}

// arm returns a cursor at what Ravi lists now, and keeps it as the session's own.
func (d *Deps) arm(ctx context.Context, call Call, identity ravi.Identity) (string, error) {
	target, err := d.target(call, identity)
	if err != nil {
		return "", err
	}
	cursor, err := d.Inbox.Arm(ctx, target)
	if err != nil {
		return "", waitFault(err)
	}
	return cursor, d.keepCursor(ctx, call, target, cursor)
}

// keepCursor moves the session's own cursor past what the given one has seen.
// It never moves back, whichever of several waits and armings ends last. Without
// a session it does nothing.
func (d *Deps) keepCursor(ctx context.Context, call Call, target inbox.Target, cursor string) error {
	if !call.HasSession() {
		return nil
	}
	for {
		own, err := d.Store.Cursor(ctx, call.Key(), target.Identity)
		if err != nil {
			return err
		}
		next := cursor
		if own != "" {
			// An own cursor that has expired has nothing to add.
			if merged, err := d.Inbox.Merge(target, own, cursor); err == nil {
				next = merged
			}
		}
		swapped, err := d.Store.SwapCursor(ctx, call.Key(), target.Identity, own, next)
		if swapped || err != nil {
			return err
		}
	}
}
