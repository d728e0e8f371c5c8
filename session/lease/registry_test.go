package lease_test

import (
	"context"
	"sync/atomic"
	"time"

	"ravi-mcp/session/lease"
)

// crashingRegistry is the way of one process to the book that it shares with others.
// What it asks for may be done, and the process killed before it hears of it.
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
