package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"time"
)

// Call is the caller and origin of a request: what a transport knows of it before anything is
// looked up. Transports put it into the context.
type Call struct {
	Caller *Caller
	// Session is the protocol session's id. It means nothing without Caller, and is empty where the
	// protocol has no sessions (2026-07-28 and later).
	Session string
	// Header is the value of X-Ravi-Identity, if the transport has headers.
	Header string
	// Shared says that several agents may stand behind this session without its telling them apart:
	// its caller is shared, or it is a stdio process that was initialized more than once.
	Shared bool
	// RequestID ties the answer, the log lines and the audit line together.
	RequestID string
}

// HasSession reports whether the call belongs to a session that can remember something for it: one
// that the protocol has, and that no two agents share.
func (c Call) HasSession() bool { return c.Session != "" && !c.Shared }

// Key names the state of the call's session.
func (c Call) Key() Key { return Key{Caller: c.Caller.Name, Session: c.Session} }

type callKey struct{}

// WithCall returns a context that carries call.
func WithCall(ctx context.Context, call Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// CallFrom returns the call that the transport put into ctx. It reports false where there is none,
// which a server must treat as a caller without any rights.
func CallFrom(ctx context.Context) (Call, bool) {
	call, ok := ctx.Value(callKey{}).(Call)
	return call, ok && call.Caller != nil
}

// NewID returns 128 random bits in hexadecimal, for ids of requests, leases and stdio sessions.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails (Go 1.24)
	return hex.EncodeToString(b[:])
}

// NewSessionID returns 256 random bits in base64url.
func NewSessionID() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// timeBy returns what a clock says; nil is time.Now.
func timeBy(clock func() time.Time) time.Time {
	if clock == nil {
		return time.Now()
	}
	return clock()
}
