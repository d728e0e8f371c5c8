package http

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
)

// answer is the response to one request, as mcp-go and the request's own progress write it. Notifications of ours go
// straight to the client, in the order in which they are reported: mcp-go's channel loses the last one, and gives those of
// concurrent calls to each other (MCP.md section 2.3, traps 11 to 13). The first one makes the response an event stream;
// what mcp-go then writes as plain JSON becomes the last event.
type answer struct {
	w       http.ResponseWriter
	control *http.ResponseController

	mu     sync.Mutex
	header http.Header // as mcp-go sets it; nobody else touches it
	status int
	sent   bool // the head is on its way
	stream bool // the response is an event stream
	ended  bool
	err    error
	// opens marks the response to initialize: it has the id of a session only if that was opened.
	opens, opened bool
	// begun, if not nil, is closed when the head is on its way.
	begun chan struct{}
	// exchange may override the error with which the request of this id is answered.
	exchange *server.Exchange
	id       json.RawMessage
	// replies marks the response to a client's answer. That it finds no question does not mean that the session is gone,
	// as 404 would: another replica may have asked.
	replies bool
}

func newAnswer(w http.ResponseWriter, opens bool) *answer {
	return &answer{w: w, header: make(http.Header, 2), opens: opens}
}

// Header, WriteHeader, Write, Flush and CanStream are what mcp-go writes the response with.
func (a *answer) Header() http.Header { return a.header }

// CanStream reports that the response may become a stream: clients that would not take one are refused before.
func (a *answer) CanStream() bool { return true }

func (a *answer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if o := a.override(); o != nil && o.Status != 0 && !a.events() {
		status = o.Status
	}
	if a.replies && status == http.StatusNotFound {
		status = http.StatusServiceUnavailable
		a.header.Set("Retry-After", "1")
	}
	if a.status == 0 {
		a.status = status
	}
	// The head waits for the first byte where it depends on it. An empty answer, and a stream, have no such byte.
	if !a.sent && (status != http.StatusOK || a.events()) {
		a.head()
	}
}

// override is the error to answer with in place of mcp-go's, or nil.
func (a *answer) override() *server.ErrorOverride {
	if a.exchange == nil {
		return nil
	}
	return a.exchange.ErrorOverride()
}

// events reports whether mcp-go writes events and not plain JSON.
func (a *answer) events() bool {
	v := a.header["Content-Type"]
	return len(v) == 1 && v[0] == valueEvents[0]
}

// head sends the head of the response. The caller holds mu.
func (a *answer) head() {
	if !a.sent && a.begun != nil {
		close(a.begun)
	}
	a.sent = true
	if a.status == 0 {
		a.status = http.StatusOK
	}
	h := a.w.Header()
	for name, values := range a.header {
		if name == "Connection" || name == "Cache-Control" || name == headerSession && !a.opened {
			continue
		}
		h[name] = values
	}
	if a.stream = a.stream || a.events(); a.stream {
		h["Content-Type"] = valueEvents
		h["X-Accel-Buffering"] = valueUnbuffered
	}
	a.w.WriteHeader(a.status)
}

var (
	eventOpen  = []byte("event: message\ndata: ")
	eventClose = []byte("\n\n")
)

func (a *answer) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return 0, a.err
	}
	if !a.sent {
		if a.opens {
			a.opened = succeeded(p)
		}
		a.head()
	}
	size := len(p)
	if o := a.override(); o != nil && !a.events() {
		p = jsonrpc.Response(a.id, o.Body, true)
	}
	if !a.stream {
		_, err := a.write(p)
		return size, err
	}
	if a.events() {
		// mcp-go knows that this is a stream and writes whole events.
		return a.write(p)
	}
	if err := a.last(p); err != nil {
		return 0, err
	}
	return size, nil
}

// result sends the answer of a call that mcp-go has no part in.
func (a *answer) result(id, body []byte) {
	message := make([]byte, 0, len(body)+len(id)+40)
	message = append(append(append(append(message, jsonrpc.Open...), id...), jsonrpc.Result...), body...)
	message = append(message, '}', '\n')
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.err != nil:
	case a.sent:
		a.last(message)
	default:
		a.sent, a.ended = true, true
		h := a.w.Header()
		h["Content-Type"] = valueJSON
		h["Content-Length"] = []string{strconv.Itoa(len(message))}
		a.w.WriteHeader(http.StatusOK)
		_, _ = a.write(message)
	}
}

