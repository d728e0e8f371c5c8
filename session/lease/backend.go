package lease

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// settleTime bounds one attempt to find or delete an identity.
	settleTime = 45 * time.Second
	// settleAtOnce is how many attempts run at a time.
	settleAtOnce = 8

	firstRetry = 5 * time.Second
	maxRetry   = 5 * time.Minute
)

// backend keeps leases and ends them when they are due. There are two: journals, for the leases of
// one process, and shared, for those of replicas.
type backend interface {
	// begin notes an intent. When it has returned, the note outlives the process.
	begin(r record) error
	// created notes the identity that an intent became.
	created(r record)
	// failed ends an intent that Ravi has refused. Any other is looked for later.
	failed(id string, refused bool)
	// claim returns ErrNameInFlight while an intent of that name can come about, and gives up older
	// ones that would be found by that name only.
	claim(credential, name string) error
	// used renews the lease of an identity, if there is one of that caller.
	used(u use)
	// forget ends the lease of an identity that was deleted.
	forget(uuid string)
	// run deletes what is due, until ctx ends.
	run(ctx context.Context)
	// end gives back what the process holds.
	end(ctx context.Context)
}

// use is a caller's use of an identity.
type use struct{ caller, uuid string }

// repeat calls sweep until ctx ends: at the time that it has returned, or when wake is signalled.
func (m *Manager) repeat(ctx context.Context, sweep func(context.Context) time.Time, wake <-chan struct{}) {
	for ctx.Err() == nil {
		timer := time.NewTimer(sweep(ctx).Sub(m.now()))
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// inParallel calls settle for each lease, for a few at a time.
func inParallel[T any](ctx context.Context, leases []T, settle func(context.Context, T)) {
	var group errgroup.Group
	group.SetLimit(settleAtOnce)
	for _, one := range leases {
		group.Go(func() error {
			once, cancel := context.WithTimeout(ctx, settleTime)
			defer cancel()
			settle(once, one)
			return nil
		})
	}
	_ = group.Wait()
}

// record is all that is known of one lease, as a journal or a Registry keeps it. It names a
// credential and never holds one.
type record struct {
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	Known      []string      `json:"known,omitempty"` // bore the name before the creation
	Credential string        `json:"credential"`
	Caller     string        `json:"caller"`
	Persistent bool          `json:"shared,omitempty"`  // outlives its process
	Address    string        `json:"address,omitempty"` // asked for: what its address begins with, before the @
	ByAddress  bool          `json:"heeded,omitempty"`  // this Ravi gives the addresses that it is asked for
	Intended   time.Time     `json:"intended"`          // by our clock
	Ahead      time.Duration `json:"ahead,omitempty"`   // of Ravi's clock
	Clock      bool          `json:"clock,omitempty"`   // Ahead is known
	TTL        time.Duration `json:"ttl"`
	UUID       string        `json:"uuid,omitempty"` // "": created, perhaps
	Expires    time.Time     `json:"expires,omitzero"`
	Gone       bool          `json:"gone,omitempty"`
	Owned      bool          `json:"owned,omitempty"` // is to stay, unless its owner was not recorded
}

// valid reports whether a record can be acted upon at all.
func (r record) valid() bool {
	return r.ID != "" && r.Name != "" && r.Credential != "" && !r.Intended.IsZero() && r.TTL > 0 && (r.UUID == "" || !r.Expires.IsZero())
}

// inFlight reports whether a creation of that name can still come about.
func (r record) inFlight(credential, name string, now time.Time) bool {
	return r.UUID == "" && !r.Gone && r.Name == name && r.Credential == credential && now.Before(r.Intended.Add(claimWindow))
}
