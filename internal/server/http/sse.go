package http

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/stdio"
)

// sseRunning is how many tool calls of one SSE connection run at a time; more queue, as over stdio.
const sseRunning = 32

// sseConn is one client of the transport of 2024-11-05: a stream on which everything goes out, and
// posts in which everything comes in. It is a stdio connection with other pipes: the order of
// messages, cancellation, queues and shutdown are the same.
type sseConn struct {
	caller string
	mu     sync.Mutex // one message is taken at a time
	conn   *stdio.Conn
	expiry *tokenExpiry
}

// serveSSE opens a stream with a session of its own, which lives as long as the stream.
func (s *httpServer) serveSSE(w http.ResponseWriter, r *http.Request, f *inflight) *refusal {
	if refused := allow(r, http.MethodGet); refused != nil {
		return refused
	}
	if !accepts(r).allowed {
		return refuseAccept
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	f.stream, f.cancel = true, cancel
	defer f.done()
	defer func() {
		if id := f.call.Session; id != "" {
			_ = s.Sessions.End(context.WithoutCancel(ctx), f.caller.name, id)
		}
	}()
	if refused := s.enter(ctx, r, f, true); refused != nil {
		return refused
	}
	if s.ending.Load() {
		cancel(server.ErrShuttingDown)
	}
	expiry := expireAt(f.until, cancel)
	defer expiry.stop()
	if err := s.stream(ctx, w, r, f, expiry); err != nil {
		s.Log.Debug().Err(err).Msg("an SSE stream ended")
	}
	return nil
}

// stream runs the connection until the client goes, the session ends or the server does.
func (s *httpServer) stream(ctx context.Context, w http.ResponseWriter, r *http.Request, f *inflight, expiry *tokenExpiry) error {
	out := &eventWriter{response: newResponse(w, f)}
	out.response.stream = true
	transport := stdio.Server{MCP: s.MCP, Dispatcher: s.Dispatcher, Out: out, Log: s.Log, MaxConcurrent: sseRunning, NoElicitation: true, Shared: f.call.Shared, Context: stdio.InSession(f.call)}
	c, err := transport.Open(ctx)
	if err != nil {
		return err
	}

	// It takes messages before the client learns where to post them.
	s.sse.Store(f.call.Session, &sseConn{caller: f.caller.name, conn: c, expiry: expiry})
	defer s.sse.Delete(f.call.Session)
	// A path from the root, which all clients resolve alike: some do so against the URL of the
	// stream, others against the origin that they are configured with.
	out.endpoint(s.base(r).prefix + pathMessage + "?sessionId=" + url.QueryEscape(f.call.Session))
	end := out.response.keepAlive(ctx, c.Fail)
	defer end()
	defer out.close()

	select {
	case <-ctx.Done():
		if !errors.Is(context.Cause(ctx), server.ErrShuttingDown) {
			c.Fail(context.Cause(ctx)) // the answers have no reader
			c.Cancel(context.Cause(ctx))
		}
	case <-c.Failed():
	}
	return c.Close(ctx)
}

// serveMessage takes a message for a stream; the answer goes out on that stream.
func (s *httpServer) serveMessage(w http.ResponseWriter, r *http.Request, f *inflight) *refusal {
	if refused := allow(r, http.MethodPost); refused != nil {
		return refused
	}
	defer f.done()
	if refused := contentType(r); refused != nil {
		return refused
	}
	if refused := f.start(); refused != nil {
		return refused
	}
	id := r.URL.Query().Get("sessionId")
	found, _ := s.sse.Load(id)
	c, ok := found.(*sseConn)
	if !ok || c.caller != f.caller.name {
		return refuseNoSession
	}
	if refused := s.read(w, r, f); refused != nil {
		return refused
	}
	c.expiry.extend(f.until)
	// A session is alive as long as its client says something.
	if s.Sessions.Enter(r.Context(), f.caller.name, id) == nil {
		s.Sessions.Leave(f.caller.name, id)
	}
	c.mu.Lock()
	c.conn.Dispatch(f.message.env, f.message.body)
	c.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// eventWriter makes an event of every line that is written to it.
type eventWriter struct{ response *response }

// Write takes whole lines, as the outbox writes them.
func (e *eventWriter) Write(p []byte) (int, error) {
	events := make([]byte, 0, len(p)+64)
	for line := range bytes.Lines(p) {
		events = append(append(append(events, eventOpen...), bytes.TrimSuffix(line, eventClose[:1])...), eventClose...)
	}
	e.response.mu.Lock()
	defer e.response.mu.Unlock()
	if e.response.err != nil {
		return 0, e.response.err
	}
	if err := e.response.event(events); err != nil {
		return 0, err
	}
	return len(p), nil
}

// SetWriteDeadline ends a Write that is under way.
func (e *eventWriter) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(e.response.w).SetWriteDeadline(t)
}

// close waits for a Write that is under way, for notifyTimeout at most, and refuses others: nothing
// may use the response after its handler.
func (e *eventWriter) close() {
	e.response.mu.Lock()
	defer e.response.mu.Unlock()
	e.response.err = server.ErrAnswered
}

// endpoint begins the stream by telling the client where to post.
func (e *eventWriter) endpoint(path string) {
	e.response.mu.Lock()
	defer e.response.mu.Unlock()
	e.response.head()
	_ = e.response.event([]byte("event: endpoint\ndata: " + path + "\n\n"))
}
