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
	mostRetry  = 5 * time.Minute
)

// backend keeps leases and ends them when they are due. There are two: journals,
// for the leases of one process, and shared, for those of replicas.
type backend interface {
	// begin notes an intent. When it has returned, the note outlives the process.
	begin(r record) error
	// created notes the identity that an intent became.
	created(r record)
	// failed ends an intent that Ravi has refused. Any other is looked for later.
	failed(id string, refused bool)
	// claim returns ErrNameInFlight while an intent of that name can come about,
	// and gives up older ones that would be found by that name only.
	claim(credential, name string) error
	// used renews the lease of an identity, if there is one of that caller.
	used(u use)
	// forget ends the lease of an identity that was deleted.
	forget(uuid string)
	// leased reports whether an identity belongs to a lease other than except.
	leased(ctx context.Context, uuid, except string) (bool, error)
	// run deletes what is due, until ctx ends.
	run(ctx context.Context)
	// end gives back what the process holds.
	end(ctx context.Context)
}

// use is a caller's use of an identity.
type use struct{ caller, uuid string }

// repeat calls sweep until ctx ends: at the time that it has returned, or when
// wake is signalled.
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
