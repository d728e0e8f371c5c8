package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
)

// response is the answer to one request, as mcp-go and the request's own progress write it. Its
// notifications go straight to the client, in the order in which they are reported: mcp-go's
// channel loses the last one, and gives those of concurrent calls to each other
// (docs/mcp-go.md#trap-11). The first one makes the response an event stream; what mcp-go then
// writes as plain JSON becomes the last event.
type response struct {
	request *inflight
	w       http.ResponseWriter
	control *http.ResponseController

	mu     sync.Mutex
	header http.Header // as mcp-go sets it; touched by nothing else
	status int
	sent   bool // the head is on its way
	stream bool // the response is an event stream
	ended  bool
	err    error
	// opened says that the session was opened, where the request is to open one: only then the head
	// has its id.
	opened bool
	// begun, if not nil, is closed when the head is on its way.
	begun chan struct{}
}

func newResponse(w http.ResponseWriter, f *inflight) *response {
	return &response{request: f, w: w, header: make(http.Header, 2)}
}

// Header, WriteHeader, Write, Flush and CanStream are what mcp-go writes the response with.
func (res *response) Header() http.Header { return res.header }

// CanStream reports whether the response may become a stream.
func (res *response) CanStream() bool { return res.request.form != jsonForm }

func (res *response) WriteHeader(status int) {
	res.mu.Lock()
	defer res.mu.Unlock()
	if o := res.request.exchange.ErrorOverride(); o != nil && o.Status != 0 && !res.events() {
		status = o.Status
	}
	if res.request.message.env.IsResponse && status == http.StatusNotFound {
		// That a client's answer finds no question does not mean that the session is gone: another
		// replica may have asked.
		status = http.StatusServiceUnavailable
		res.header.Set("Retry-After", "1")
	}
	if res.status == 0 {
		res.status = status
	}
	// The head waits for the first byte where it depends on it. An empty answer, and a stream, have
	// no such byte.
	if !res.sent && (status != http.StatusOK || res.events()) {
		res.head()
	}
}

// events reports whether mcp-go writes events and not plain JSON.
func (res *response) events() bool {
	v := res.header["Content-Type"]
	return len(v) == 1 && v[0] == valueEvents[0]
}

// eventsOnly reports whether an answer that mcp-go writes as JSON has to go out as an event.
// Errors of HTTP and acknowledgements are none.
func (res *response) eventsOnly() bool {
	return res.request.form == eventForm && res.status == http.StatusOK && !res.events()
}

// head sends the head of the response. The caller holds mu.
func (res *response) head() {
	if !res.sent && res.begun != nil {
		close(res.begun)
	}
	res.sent = true
	if res.status == 0 {
		res.status = http.StatusOK
	}
	h := res.w.Header()
	for name, values := range res.header {
		if name == "Connection" || name == "Cache-Control" || name == headerSession && !res.opened {
			continue
		}
		h[name] = values
	}
	if res.stream = res.stream || res.events() || res.eventsOnly(); res.stream {
		h["Content-Type"] = valueEvents
		h["X-Accel-Buffering"] = valueUnbuffered
	}
	res.w.WriteHeader(res.status)
}

var (
	eventOpen  = []byte("event: message\ndata: ")
	eventClose = []byte("\n\n")
)

func (res *response) Write(p []byte) (int, error) {
	res.mu.Lock()
	defer res.mu.Unlock()
	if res.err != nil {
		return 0, res.err
	}
	if !res.sent {
		if res.request.message.opens() {
			res.opened = succeeded(p)
		}
		res.head()
	}
	size := len(p)
	if o := res.request.exchange.ErrorOverride(); o != nil && !res.events() {
		p = jsonrpc.Response(res.request.message.env.ID, o.Body, true)
	}
	if !res.stream {
		_, err := res.write(p)
		return size, err
	}
	if res.events() {
		// mcp-go knows that this is a stream and writes whole events.
		return res.write(p)
	}
	if err := res.last(p); err != nil {
		return 0, err
	}
	return size, nil
}

