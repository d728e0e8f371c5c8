package inbox

import (
	"context"
	"iter"
	"time"

	"ravi-mcp/ravi"
)

// Source reads one identity's inbox. [FromScope] makes one of a *ravi.Scope. Lists may come in any
// order and may ignore filters; pages are followed. Implementations must be safe for concurrent use
// and end at once when the context does.
type Source interface {
	EmailMessages(context.Context, ravi.MessageFilter) iter.Seq2[ravi.EmailMessage, error]
	SMSMessages(context.Context, ravi.MessageFilter) iter.Seq2[ravi.SMSMessage, error]
	// EmailMessage and SMSMessage are asked when a list leaves out the text.
	EmailMessage(ctx context.Context, id int64) (*ravi.EmailMessage, error)
	SMSMessage(ctx context.Context, id int64) (*ravi.SMSMessage, error)
	// Events returns once the stream is connected; ravi.ErrUnsupported when there is no stream.
	Events(context.Context) (Stream, error)
}

// Stream is a connected event stream; *ravi.EventStream is one. The channel is closed when the
// stream has ended for good.
type Stream interface {
	Events() <-chan ravi.Event
	Err() error
	Close() error
}

// ServerClock is implemented by a Source that knows Ravi's clock, e.g. from the Date header of its
// answers. ok is false until it does.
type ServerClock interface {
	ServerTime() (now time.Time, ok bool)
}

// FromScope makes a Source of one identity's Ravi client.
func FromScope(s *ravi.Scope) Source { return scope{s} }

type scope struct{ *ravi.Scope }

// Events implements Source.
func (s scope) Events(ctx context.Context) (Stream, error) {
	stream, err := s.Scope.Events(ctx, ravi.EventsConfig{})
	if err != nil {
		return nil, err // not a nil *EventStream in an interface
	}
	return stream, nil
}

var _ interface {
	Source
	ServerClock
} = scope{}
