package lease

import (
	"context"
	"maps"
	"time"
)

// reportUse reports a use, or remembers it for later.
func (b *shared) reportUse(ctx context.Context, u use, at time.Time) error {
	err := b.m.Registry.Renew(ctx, u.caller, u.uuid, b.m.now().Sub(at), reportEvery)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil && !b.pending.uses[u].After(at):
		delete(b.pending.uses, u)
	case err != nil:
		b.postpone(u, at)
		b.outage = b.m.now()
	}
	return err
}

// report reports all that is pending, as far as the Registry answers, and returns
// when to come again.
func (b *shared) report(ctx context.Context) time.Time {
	b.mu.Lock()
	uses, created, refused := maps.Clone(b.pending.uses), maps.Clone(b.pending.created), maps.Clone(b.pending.refused)
	b.mu.Unlock()
	again := b.m.now().Add(b.pace())
	for u, at := range uses {
		if b.reportUse(ctx, u, at) != nil {
			return again
		}
	}
	for id, entry := range created {
		done, err := b.reportCreated(ctx, entry)
		if err != nil {
			return again
		}
		if done {
			b.mu.Lock()
			delete(b.pending.created, id)
			b.mu.Unlock()
		}
	}
	for id := range refused {
		if b.m.Registry.Drop(ctx, id, 0) != nil {
			return again
		}
		b.mu.Lock()
		delete(b.pending.refused, id)
		b.mu.Unlock()
	}
	return again
}

// reportCreated notes a uuid, also where another replica has meanwhile looked for
// the identity: what that one found stands, and what it gave up is added again.
func (b *shared) reportCreated(ctx context.Context, entry Entry) (done bool, err error) {
	if done, err = b.m.Registry.Update(ctx, entry, entry.TTL+reportEvery); done || err != nil {
		return done, err
	}
	if done, err = b.m.Registry.Leased(ctx, entry.UUID); done || err != nil {
		return done, err
	}
	return false, b.m.Registry.Add(ctx, entry, entry.TTL+reportEvery)
}
