package ravi

import (
	"cmp"
	"context"
	"errors"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	defaultSilence = 90 * time.Second
	minReconnect   = 500 * time.Millisecond
	maxReconnect   = 30 * time.Second
	maxEvent       = 1 << 20
	eventBuffer    = 64
)

// EventsConfig tunes an event stream. The zero value is fine.
type EventsConfig struct {
	// Silence is for how long Ravi may send nothing, not even a heartbeat, before the stream is
	// taken for dead and connected anew. Default 90 s.
	Silence time.Duration
	// LastEventID asks Ravi to replay what came after it. Default: nothing.
	LastEventID string
}

// EventStream is an open event stream. Read Events until it is closed.
type EventStream struct {
	s      *Scope
	cfg    EventsConfig
	events chan Event
	cancel context.CancelFunc
	done   chan struct{}
	mu     sync.Mutex // guards err
	err    error
	lastID string // of the reader only
}

// Events opens the identity's event stream and returns when it is connected. From then on it
// reconnects by itself, with backoff and Last-Event-ID, and says so by EventDisconnected and
// EventConnected. It ends with ctx, with Close, with the client, or when Ravi refuses it for good.
//
// Errors: ErrUnsupported when this Ravi has no stream (404, 405, 406, 204, or a page instead of a
// stream); others as for every call. A connection that fails is not tried again here: poll, and try
// later.
func (s *Scope) Events(ctx context.Context, cfg EventsConfig) (*EventStream, error) {
	cfg.Silence = cmp.Or(cfg.Silence, defaultSilence)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.c.ctx, cancel)
	e := &EventStream{
		s: s, cfg: cfg, events: make(chan Event, eventBuffer), done: make(chan struct{}), lastID: cfg.LastEventID,
		cancel: func() { stop(); cancel() },
	}
	conn, err := e.connect(ctx)
	if err != nil {
		e.cancel()
		return nil, err
	}
	if !s.c.spawn(func() { e.run(ctx, conn) }) {
		conn.close()
		e.cancel()
		return nil, &Error{Op: streamOp, Kind: ErrUnavailable, Detail: "the client is closed"}
	}
	return e, nil
}

// Events returns the channel of wake-ups. It is closed when the stream has ended. A reader that is
// slow loses no kind of event, only repetitions.
func (e *EventStream) Events() <-chan Event { return e.events }

// Close ends the stream and waits until it has ended. It returns nil.
func (e *EventStream) Close() error {
	e.cancel()
	<-e.done
	return nil
}

// Err returns why the stream has ended: nil while it has not, and after Close or the end of its
// context.
func (e *EventStream) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// run reads connection after connection.
func (e *EventStream) run(ctx context.Context, conn *connection) {
	defer close(e.done)
	defer close(e.events)
	defer e.cancel()
	backoff := newBackoff(minReconnect, maxReconnect)
	for {
		began := time.Now()
		got := e.read(conn)
		conn.close()
		if ctx.Err() != nil {
			return
		}
		e.emit(Event{Kind: EventDisconnected})
		// A connection that did its work is no reason to wait longer.
		if got || time.Since(began) >= maxReconnect {
			backoff.Reset()
		}
		for {
			if !sleep(ctx, backoff.NextBackOff()) {
				return
			}
			var err error
			if conn, err = e.connect(ctx); err == nil {
				break
			}
			if ctx.Err() != nil {
				return
			}
			if isFinal(err) {
				e.mu.Lock()
				e.err = err
				e.mu.Unlock()
				return
			}
		}
		e.emit(Event{Kind: EventConnected})
	}
}

// isFinal tells a refusal from a failure that may pass.
func isFinal(err error) bool {
	return !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrRateLimited)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// emit hands an event to the reader without ever waiting for it. When the reader is far behind, the
// last event of each kind is kept: each tells the reader to look at everything of its kind.
func (e *EventStream) emit(ev Event) {
	select {
	case e.events <- ev:
		return
	default:
	}
	var kept []Event
	for full := true; full; {
		select {
		case old := <-e.events:
			kept = append(kept, old)
		default:
			full = false
		}
	}
	kept = append(kept, ev)
	last := map[EventKind]int{}
	for i, k := range kept {
		last[k.Kind] = i
	}
	for i, k := range kept {
		if last[k.Kind] == i {
			e.events <- k // there is room: only this goroutine sends
		}
	}
}

// kindOfEvent sorts an event by its name ("email", "sms", or the channels "email_owner",
// "email_trusted", … of later eras).
func kindOfEvent(name string) EventKind {
	name = strings.ToLower(name)
	switch {
	case strings.HasPrefix(name, "email"):
		return EventEmail
	case strings.HasPrefix(name, "sms"):
		return EventSMS
	}
	return EventOther
}

// isStream reports whether an answer is an event stream at all.
func isStream(resp *http.Response) bool {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && kind == "text/event-stream"
}
