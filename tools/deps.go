package tools

import (
	"context"
	"sync"
	"time"

	"ravi-mcp/inbox"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/token"
)

// Deps is what the handlers work with. All fields but MaxWait and Now are
// required.
type Deps struct {
	Account  *session.Account
	Resolver *session.Resolver
	Store    session.Store
	Inbox    *inbox.Hub
	// MaxWait caps timeout_seconds; 0 means 50 s, which stays below the 60 s
	// after which common clients give up on a call.
	MaxWait time.Duration
	// Now is the clock by which TOTP codes are computed; nil means time.Now.
	Now func() time.Time

	// Sealer seals the tokens of cleanup_identities and the request state of
	// questions to people; nil means one of this process.
	Sealer *token.Sealer

	own    sync.Once
	names  keyedLocks
	issued issuedCodes
}

// Seals returns the Sealer in use.
func (d *Deps) Seals() *token.Sealer {
	d.own.Do(func() {
		if d.Sealer == nil {
			d.Sealer = token.Random()
		}
	})
	return d.Sealer
}

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
	client, err := d.Account.Client()
	if err != nil {
		return inbox.Target{}, err
	}
	return inbox.Target{
		Caller:     call.Caller.Name,
		Credential: client.CredentialID(),
		Identity:   identity.UUID,
		Address:    identity.Inbox,
		Phone:      identity.Phone,
		Source:     inbox.FromScope(client.Scope(identity.UUID)),
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
		return "", err
	}
	return cursor, d.keepCursor(ctx, call, identity.UUID, cursor)
}

// keepCursor makes cursor the session's own; without a session it does nothing.
func (d *Deps) keepCursor(ctx context.Context, call Call, identity, cursor string) error {
	if !call.HasSession() {
		return nil
	}
	return d.Store.SetCursor(ctx, call.Key(), identity, cursor)
}

// keyedLocks serialises work on one name. The zero value is ready for use.
type keyedLocks struct {
	mu   sync.Mutex
	held map[string]*keyedLock
}

type keyedLock struct {
	sync.Mutex
	users int
}

// lock takes the lock of key and returns the function that gives it back.
func (k *keyedLocks) lock(key string) (unlock func()) {
	k.mu.Lock()
	if k.held == nil {
		k.held = make(map[string]*keyedLock)
	}
	l := k.held[key]
	if l == nil {
		l = &keyedLock{}
		k.held[key] = l
	}
	l.users++
	k.mu.Unlock()

	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.held, key)
		}
	}
}
