package ravi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The kinds of failure of this package. Test for them with errors.Is; the error that carries one is
// usually an *Error with more detail.
var (
	// ErrNotAuthenticated: there is no credential to send.
	ErrNotAuthenticated = errors.New("no Ravi credential")
	// ErrUnauthorized: Ravi refused the credential (401) and it cannot be refreshed.
	ErrUnauthorized = errors.New("credential refused by Ravi")
	// ErrTokenExpired: the access token has expired and the refresh failed, or there is no refresh
	// token (RAVI_ACCESS_TOKEN).
	ErrTokenExpired = errors.New("the Ravi access token has expired")
	// ErrForbidden: the wrong kind of key (403).
	ErrForbidden = errors.New("this Ravi credential may not do that")
	// ErrSubscriptionRequired: the account's plan does not cover the call (402).
	ErrSubscriptionRequired = errors.New("the Ravi plan does not cover this")
	// ErrNotFound: no such object, or it belongs to another identity (404).
	ErrNotFound = errors.New("not found at Ravi")
	// ErrConflict: the address is taken or the phone exists already (409).
	ErrConflict = errors.New("conflicts with what Ravi has")
	// ErrRateLimited: throttled (429); Error.RetryAfter says for how long.
	ErrRateLimited = errors.New("throttled by Ravi")
	// ErrInvalid: Ravi's validation refused the request (400); Error.Fields names the fields.
	ErrInvalid = errors.New("refused by Ravi's validation")
	// ErrUnsupported: this Ravi lacks the endpoint (404 or 405 on a route, or HTML in place of a
	// stream).
	ErrUnsupported = errors.New("this Ravi does not offer that")
	// ErrUnavailable: no answer, a broken one, or a 5xx.
	ErrUnavailable = errors.New("no usable answer from Ravi")
	// ErrLocked: a value is ciphertext (e2e::) and there is no key that opens it.
	ErrLocked = errors.New("the value is encrypted and no key is at hand")
	// ErrWrongIdentity: an identity key was asked to act for another identity.
	ErrWrongIdentity = errors.New("the credential belongs to another identity")
)

// Error is a failed call to Ravi. Its text names the operation, the status and the fields, and
// never a URL, a value or a word of the response body.
type Error struct {
	// Op is what was being done, e.g. "create identity".
	Op string
	// Status is the HTTP status, 0 when there was no answer.
	Status int
	// Kind is one of the sentinels above.
	Kind error
	// Fields are the names of the request fields that validation refused.
	Fields []string
	// RetryAfter is how long Ravi asks to wait; 0 when it does not say.
	RetryAfter time.Duration
	// Detail is one more sentence for the reader, e.g. what to do about it; may be empty.
	Detail string
	// Cause is the underlying error, if any; its text is not part of Error's.
	Cause error

	// unsent: the request never reached Ravi, so that any may be repeated. lost: it may have, so
	// that only idempotent ones may.
	unsent, lost bool
}

// Unanswered reports whether a call that failed may have been carried out all the same: its answer
// was lost, and it could not be found out either. A look at what exists has to come before a
// repetition.
func (e *Error) Unanswered() bool { return e.lost }

// Refused reports whether Ravi has answered that it will not carry the call out, and so certainly
// has not.
func (e *Error) Refused() bool {
	return e.Status/100 == 4 && e.Status != http.StatusRequestTimeout && !e.lost
}

// Error returns one line that is safe to log.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ravi: %s: %v", e.Op, e.Kind)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (status %d)", e.Status)
	}
	if len(e.Fields) > 0 {
		fmt.Fprintf(&b, " (fields: %s)", strings.Join(e.Fields, ", "))
	}
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	return b.String()
}

// Unwrap returns the sentinel and the cause, for errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
