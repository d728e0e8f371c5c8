package ravi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"

	"ravi-mcp/ravi/secret"
)

// keyAuthority authorises by API key (eras 3 and 4). For an identity it uses the first of these
// that there is:
//
//  1. the key that the identity's creation returned
//  2. the configured identity key, if it is that identity's
//  3. the management key with ?identity=, where this Ravi honours it
//  4. a key minted for the purpose, kept in memory
type keyAuthority struct {
	c      *Client
	shared singleflight.Group

	mu sync.Mutex // guards what follows; never held during a request
	// keys holds the keys of creations and the minted ones, by identity.
	keys map[string]secret.Secret
	// own is the identity of the configured key; "" while unknown.
	own string
	// badConfigured: Ravi refused the configured identity key.
	badConfigured bool
	// honours says whether ?identity= works here; nil until it was tried.
	honours *bool
}

func newKeyAuthority(c *Client) *keyAuthority {
	return &keyAuthority{c: c, keys: map[string]secret.Secret{}, own: c.creds.IdentityUUID}
}

func (a *keyAuthority) grant(ctx context.Context, k call) (grant, error) {
	management := grant{bearer: a.c.creds.ManagementKey, origin: fromManagement}
	configured := grant{bearer: a.c.creds.IdentityKey, origin: fromConfigured}
	if management.bearer.Empty() {
		if k.who == asIdentity {
			own, err := a.ownIdentity(ctx)
			if err != nil {
				return grant{}, err
			}
			if !strings.EqualFold(own, k.identity) {
				return grant{}, &Error{Kind: ErrWrongIdentity}
			}
		}
		return configured, nil
	}
	if k.who == asAccount {
		return management, nil
	}

	a.mu.Lock()
	key, ok := a.keys[k.identity]
	mine := !configured.bearer.Empty() && !a.badConfigured && strings.EqualFold(a.own, k.identity)
	a.mu.Unlock()
	if ok {
		return grant{bearer: key, origin: fromKeys}, nil
	}
	if mine {
		return configured, nil
	}
	if !k.needKey {
		honoured, err := a.honoursIdentity(ctx, k.identity)
		if err != nil {
			return grant{}, err
		}
		if honoured {
			management.query = k.identity
			return management, nil
		}
	}
	key, err := a.mint(ctx, k.identity)
	return grant{bearer: key, origin: fromKeys}, err
}

func (a *keyAuthority) refused(_ context.Context, k *call, g grant, failed *Error) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	hasManagement := !a.c.creds.ManagementKey.Empty()
	switch {
	case failed.Status == http.StatusForbidden:
		// The endpoint wants an identity's own key.
		if g.query == "" || k.needKey {
			return false, nil
		}
		k.needKey = true
		return true, nil
	case g.origin == fromKeys:
		// Another call may have replaced the key already: keep that one.
		if key, ok := a.keys[k.identity]; ok && key.Equal(g.bearer) {
			delete(a.keys, k.identity)
		}
		return true, nil
	case g.origin == fromConfigured && hasManagement:
		a.badConfigured = true
		return true, nil
	}
	return false, nil
}

func (a *keyAuthority) bound() (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.c.creds.ManagementKey.Empty() {
		return "", false
	}
	return a.own, true
}

func (a *keyAuthority) created(uuid string, key secret.Secret) {
	if uuid == "" || key.Empty() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys[uuid] = key
}

func (a *keyAuthority) deleted(uuid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.keys, uuid)
}

// mint returns the identity's key, asking Ravi for one if there is none: once, however many callers
// wait for it.
func (a *keyAuthority) mint(ctx context.Context, identity string) (secret.Secret, error) {
	return shared(ctx, a.c, &a.shared, "mint "+identity, func(ctx context.Context) (secret.Secret, error) {
		a.mu.Lock()
		key, ok := a.keys[identity]
		a.mu.Unlock()
		if ok {
			return key, nil
		}
		minted, err := a.c.MintIdentityKey(ctx, identity, a.c.conf.KeyLabel)
		if err != nil {
			return secret.Secret{}, err
		}
		a.created(identity, minted.Key)
		return minted.Key, nil
	})
}

// honoursIdentity finds out once whether this Ravi lets a management key act for one identity by
// ?identity=. A Ravi that knows the parameter answers for that identity, and refuses one that
// cannot exist; a Ravi that ignores it refuses the key, or answers with what the whole account has,
// which must never be taken for the identity's.
func (a *keyAuthority) honoursIdentity(ctx context.Context, identity string) (bool, error) {
	a.mu.Lock()
	known := a.honours
	a.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	return shared(ctx, a.c, &a.shared, "probe", func(ctx context.Context) (bool, error) { return a.probe(ctx, identity) })
}

// probe compares the addresses that Ravi lists for an identity with those it lists for one that
// cannot exist.
func (a *keyAuthority) probe(ctx context.Context, identity string) (honours bool, err error) {
	found, err := a.addresses(ctx, identity)
	switch statusOf(err) {
	case http.StatusForbidden:
		// Is it the identity that is refused, or any management key?
		if _, err := a.addresses(ctx, ""); statusOf(err) == http.StatusForbidden {
			a.remember(false)
		}
		return false, nil
	case http.StatusBadRequest, http.StatusNotFound:
		return false, nil // this identity is unknown: nothing is learned
	}
	if err != nil || found == 0 {
		return false, err // without an address there is nothing to compare
	}
	found, err = a.addresses(ctx, impossibleIdentity())
	switch statusOf(err) {
	case http.StatusForbidden, http.StatusBadRequest, http.StatusNotFound:
		found, err = 0, nil
	}
	if err != nil {
		return false, err
	}
	a.remember(found == 0)
	return found == 0, nil
}

func (a *keyAuthority) remember(honours bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.honours = &honours
}

// addresses returns how many addresses Ravi lists with the management key and ?identity=, or
// without it for an empty identity.
func (a *keyAuthority) addresses(ctx context.Context, identity string) (int, error) {
	found, err := list[EmailAddress](ctx, a.c, call{
		op: "find out how to act for an identity", method: http.MethodGet, route: "/api/email/",
		with: &grant{bearer: a.c.creds.ManagementKey, query: identity, origin: fromManagement},
	})
	return len(found), err
}

func statusOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// impossibleIdentity returns a random uuid, which no identity has.
func impossibleIdentity() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// ownIdentity returns the identity of a lone identity key, asking Ravi when the configuration does
// not say.
func (a *keyAuthority) ownIdentity(ctx context.Context) (string, error) {
	a.mu.Lock()
	own := a.own
	a.mu.Unlock()
	if own != "" {
		return own, nil
	}
	return shared(ctx, a.c, &a.shared, "own", func(ctx context.Context) (string, error) {
		uuid, err := a.c.identityOfKey(ctx)
		if err != nil {
			return "", err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.own = uuid
		return uuid, nil
	})
}
