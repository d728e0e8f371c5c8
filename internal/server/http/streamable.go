package http

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"runtime/debug"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/session"
)

// message is one message of a client.
type message struct {
	env  jsonrpc.Envelope
	body []byte
	// modern says that it is one of protocol 2026-07-28 or later.
	modern bool
}

func (m *message) is(method mcp.MCPMethod) bool { return m.env.Method == string(method) }

// opens reports whether the message opens a session.
func (m *message) opens() bool {
	return !m.modern && m.is(mcp.MethodInitialize) && !m.env.IsNotification
}

func (s *httpServer) serveMCP(w http.ResponseWriter, r *http.Request, f *inflight) *refusal {
	// From 2026-07-28 on there are no sessions, and nothing but POST.
	modern := mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion))
	methods := []string{http.MethodPost, http.MethodGet, http.MethodDelete}
	switch {
	case modern:
		methods = methods[:1]
	case f.call.Shared:
		methods = methods[:2] // no client ends a session that others are in
	}
	if refused := allow(r, methods...); refused != nil {
		return refused
	}
	ctx, cancel := context.WithCancelCause(s.Tracer.Extract(r.Context(), r.Header))
	f.cancel = cancel
	defer cancel(nil)
	defer f.done()
	switch r.Method {
	case http.MethodGet:
		return s.listen(ctx, w, r, f)
	case http.MethodDelete:
		return s.endSession(ctx, w, r, f)
	}
	return s.post(ctx, w, r, f, modern)
}

// post handles one message: it is read, enters its session and is dispatched.
func (s *httpServer) post(ctx context.Context, w http.ResponseWriter, r *http.Request, f *inflight, modern bool) *refusal {
	if refused := contentType(r); refused != nil {
		return refused
	}
	accepted := accepts(r)
	f.form = accepted.answerForm()
	if refused := f.start(); refused != nil {
		return refused
	}
	if refused := s.read(w, r, f); refused != nil {
		return refused
	}
	m := &f.message
	m.modern = isModern(r.Header, m.env)
	if !m.modern && modern {
		delete(r.Header, mcp.HeaderProtocolVersion) // mcp-go would go by it
	}
	if f.stream = m.modern && m.is(mcp.MethodSubscriptionsListen); f.stream {
		if !accepted.allowed {
			return refuseAccept.of(m.env.ID)
		}
		f.form = anyForm
	}
	if f.form == jsonForm {
		m.env.ProgressToken = nil
	}
	if m.modern {
		f.register()
	} else {
		if refused := s.enter(ctx, r, f, m.opens()); refused != nil {
			return refused.of(m.env.ID)
		}
		defer s.Sessions.Leave(f.caller.name, f.call.Session)
	}
	return s.dispatch(ctx, w, r, f).of(m.env.ID)
}

// isModern decides which protocol a message is of: by what it says itself, and else by the header.
// An initialize negotiates the revision in its body, whatever the client hopes for in the header;
// and there are clients that go on to name the one that they asked for in the header of a session.
func isModern(h http.Header, env jsonrpc.Envelope) bool {
	version := h.Get(mcp.HeaderProtocolVersion)
	switch {
	case mcp.IsModernProtocol(env.ProtocolVersion):
		return true
	case env.Method == string(mcp.MethodInitialize) && !env.IsNotification,
		env.ProtocolVersion == "" && h.Get(headerSession) != "" && mcp.IsValidProtocolVersion(version):
		return false
	}
	return mcp.IsModernProtocol(version)
}

func (s *httpServer) read(w http.ResponseWriter, r *http.Request, f *inflight) *refusal {
	body, refused := s.body(w, r, f)
	if refused != nil {
		return refused
	}
	env, bad := jsonrpc.Parse(body)
	if bad != nil {
		return refuseMessage(bad)
	}
	f.message = message{env: env, body: body}
	return nil
}

