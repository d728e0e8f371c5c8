package http

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/internal/server/stdio"
	"ravi-mcp/session"
)

// sseRunning is how many tool calls of one SSE connection run at a time; more queue, as over stdio.
const sseRunning = 32

// sseConn is one client of the transport of 2024-11-05: a stream on which everything goes out, and posts in which
// everything comes in. It is a stdio connection with other pipes: the order of messages, cancellation, queues and
// shutdown are the same.
type sseConn struct {
	caller string
	mu     sync.Mutex // one message is taken at a time
	conn   *stdio.Conn
	life   *tokenLife
}

// serveSSE opens a stream with a session of its own, which lives as long as the stream.
func (s *site) serveSSE(w http.ResponseWriter, r *http.Request, call session.Call, who *callerState, until time.Time) {
	if !s.methods(w, r, http.MethodGet) {
		return
	}
	if !accepts(r, "text/event-stream") {
		s.refuse(w, refuseAccept, nil)
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	f := &flight{site: s, who: who, stream: true, cancel: cancel}
	defer f.done()
	id, err := s.Sessions.Open(ctx, call.Caller.Name)
	if err != nil {
		s.refuseSession(w, err, nil)
		return
	}
	defer func() { _ = s.Sessions.End(context.WithoutCancel(ctx), call.Caller.Name, id) }()
	f.session = id
	f.register()
	if err := s.Sessions.Enter(ctx, call.Caller.Name, id); err != nil {
		s.refuseSession(w, err, nil)
		return
	}
	if s.ending.Load() {
		cancel(server.ErrShuttingDown)
	}
	call.Session = id
	life := lasting(until, cancel)
	defer life.stop()
	if err := s.stream(ctx, w, call, life); err != nil {
		s.Log.Debug().Err(err).Msg("an SSE stream ended")
	}
}

// stream runs the connection until the client goes, the session ends or the server does.
func (s *site) stream(ctx context.Context, w http.ResponseWriter, call session.Call, life *tokenLife) error {
	out := &eventWriter{answer: newAnswer(w, false)}
	out.answer.stream = true
	transport := stdio.Server{MCP: s.MCP, Dispatcher: s.Dispatcher, Out: out, Log: s.Log, MaxConcurrent: sseRunning, NoElicitation: true, Context: inSession(call)}
	c, err := transport.Open(ctx)
	if err != nil {
		return err
	}

	// It takes messages before the client learns where to post them.
	s.sse.Store(call.Session, &sseConn{caller: call.Caller.Name, conn: c, life: life})
	defer s.sse.Delete(call.Session)
	out.endpoint(pathMessage + "?sessionId=" + url.QueryEscape(call.Session))
	end := out.answer.keepAlive(ctx, c.Fail)
	defer end()

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

// inSession returns the function that puts the caller and the session of the connection into each request's context.
func inSession(call session.Call) func(context.Context) context.Context {
	return func(ctx context.Context) context.Context {
		own := call
		own.RequestID = session.NewID()
		if mcpserver.IsModernRequest(ctx) {
			own.Session = ""
		}
		return session.WithCall(ctx, own)
	}
}

// serveMessage takes a message for a stream; the answer goes out on that stream.
func (s *site) serveMessage(w http.ResponseWriter, r *http.Request, call session.Call, who *callerState, until time.Time) {
	if !s.methods(w, r, http.MethodPost) {
		return
	}
	f := &flight{site: s, who: who}
	defer f.done()
	no := contentType(r)
	if no == nil {
		no = s.take(f)
	}
	if no != nil {
		s.refuse(w, no, nil)
		return
	}
	id := r.URL.Query().Get("sessionId")
	found, _ := s.sse.Load(id)
	c, ok := found.(*sseConn)
	if !ok || c.caller != call.Caller.Name {
		s.refuseSession(w, session.ErrNoSession, nil)
		return
	}
	body, free, no := s.body(w, r)
	defer free()
	if no != nil {
		s.refuse(w, no, nil)
		return
	}
	env, bad := jsonrpc.Parse(body)
	if bad != nil {
		writeError(w, http.StatusBadRequest, bad.ID, jsonrpc.ErrorBody(bad.Code, bad.Message))
		return
	}
	c.life.prolong(until)
	// A session is alive as long as its client says something.
	if s.Sessions.Enter(r.Context(), call.Caller.Name, id) == nil {
		s.Sessions.Leave(call.Caller.Name, id)
	}
	c.mu.Lock()
	c.conn.Dispatch(env, body)
	c.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// eventWriter makes an event of every line that is written to it.
type eventWriter struct{ answer *answer }

// Write takes whole lines, as the outbox writes them.
func (e *eventWriter) Write(p []byte) (int, error) {
	events := make([]byte, 0, len(p)+64)
	for line := range bytes.Lines(p) {
		events = append(append(append(events, eventOpen...), bytes.TrimSuffix(line, eventClose[:1])...), eventClose...)
	}
	e.answer.mu.Lock()
	defer e.answer.mu.Unlock()
	if e.answer.err != nil {
		return 0, e.answer.err
	}
	if err := e.answer.event(events); err != nil {
		return 0, err
	}
	return len(p), nil
}

// SetWriteDeadline ends a Write that is under way.
func (e *eventWriter) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(e.answer.w).SetWriteDeadline(t)
}

// endpoint begins the stream by telling the client where to post.
func (e *eventWriter) endpoint(path string) {
	e.answer.mu.Lock()
	defer e.answer.mu.Unlock()
	e.answer.head()
	_ = e.answer.event([]byte("event: endpoint\ndata: " + path + "\n\n"))
}
