// Package fault is what a client is told when a call fails: a closed set of codes, and an error
// with two messages. The safe one says what happened, what to do next and whether a retry helps; it
// goes to the client. The full one is the cause; it goes to the log, and the two are tied together
// by an id.
//
// Handlers return a *Error for what they know, or any error; From turns the errors of packages ravi
// and ravi/config into the right *Error, and everything it does not know into Internal.
package fault

import (
	"errors"
	"time"
)

// Error is a failure in words a client may see. Message, Hint and Reason must never hold a secret,
// a value that the caller sent, or text from upstream.
type Error struct {
	Code Code
	// Message says what happened, in one sentence.
	Message string
	// Hint says what to do next.
	Hint string
	// Reason refines Denied and a few others with one word, e.g. "policy".
	Reason string
	// RetryAfter is how long to wait before a retry; 0 when unknown.
	RetryAfter time.Duration
	// Cause is for the log only; it is not part of any text of Error.
	Cause error
}

// New returns an Error with a message and a hint.
func New(code Code, message, hint string) *Error {
	return &Error{Code: code, Message: message, Hint: hint}
}

// WithCause returns a copy of e that carries cause for the log.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// WithReason returns a copy of e with the given reason.
func (e *Error) WithReason(reason string) *Error {
	c := *e
	c.Reason = reason
	return &c
}

// Error returns the safe message.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is an *Error of the same code, so that errors.Is(err,
// &fault.Error{Code: fault.NotFound}) holds.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code && t.Message == ""
}

// Has reports whether err is, or wraps, an *Error with the given code.
func Has(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// Body is the JSON object that stands in the text block of an error result and in its _meta under
// "ravi-mcp/error".
type Body struct {
	Code              Code   `json:"code"`
	Message           string `json:"message"`
	Hint              string `json:"hint"`
	Retryable         bool   `json:"retryable"`
	RetryAfterSeconds int    `json:"retry_after_seconds,omitempty"`
	Reason            string `json:"reason,omitempty"`
}

// Body returns what the client sees of e. Seconds are rounded up.
func (e *Error) Body() Body {
	return Body{
		Code: e.Code, Message: e.Message, Hint: e.Hint, Reason: e.Reason,
		Retryable:         e.Code.Retryable(),
		RetryAfterSeconds: int((e.RetryAfter + time.Second - 1) / time.Second),
	}
}