// enter puts the request into its session, or with opens makes one.
func (s *httpServer) enter(ctx context.Context, r *http.Request, f *inflight, opens bool) *refusal {
	id := r.Header.Get(headerSession)
	if opens {
		var err error
		if id, err = s.Sessions.Open(ctx, f.caller.name); err != nil {
			return s.refuseSession(err)
		}
	} else if len(r.Header[headerSession]) != 1 || id == "" {
		return refuseNoSessionID
	}
	// Registered before it is looked up, so that the end of a session finds the request or the
	// request finds the end.
	f.call.Session = id
	f.register()
	if err := s.Sessions.Enter(ctx, f.caller.name, id); err != nil {
		return s.refuseSession(err)
	}
	return nil
}

// dispatch does what a message needs that this server answers itself, or that mcp-go gets wrong,
// and has the rest answered.
func (s *httpServer) dispatch(ctx context.Context, w http.ResponseWriter, r *http.Request, f *inflight) *refusal {
	m := &f.message
	switch {
	case m.env.IsResponse:
		if taken, refused := s.takeReply(w, f); taken {
			return refused
		}
	case m.opens():
		s.note(ctx, f.caller.name, f.call.Session, m.env)
	case m.is(mcp.MethodNotificationCancelled):
		// mcp-go finds a running call by its id alone where there is no session, so it would end
		// another client's. Over HTTP a client of 2026-07-28 cancels by closing the connection
		// (docs/mcp-go.md#trap-2). In a session that several agents share, the id may be another's.
		if m.modern || f.call.Shared {
			w.WriteHeader(http.StatusAccepted)
			return nil
		}
		f.cancelCall(m.env.CancelledID()) // mcp-go looks for those that it runs itself
	case f.stream:
		f.Yield() // a stream is not a running call
		defer expireAt(f.until, f.cancel).stop()
		if s.ending.Load() {
			f.cancel(server.ErrShuttingDown)
		}
	case m.modern:
		if refused := s.lacksCapability(m.env); refused != nil {
			return refused
		}
	}
	return s.answer(ctx, w, r, f)
}

// answer has the message answered, by the dispatcher of calls if that takes it, and else by mcp-go.
func (s *httpServer) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, f *inflight) *refusal {
	m := &f.message
	f.call.RequestID = session.NewID()
	f.response = newResponse(w, f)
	if f.stream {
		f.response.begun = make(chan struct{})
	}
	ctx = session.WithCall(f.exchange.Begin(ctx, f, &m.env), f.call)
	if call, ok := s.Dispatcher.Take(ctx, m.env, m.modern); ok && headersAgree(r.Header, m.env, call.Tool(), m.modern) {
		s.run(ctx, call, f)
	} else {
		s.handle(ctx, r, m.body, f)
	}
	f.response.end()
	if m.opens() {
		s.settle(context.WithoutCancel(ctx), f)
	}
	if f.response.began() {
		return nil
	}
	return unanswered(ctx)
}

// run answers the call of a tool without mcp-go.
func (s *httpServer) run(ctx context.Context, call server.DirectCall, f *inflight) {
	defer s.recovered(f)
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !f.message.modern {
		f.caller.mu.Lock()
		f.end = cancel
		f.caller.mu.Unlock()
	}
	result := call.Run(running)
	if ctx.Err() == nil && result != nil {
		f.response.result(result)
	}
}

func (s *httpServer) handle(ctx context.Context, r *http.Request, body []byte, f *inflight) {
	defer s.recovered(f)
	s.mcp.Handle(f.response, &mcpserver.HTTPRequest{Method: r.Method, Header: r.Header, Body: body, Context: ctx})
}

// recovered makes a panic an internal error without the panic's value.
func (s *httpServer) recovered(f *inflight) {
	if p := recover(); p != nil {
		f.response.fail(server.PanicError(s.Log, p, debug.Stack()))
	}
}

