package lease

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"ravi-mcp/internal/token"
)

// entryLife is how long a sealed entry can be opened: longer than any lease is renewed.
const entryLife = 100 * 365 * 24 * time.Hour

// Entry is a lease as a Registry keeps it.
type Entry struct {
	// ID names the lease, and nothing else.
	ID string
	// Name, Caller and Credential are what the lease is found by. A Registry keeps no more of them
	// than hashes, and does not return them.
	Name, Caller, Credential string
	// UUID is the identity; "" is not known yet, or it never came about.
	UUID string
	// TTL is for how long a use renews it.
	TTL time.Duration
	// Data is all that is known of it, sealed.
	Data string
	// Fence counts how often the lease was taken. The last to take it has the highest.
	Fence int64
	// Age is how long ago it was added, by the Registry's clock. Only the Registry sets it.
	Age time.Duration
}

// Registry keeps leases for several processes. Every method is atomic. An error means that the
// Registry did not answer, and the operation may have happened all the same. Times are those of its
// own clock.
type Registry interface {
	// Ping reports whether the Registry answers.
	Ping(ctx context.Context) error
	// Add writes a lease, unless one of that ID is there, about which something is to be done after
	// due.
	Add(ctx context.Context, e Entry, due time.Duration) error
	// Update replaces a lease and gives it back, unless it is gone, or was taken since e.Fence;
	// then it reports false.
	Update(ctx context.Context, e Entry, due time.Duration) (bool, error)
	// Renew puts the end of an identity's lease off to its TTL and grace after a use that was some
	// time ago, if it is the caller's and was not taken.
	Renew(ctx context.Context, caller, uuid string, ago, grace time.Duration) error
	// Named returns the leases of a credential under a name.
	Named(ctx context.Context, credential, name string) ([]Entry, error)
	// Leased reports whether there is a lease of an identity.
	Leased(ctx context.Context, uuid string) (bool, error)
	// Take returns leases of these credentials that are due, which no other process gets for the
	// time of hold. One that has a uuid can never be renewed again.
	Take(ctx context.Context, credentials []string, hold time.Duration, most int) ([]Entry, error)
	// Holds reports whether a lease is there and was not taken since fence.
	Holds(ctx context.Context, id string, fence int64) (bool, error)
	// Drop ends a lease, unless it was taken since fence.
	Drop(ctx context.Context, id string, fence int64) error
	// DropIdentity ends the lease of an identity, also one that was taken.
	DropIdentity(ctx context.Context, uuid string) error
}

// seal makes an entry of a lease. It is sealed to its ID: without the key it can neither be changed
// nor put under another one.
func (m *Manager) seal(r record, fence int64) (Entry, error) {
	e := Entry{ID: r.ID, Name: r.Name, Caller: r.Caller, Credential: r.Credential, UUID: r.UUID, TTL: r.TTL, Fence: fence}
	data, err := json.Marshal(r)
	if err == nil {
		e.Data, err = m.Sealer.Seal(token.Binding{Identity: r.ID, Purpose: "lease"}, entryLife, data)
	}
	return e, err
}

func (m *Manager) open(e Entry) (r record, err error) {
	data, err := m.Sealer.Open(token.Binding{Identity: e.ID, Purpose: "lease"}, e.Data)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err == nil && !(r.valid() && r.ID == e.ID) {
		err = errors.New("lease: a lease in the store is not whole")
	}
	return r, err
}