// last writes an answer as the last event of the stream. The caller holds mu.
func (a *answer) last(message []byte) error {
	a.ended = true
	for _, part := range [][]byte{eventOpen, bytes.TrimSuffix(message, eventClose[:1]), eventClose} {
		if _, err := a.write(part); err != nil {
			return err
		}
	}
	return nil
}

// write writes to the client. The caller holds mu.
func (a *answer) write(p []byte) (int, error) {
	n, err := a.w.Write(p)
	if err != nil && a.err == nil {
		a.err = err
	}
	return n, err
}

func (a *answer) Flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flush()
}

func (a *answer) flush() {
	if a.sent && a.err == nil {
		a.err = a.controller().Flush()
	}
}

func (a *answer) controller() *http.ResponseController {
	if a.control == nil {
		a.control = http.NewResponseController(a.w)
	}
	return a.control
}

// succeeded reports whether an answer is a result.
func succeeded(message []byte) bool {
	var body struct{ Result json.RawMessage }
	return json.Unmarshal(message, &body) == nil && len(body.Result) > 0
}

// notify sends a notification on the response.
func (a *answer) notify(ctx context.Context, method string, params any) error {
	return a.send(ctx, "", method, params)
}

// send sends a notification on the response, or, with an id, a request to the client.
func (a *answer) send(ctx context.Context, id, method string, params any) error {
	body, err := jsonrpc.Marshal(params)
	if err != nil {
		return err
	}
	name, _ := jsonrpc.Marshal(method)
	event := make([]byte, 0, len(body)+len(name)+len(id)+80)
	event = append(append(event, eventOpen...), `{"jsonrpc":"2.0",`...)
	if id != "" {
		event = append(append(append(event, `"id":"`...), id...), `",`...)
	}
	event = append(event, `"method":`...)
	event = append(append(event, name...), `,"params":`...)
	event = append(append(append(event, body...), '}'), eventClose...)

	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case a.ended:
		return server.ErrAnswered
	case a.err != nil:
		return a.err
	}
	if !a.sent {
		a.stream = true
		a.head()
	}
	return a.event(event)
}

// event writes and flushes a part of a stream. A client that does not take it in time is given up: nothing waits for it
// without end. The caller holds mu.
func (a *answer) event(p []byte) error {
	_ = a.controller().SetWriteDeadline(time.Now().Add(notifyTimeout))
	if _, err := a.write(p); err != nil {
		return err
	}
	a.flush()
	_ = a.controller().SetWriteDeadline(time.Time{})
	return a.err
}

// keepAlive sends a comment on the stream now and then, until ctx or end. gone is called when the client does not take it:
// a connection whose other end has vanished shows in no other way.
func (a *answer) keepAlive(ctx context.Context, gone func(error)) (end func()) {
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(keepAliveEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := a.comment(); err != nil {
					gone(err)
					return
				}
			case <-ctx.Done():
				return
			case <-stopped:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(stopped)
		<-done
	})
}

// comment sends a line that says nothing, if the response is a stream by now.
func (a *answer) comment() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil || !a.sent || !a.stream {
		return a.err
	}
	return a.event([]byte(": keep-alive\n\n"))
}

// end says that nothing more may be sent for the request, and sends a head that still waits.
func (a *answer) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	if a.status != 0 && !a.sent {
		a.head()
	}
}

// began reports whether the client was sent anything.
func (a *answer) began() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sent
}

// fail answers with an error, if there is no answer yet; body is its error object.
func (a *answer) fail(body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sent || a.err != nil {
		return
	}
	a.sent = true
	writeError(a.w, http.StatusInternalServerError, nil, body)
}

// discard takes an answer that nobody waits for.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) WriteHeader(int)             {}
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Flush()                      {}
func (discard) CanStream() bool             { return false }