// settle ends a session that initialize did not open after all, and has mcp-go forget one that
// ended meanwhile: it keeps a session only once it has answered.
func (s *httpServer) settle(ctx context.Context, f *inflight) {
	if !f.response.opened {
		_ = s.Sessions.End(ctx, f.caller.name, f.call.Session)
		return
	}
	if s.Sessions.Enter(ctx, f.caller.name, f.call.Session) != nil {
		s.forget(f.call.Session)
		return
	}
	s.Sessions.Leave(f.caller.name, f.call.Session)
}

// unanswered says why mcp-go wrote nothing: the request was cancelled by this server, or by its
// client, who is not told.
func unanswered(ctx context.Context) *refusal {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, server.ErrShuttingDown):
		return refuseEnding
	case errors.Is(cause, errSessionEnded):
		return refuseNoSession
	case errors.Is(cause, errCallerGone), errors.Is(cause, errTokenEnded):
		return refuseInvalid
	}
	return nil
}

// listen serves the stream of a session. This server sends nothing on it but comments, and
// questions of mcp-go that belong to no request.
func (s *httpServer) listen(ctx context.Context, w http.ResponseWriter, r *http.Request, f *inflight) *refusal {
	if !accepts(r).allowed {
		return refuseAccept
	}
	f.stream = true
	if refused := s.enter(ctx, r, f, false); refused != nil {
		return refused
	}
	defer expireAt(f.until, f.cancel).stop()
	defer s.Sessions.Leave(f.caller.name, f.call.Session)
	if s.ending.Load() {
		f.cancel(server.ErrShuttingDown)
	}
	f.response = newResponse(w, f)
	ctx = session.WithCall(f.exchange.Begin(ctx, f, &f.message.env), f.call)
	end := f.response.keepAlive(ctx, f.cancel)
	defer end()
	s.handle(ctx, r, nil, f)
	f.response.end()
	return nil
}

func (s *httpServer) endSession(ctx context.Context, w http.ResponseWriter, r *http.Request, f *inflight) *refusal {
	id := r.Header.Get(headerSession)
	if len(r.Header[headerSession]) != 1 || id == "" {
		return refuseEndWithoutID
	}
	if err := s.Sessions.End(ctx, f.caller.name, id); err != nil {
		return s.refuseSession(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// lacksCapability refuses a call of a tool that needs what the client did not declare
// (docs/mcp-go.md#trap-10).
func (s *httpServer) lacksCapability(env jsonrpc.Envelope) *refusal {
	if len(s.Requires) == 0 || env.Method != string(mcp.MethodToolsCall) {
		return nil
	}
	var tool string
	var declared map[string]json.RawMessage
	if json.Unmarshal(env.Call.Name, &tool) != nil || json.Unmarshal(env.Call.Capabilities, &declared) != nil || declared == nil {
		return nil // mcp-go says what is wrong
	}
	missing := make(map[string]struct{})
	for _, name := range s.Requires[tool] {
		if declared[name] == nil {
			missing[name] = struct{}{}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	body, _ := json.Marshal(map[string]any{ // strings and numbers always can be
		"code":    mcp.MISSING_REQUIRED_CLIENT_CAPABILITY,
		"message": "the client did not declare a capability that this tool needs",
		"data":    map[string]any{"requiredCapabilities": missing},
	})
	return &refusal{status: http.StatusBadRequest, body: body, protocol: true}
}

// headersAgree reports whether the headers of a request are those that its message needs.
func headersAgree(h http.Header, env jsonrpc.Envelope, tool string, modern bool) bool {
	version := h.Get(mcp.HeaderProtocolVersion)
	if !modern {
		return version == "" || mcp.IsValidProtocolVersion(version)
	}
	return version == env.ProtocolVersion && h.Get(mcp.HeaderMethod) == env.Method && h.Get(mcp.HeaderName) == tool &&
		h.Get(mcp.HeaderLastEventID) == ""
}
