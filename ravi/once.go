package ravi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// errCannotTell is returned by a finder that has nothing to find by.
var errCannotTell = errors.New("cannot tell")

// createdBy is an answer to a creation: a pointer to a T that knows whether it is one at all.
type createdBy[T any] interface {
	*T
	valid() bool
}

// once makes a creation that must not happen twice. When it is unknown whether Ravi carried it out,
// because the answer was lost or makes no sense, find looks for the result among what was created
// since; only if there is none the creation is sent once more, and that only if Ravi has surely
// ended with the first attempt: one that is merely late may still be carried out. Once an answer
// was lost, every error is Unanswered: what comes after it says nothing about the first attempt.
func once[T any, P createdBy[T]](ctx context.Context, c *Client, k call, find func(since time.Time) (*T, error)) (*T, error) {
	start := time.Now()
	for attempt := 1; ; attempt++ {
		v, err := send[T](ctx, c, k)
		if err == nil && v != nil && P(v).valid() {
			return v, nil
		}
		if err == nil {
			err = &Error{Op: k.op, Kind: ErrUnavailable, Cause: errShape, lost: true}
		}
		failed, ok := errors.AsType[*Error](err)
		if !ok || attempt == 1 && !failed.lost && !errors.Is(failed.Cause, errShape) {
			return nil, err
		}
		pause := retry{budget: c.conf.RetryTime}
		if ctx.Err() != nil || !pause.wait(ctx, true, &Error{lost: true}) {
			return nil, unsure(failed)
		}
		found, findErr := find(c.ravisTime(start))
		if findErr == nil && found != nil {
			return found, nil
		}
		if findErr != nil || attempt == 2 || isLate(failed) {
			return nil, unsure(failed)
		}
	}
}

// isLate reports whether this client, or a proxy of Ravi, ended the wait for an answer.
func isLate(e *Error) bool {
	network, ok := errors.AsType[net.Error](e.Cause)
	return e.Status == http.StatusGatewayTimeout || ok && network.Timeout()
}

// unsure says that a creation may have happened.
func unsure(e *Error) *Error {
	named := *e
	named.lost = true
	named.Detail = "its answer was lost: it may have happened"
	return &named
}
