package server

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// ErrProgressOrder is returned by Report for a progress that does not rise, as the protocol
// demands. Nothing is sent then.
var ErrProgressOrder = errors.New("server: progress must rise with every report")

// ProgressReporter sends notifications/progress for one request; nil sends nothing. Safe for
// concurrent use; reports go out in the order of their calls.
type ProgressReporter struct {
	token  json.RawMessage
	notify func(ctx context.Context, method string, params any) error

	mu   sync.Mutex
	any  bool
	last float64
}

// NewProgress returns a reporter for a request whose _meta.progressToken was token, as written
// (jsonrpc.Envelope.ProgressToken). notify is that of its Transport.
func NewProgress(token json.RawMessage, notify func(ctx context.Context, method string, params any) error) *ProgressReporter {
	return &ProgressReporter{token: token, notify: notify}
}

// Report tells the client how far the request is: progress, which must rise from call to call,
// total (0 = unknown) and a short text for a person, which must hold no secret. It does nothing,
// and returns nil, when the client did not ask for progress. It returns ErrProgressOrder,
// ErrAnswered, or an error of the transport; none of them need end the request.
func (p *ProgressReporter) Report(ctx context.Context, progress, total float64, message string) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.any && progress <= p.last {
		return ErrProgressOrder
	}
	p.any, p.last = true, progress
	return p.notify(ctx, string(mcp.MethodNotificationProgress), progressParams{p.token, progress, total, message})
}

type progressParams struct {
	Token    json.RawMessage `json:"progressToken"`
	Progress float64         `json:"progress"`
	Total    float64         `json:"total,omitempty"`
	Message  string          `json:"message,omitempty"`
}
