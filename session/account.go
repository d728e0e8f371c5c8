package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"ravi-mcp/ravi"
)

// cacheFor is the longest time that a list of identities is served from memory.
const cacheFor = 30 * time.Second

// Account is one Ravi account as this server uses it: the client made from a credential, and the
// account's identities, cached for at most 30 seconds.
//
// A server without a credential starts all the same: Connect is asked again at every call, so that
// logging in while the server runs is enough. After Ravi refused the credential (Observe), it is
// asked once more as well, because a person may have logged in again; if it finds the same
// credential, the client stays, with the keys and tokens it holds.
//
// The cache belongs to the credential: another credential, and any 401, 403 or 404 that Observe
// sees, empties it. An Account may be used by any number of goroutines. Close it at the end.
type Account struct {
	// Connect finds the credential and makes a client of it. Its error, such as
	// config.ErrNoCredentials, is what calls return.
	Connect func() (*ravi.Client, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	mu      sync.Mutex
	client  *ravi.Client
	refused bool // Ravi refused the credential: look for another one
	retired sync.WaitGroup
	cached  *directory
	epoch   uint64 // counts what emptied the cache, so that a late list is not stored
	reads   readQueue
	unpaid  time.Time // when Ravi last refused something for the plan
}

// Client returns the client, made on first use. Ask for it at every use: a new login replaces it.
func (a *Account) Client() (*ravi.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client != nil && !a.refused {
		return a.client, nil
	}
	next, err := a.Connect()
	if err != nil {
		if a.client != nil {
			return a.client, nil // the old credential gives the better error
		}
		return nil, err
	}
	a.refused = false
	switch {
	case a.client == nil:
		a.client = next
	case a.client.SameCredential(next):
		a.retire(next)
	default:
		a.retire(a.client)
		a.client, a.unpaid = next, time.Time{}
		a.drop()
	}
	return a.client, nil
}

// retire closes a client in the background, as its streams may take a while to end.
func (a *Account) retire(c *ravi.Client) {
	a.retired.Go(func() { _ = c.Close() })
}

// Observe takes note of an error of any call to Ravi: a refusal, or something missing, empties the
// cache.
func (a *Account) Observe(err error) {
	if errors.Is(err, ravi.ErrSubscriptionRequired) {
		a.mu.Lock()
		a.unpaid = timeBy(a.Now)
		a.mu.Unlock()
		return
	}
	refused := errors.Is(err, ravi.ErrUnauthorized) || errors.Is(err, ravi.ErrTokenExpired)
	if !refused && !errors.Is(err, ravi.ErrForbidden) && !errors.Is(err, ravi.ErrNotFound) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused = a.refused || refused
	a.drop()
}

// PlanRefused returns when Observe last saw that the account's plan does not cover something; zero
// for never.
func (a *Account) PlanRefused() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.unpaid
}

// Forget empties the cache, after identities were created, renamed or deleted. A list that is being
// read at that moment is not used by calls that come later.
func (a *Account) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop()
}

// Close ends the client's work and waits for it.
func (a *Account) Close() error {
	a.mu.Lock()
	client := a.client
	a.mu.Unlock()
	var err error
	if client != nil {
		err = client.Close()
	}
	a.retired.Wait()
	return err
}

// Identities returns the identities of the account, from memory if they were read in the last 30
// seconds. The caller must not change them.
func (a *Account) Identities(ctx context.Context) ([]ravi.Identity, error) {
	d, _, err := a.directory(ctx, false)
	if err != nil {
		return nil, err
	}
	return d.all, nil
}

// lookup returns the identities that ref, a uuid, an address or a name, can mean among those that
// the judge of a list accepts. What the cached list does not have is looked up at Ravi, and so is
// what it has but the judge refuses: how long the answer takes must not differ between the two.
func (a *Account) lookup(ctx context.Context, ref string, judge func(*directory) (func(ravi.Identity) bool, error)) ([]ravi.Identity, error) {
	d, fresh, err := a.directory(ctx, false)
	if err != nil {
		return nil, err
	}
	allowed, err := judge(d)
	if err != nil {
		return nil, err
	}
	found := d.find(ref, allowed)
	if len(found) > 0 || fresh {
		return found, nil
	}
	if d, _, err = a.directory(ctx, true); err != nil {
		return nil, err
	}
	if allowed, err = judge(d); err != nil {
		return nil, err
	}
	return d.find(ref, allowed), nil
}

// directory returns the identities, and whether their reading began after this call did.
func (a *Account) directory(ctx context.Context, reload bool) (*directory, bool, error) {
	client, err := a.Client()
	if err != nil {
		return nil, false, err
	}
	a.mu.Lock()
	if d := a.cached; !reload && d != nil && timeBy(a.Now).Sub(d.read) < cacheFor {
		a.mu.Unlock()
		return d, false, nil
	}
	read, fresh := a.reads.join(a.epoch, reload, func(epoch uint64) (*directory, error) {
		// One read serves all calls that wait for it, so it must not end with the first of them;
		// the client bounds its time.
		return a.read(context.WithoutCancel(ctx), client, epoch)
	}, &a.mu)
	a.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	case <-read.done:
		return read.directory, fresh, read.err
	}
}

func (a *Account) read(ctx context.Context, client *ravi.Client, epoch uint64) (*directory, error) {
	at := timeBy(a.Now)
	list, err := identitiesOf(ctx, client)
	if err != nil {
		a.Observe(err)
		return nil, err
	}
	d := newDirectory(list, at)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.epoch == epoch && a.client == client {
		a.cached = d
	}
	return d, nil
}

// drop empties the cache. The caller holds mu.
func (a *Account) drop() {
	a.cached = nil
	a.epoch++
}

// identitiesOf lists what the credential may act for: all identities of the account, or the one
// that an identity key or bound token is.
func identitiesOf(ctx context.Context, client *ravi.Client) ([]ravi.Identity, error) {
	if _, bound := client.Bound(); !bound {
		return client.Identities(ctx)
	}
	uuid, err := client.BoundIdentity(ctx)
	if err != nil {
		return nil, err
	}
	identity, err := client.Identity(ctx, uuid)
	if err != nil {
		return nil, err
	}
	return []ravi.Identity{*identity}, nil
}
