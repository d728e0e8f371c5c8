package lease_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/session/lease"
)

// crashingRegistry is the way of one process to the book that it shares with others. What it asks
// for may be done, and the process killed before it hears of it.
type crashingRegistry struct {
	lease.Registry
	life *lifetime
	down *atomic.Bool // for all processes
}

func (b *crashingRegistry) do(op func() error) error {
	if err := b.life.step(); err != nil {
		return err
	}
	if b.down.Load() {
		return errWire
	}
	err := op()
	if dead := b.life.step(); dead != nil {
		return dead
	}
	return err
}

func (b *crashingRegistry) Ping(ctx context.Context) error {
	return b.do(func() error { return b.Registry.Ping(ctx) })
}

func (b *crashingRegistry) Add(ctx context.Context, e lease.Entry, due time.Duration) error {
	return b.do(func() error { return b.Registry.Add(ctx, e, due) })
}

func (b *crashingRegistry) Update(ctx context.Context, e lease.Entry, due time.Duration) (ok bool, err error) {
	err = b.do(func() (err error) { ok, err = b.Registry.Update(ctx, e, due); return err })
	return ok, err
}

func (b *crashingRegistry) Renew(ctx context.Context, caller, uuid string, ago, grace time.Duration) error {
	return b.do(func() error { return b.Registry.Renew(ctx, caller, uuid, ago, grace) })
}

func (b *crashingRegistry) Named(ctx context.Context, credential, name string) (all []lease.Entry, err error) {
	err = b.do(func() (err error) { all, err = b.Registry.Named(ctx, credential, name); return err })
	return all, err
}

func (b *crashingRegistry) Leased(ctx context.Context, uuid string) (ok bool, err error) {
	err = b.do(func() (err error) { ok, err = b.Registry.Leased(ctx, uuid); return err })
	return ok, err
}

func (b *crashingRegistry) Take(ctx context.Context, credentials []string, hold time.Duration, most int) (all []lease.Entry, err error) {
	err = b.do(func() (err error) { all, err = b.Registry.Take(ctx, credentials, hold, most); return err })
	return all, err
}

func (b *crashingRegistry) Holds(ctx context.Context, id string, fence int64) (ok bool, err error) {
	err = b.do(func() (err error) { ok, err = b.Registry.Holds(ctx, id, fence); return err })
	return ok, err
}

func (b *crashingRegistry) Drop(ctx context.Context, id string, fence int64) error {
	return b.do(func() error { return b.Registry.Drop(ctx, id, fence) })
}

func (b *crashingRegistry) DropIdentity(ctx context.Context, uuid string) error {
	return b.do(func() error { return b.Registry.DropIdentity(ctx, uuid) })
}

// countedRegistry has leases of all identities, and counts who asks.
type countedRegistry struct {
	lease.Registry
	asked int
}

func (r *countedRegistry) Leased(context.Context, string) (bool, error) {
	r.asked++
	return true, nil
}

func TestUnknownAgeStopsBeforeTheRegistryIsAsked(t *testing.T) {
	t.Parallel()
	registry := &countedRegistry{}
	m := &lease.Manager{Registry: registry}
	identities := []ravi.Identity{{UUID: "a", Name: "task"}, {UUID: "b", Name: "task", Created: time.Now()}}
	found, err := m.FindByName(t.Context(), identities, "task")
	require.NoError(t, err)
	assert.Empty(t, found)
	assert.Zero(t, registry.asked)
	found, err = m.FindByName(t.Context(), identities[1:], "task")
	require.NoError(t, err)
	assert.Empty(t, found, "it belongs to a lease")
	assert.Equal(t, 1, registry.asked)
}
