package lease_test

import (
	"context"
	"sync/atomic"
	"time"

	"ravi-mcp/session/lease"
)

// mortalBook is the way of one process to the book that it shares with others.
// What it asks for may be done, and the process killed before it hears of it.
type mortalBook struct {
	lease.Book
	life *life
	down *atomic.Bool // for all processes
}

func (b *mortalBook) do(op func() error) error {
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

func (b *mortalBook) Ping(ctx context.Context) error {
	return b.do(func() error { return b.Book.Ping(ctx) })
}

func (b *mortalBook) Add(ctx context.Context, e lease.Entry, due time.Duration) error {
	return b.do(func() error { return b.Book.Add(ctx, e, due) })
}

func (b *mortalBook) Update(ctx context.Context, e lease.Entry, due time.Duration) (ok bool, err error) {
	err = b.do(func() (err error) { ok, err = b.Book.Update(ctx, e, due); return err })
	return ok, err
}

func (b *mortalBook) Renew(ctx context.Context, caller, uuid string, ago, grace time.Duration) error {
	return b.do(func() error { return b.Book.Renew(ctx, caller, uuid, ago, grace) })
}

func (b *mortalBook) Named(ctx context.Context, credential, name string) (all []lease.Entry, err error) {
	err = b.do(func() (err error) { all, err = b.Book.Named(ctx, credential, name); return err })
	return all, err
}

func (b *mortalBook) Leased(ctx context.Context, uuid string) (ok bool, err error) {
	err = b.do(func() (err error) { ok, err = b.Book.Leased(ctx, uuid); return err })
	return ok, err
}

func (b *mortalBook) Take(ctx context.Context, credentials []string, hold time.Duration, most int) (all []lease.Entry, err error) {
	err = b.do(func() (err error) { all, err = b.Book.Take(ctx, credentials, hold, most); return err })
	return all, err
}

func (b *mortalBook) Holds(ctx context.Context, id string, fence int64) (ok bool, err error) {
	err = b.do(func() (err error) { ok, err = b.Book.Holds(ctx, id, fence); return err })
	return ok, err
}

func (b *mortalBook) Drop(ctx context.Context, id string, fence int64) error {
	return b.do(func() error { return b.Book.Drop(ctx, id, fence) })
}

func (b *mortalBook) DropIdentity(ctx context.Context, uuid string) error {
	return b.do(func() error { return b.Book.DropIdentity(ctx, uuid) })
}
