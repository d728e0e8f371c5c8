package session

import (
	"context"
	"time"
)

// Locker is a Store that several processes share, and that can keep two of them
// from doing the same thing at the same time.
type Locker interface {
	// Lock waits for the lock of a name and returns the function that gives it
	// back. It ends by itself after ttl. It fails when ctx ends, or when the
	// store cannot answer.
	Lock(ctx context.Context, name string, ttl time.Duration) (unlock func(), err error)
}