// result sends the answer of a call that mcp-go has no part in.
func (res *response) result(body []byte) {
	message := append(jsonrpc.Response(res.request.message.env.ID, body, false), '\n')
	res.mu.Lock()
	defer res.mu.Unlock()
	switch {
	case res.err != nil:
	case res.sent:
		res.last(message)
	case res.request.form == eventForm:
		res.head()
		res.last(message)
	default:
		res.sent, res.ended = true, true
		h := res.w.Header()
		h["Content-Type"] = valueJSON
		h["Content-Length"] = []string{strconv.Itoa(len(message))}
		res.w.WriteHeader(http.StatusOK)
		_, _ = res.write(message)
	}
}

// last writes an answer as the last event of the stream. The caller holds mu.
func (res *response) last(message []byte) error {
	res.ended = true
	for _, part := range [][]byte{eventOpen, bytes.TrimSuffix(message, eventClose[:1]), eventClose} {
		if _, err := res.write(part); err != nil {
			return err
		}
	}
	return nil
}

// The caller holds mu.
func (res *response) write(p []byte) (int, error) {
	n, err := res.w.Write(p)
	if err != nil && res.err == nil {
		res.err = err
	}
	return n, err
}

func (res *response) Flush() {
	res.mu.Lock()
	defer res.mu.Unlock()
	res.flush()
}

func (res *response) flush() {
	if res.sent && res.err == nil {
		res.err = res.controller().Flush()
	}
}

func (res *response) controller() *http.ResponseController {
	if res.control == nil {
		res.control = http.NewResponseController(res.w)
	}
	return res.control
}

// succeeded reports whether an answer is a result.
func succeeded(message []byte) bool {
	var body struct{ Result json.RawMessage }
	return json.Unmarshal(message, &body) == nil && len(body.Result) > 0
}

var errNoStream = errors.New("server: the client takes no event stream")

// send sends a notification on the response, or, with an id, a request to the client.
func (res *response) send(ctx context.Context, id, method string, params any) error {
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

	res.mu.Lock()
	defer res.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case res.ended:
		return server.ErrAnswered
	case res.err != nil:
		return res.err
	case !res.CanStream():
		return errNoStream
	}
	if !res.sent {
		res.stream = true
		res.head()
	}
	return res.event(event)
}

// event writes and flushes a part of a stream. A client that does not take it in time is given up:
// nothing waits for it without end. The caller holds mu.
func (res *response) event(p []byte) error {
	_ = res.controller().SetWriteDeadline(time.Now().Add(notifyTimeout))
	if _, err := res.write(p); err != nil {
		return err
	}
	res.flush()
	_ = res.controller().SetWriteDeadline(time.Time{})
	return res.err
}

// keepAlive sends a comment on the stream now and then, until ctx or end. gone is called when the
// client does not take it: a connection whose other end has vanished shows in no other way.
func (res *response) keepAlive(ctx context.Context, gone func(error)) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(keepAliveEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := res.comment(); err != nil {
					gone(err)
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		stop()
		<-done
	}
}

// comment sends a line that says nothing, if the response is a stream by now.
func (res *response) comment() error {
	res.mu.Lock()
	defer res.mu.Unlock()
	if res.err != nil || !res.sent || !res.stream {
		return res.err
	}
	return res.event([]byte(": keep-alive\n\n"))
}

// end says that nothing more may be sent for the request, and sends a head that still waits.
func (res *response) end() {
	res.mu.Lock()
	defer res.mu.Unlock()
	res.ended = true
	if res.status != 0 && !res.sent {
		res.head()
	}
}

func (res *response) began() bool {
	res.mu.Lock()
	defer res.mu.Unlock()
	return res.sent
}

// fail answers with an error, if there is no answer yet; body is its error object.
func (res *response) fail(body []byte) {
	res.mu.Lock()
	defer res.mu.Unlock()
	if res.sent || res.err != nil {
		return
	}
	res.sent = true
	writeError(res.w, http.StatusInternalServerError, nil, body)
}

// discard takes an answer that has no reader.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) WriteHeader(int)             {}
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Flush()                      {}
func (discard) CanStream() bool             { return false }
