package inbox

import "errors"

// The failures of this package itself; those of package ravi pass through.
var (
	// ErrCursor: the cursor was never made, was made for another caller or identity, or has
	// expired. One error for all: arm again.
	ErrCursor = errors.New("inbox: the cursor is not valid")
	// ErrShuttingDown: the hub is closed. As the cause of a context it ends a wait as pending
	// instead of failing it.
	ErrShuttingDown = errors.New("inbox: the server is shutting down")
	// ErrTooManyWaits: this caller, or all callers together, have as many waits open as the hub
	// allows.
	ErrTooManyWaits = errors.New("inbox: too many waits are open")
	// ErrRequest: a Channel or Want that does not exist.
	ErrRequest = errors.New("inbox: no such channel or want")
)
