package tool

import (
	"context"
	"sync"
	"time"

	"ravi-mcp/session"
)

// lockLife is how long a lock may hold up other replicas when the one that has it is gone: longer
// than any call that does not wait.
const lockLife = time.Minute

// Lock serialises work on one name, also between replicas that share a store.
func (d *Deps) Lock(ctx context.Context, name string) (unlock func(), err error) {
	own, err := d.names.lock(ctx, name)
	if err != nil {
		return nil, err
	}
	shared, ok := d.Store.(session.Locker)
	if !ok {
		return own, nil
	}
	defer func() {
		if unlock == nil { // after an error or a panic
			own()
		}
	}()
	everywhere, err := shared.Lock(ctx, name, lockLife)
	if err != nil {
		return nil, err
	}
	return func() {
		defer own()
		everywhere()
	}, nil
}

// keyedLocks serialises work on one name. The zero value is ready for use.
type keyedLocks struct {
	mu   sync.Mutex
	held map[string]*keyedLock
}

type keyedLock struct {
	turn  chan struct{} // holds one token while the lock is free
	users int
}

// lock takes the lock of key and returns the function that gives it back. It fails with the cause
// of ctx when that ends first.
func (k *keyedLocks) lock(ctx context.Context, key string) (unlock func(), err error) {
	k.mu.Lock()
	if k.held == nil {
		k.held = make(map[string]*keyedLock)
	}
	l := k.held[key]
	if l == nil {
		l = &keyedLock{turn: make(chan struct{}, 1)}
		l.turn <- struct{}{}
		k.held[key] = l
	}
	l.users++
	k.mu.Unlock()

	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.held, key)
		}
	}
	select {
	case <-l.turn:
		return func() {
			l.turn <- struct{}{}
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
