package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/internal/server/jsonrpc"
)

var (
	// ErrShuttingDown is the cause of a request's cancellation when the server ends
	// (context.Cause). It wraps inbox.ErrShuttingDown, so that a wait ends as pending with its
	// cursor.
	ErrShuttingDown = fmt.Errorf("server: %w", inbox.ErrShuttingDown)
	// ErrCancelled is the cause of a request's cancellation when the client cancelled it. It wraps
	// context.Canceled.
	ErrCancelled = fmt.Errorf("server: cancelled by the client: %w", context.Canceled)
	// ErrAnswered is returned when something is sent for a request that is already answered or was
	// cancelled by the client. The protocol forbids to send it; a handler that sees this can stop.
	ErrAnswered = errors.New("server: the request is answered or cancelled")
)

// Transport is what a transport does for one request while that is handled. Each transport
// implements it for its requests, and begins an Exchange with it.
type Transport interface {
	// Yield is what the function Yield does.
	Yield() (resume func())
	// ShowsForms reports whether the client can show a form to a person, now and over this
	// transport.
	ShowsForms(ctx context.Context) bool
	// Elicit has the client show a form and waits for the answer as long as ctx lives. It is for
	// clients that ShowsForms is true of, and protocols up to 2025-11-25: later ones carry the form
	// in the result of the call.
	Elicit(ctx context.Context, params mcp.ElicitationParams) (*mcp.ElicitationResult, error)
	// Notify sends a notification on the stream of the request and returns once it is certain to
	// stand there before the request's answer. params is marshalled to JSON.
	Notify(ctx context.Context, method string, params any) error
	// AwaitAcknowledgement returns when the client was sent the acknowledgement of its
	// subscription, which the request is.
	AwaitAcknowledgement(ctx context.Context)
}

// Exchange is one request of a client: its transport, and what its handling leaves for the
// transport to write. The zero value is ready for Begin.
type Exchange struct {
	transport Transport
	env       *jsonrpc.Envelope
	progress  *ProgressReporter
	override  atomic.Pointer[ErrorOverride]
}

type exchangeKey struct{}

// Begin returns the context that the request is to be handled with. env is its message, the zero
// Envelope if it has none.
func (e *Exchange) Begin(ctx context.Context, t Transport, env *jsonrpc.Envelope) context.Context {
	e.transport, e.env = t, env
	if env.ProgressToken != nil {
		e.progress = NewProgress(env.ProgressToken, t.Notify)
	}
	return context.WithValue(ctx, exchangeKey{}, e)
}

// ErrorOverride returns the error that the request is to be answered with instead of mcp-go's; nil
// if that stands.
func (e *Exchange) ErrorOverride() *ErrorOverride { return e.override.Load() }

func exchangeFrom(ctx context.Context) *Exchange {
	e, _ := ctx.Value(exchangeKey{}).(*Exchange)
	return e
}

// TransportFrom returns the transport of the request that ctx belongs to, nil outside of a request.
func TransportFrom(ctx context.Context) Transport {
	if e := exchangeFrom(ctx); e != nil {
		return e.transport
	}
	return nil
}

// Progress returns the reporter of the request that ctx belongs to. The result is nil outside of a
// request, and for one that did not ask for progress; its methods may be called all the same.
func Progress(ctx context.Context) *ProgressReporter {
	if e := exchangeFrom(ctx); e != nil {
		return e.progress
	}
	return nil
}

// Yield says that the request of ctx does nothing but wait from now on, for a message or for a
// person: it stops counting against the bound on running calls, so that no number of waits delays
// another call. resume ends that. Over stdio it waits for a free place if it must, before all calls
// that have not begun, and gives up waiting when the request is cancelled; over HTTP, where calls
// are refused and never queue, it takes the place back at once. Call resume in any case; a second
// call of it does nothing. Yields nest. Outside of a tool call Yield does nothing.
func Yield(ctx context.Context) (resume func()) {
	if t := TransportFrom(ctx); t != nil {
		return t.Yield()
	}
	return func() {}
}

// DeclaresForms reports whether the client said that it shows forms to a person: with this request
// in protocol 2026-07-28, and before that at initialize.
func DeclaresForms(ctx context.Context) bool {
	if mcpserver.IsModernRequest(ctx) {
		info := mcpserver.RequestProtocolInfoFromContext(ctx)
		return info != nil && info.ClientCapabilities != nil && FormCapability(*info.ClientCapabilities)
	}
	client, ok := mcpserver.ClientSessionFromContext(ctx).(mcpserver.SessionWithClientInfo)
	return ok && FormCapability(client.GetClientCapabilities())
}

// FormCapability reports whether capabilities have forms among them: an empty elicitation
// capability means forms; one that lists only url does not.
func FormCapability(c mcp.ClientCapabilities) bool {
	return c.Elicitation != nil && (c.Elicitation.Form != nil || c.Elicitation.URL == nil)
}

// ElicitationResult reads what the client answered to elicitation/create.
func ElicitationResult(got jsonrpc.Reply) (*mcp.ElicitationResult, error) {
	if got.Err != nil {
		return nil, got.Err
	}
	var result mcp.ElicitationResult
	if json.Unmarshal(got.Result, &result) != nil {
		return nil, errors.New("server: the client's answer to an elicitation is malformed")
	}
	switch result.Action {
	case mcp.ElicitationResponseActionAccept, mcp.ElicitationResponseActionDecline, mcp.ElicitationResponseActionCancel:
		return &result, nil
	}
	return nil, errors.New("server: the client's answer to an elicitation names no known action")
}
