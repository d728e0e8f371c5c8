package http

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/session"
)

const headerSession = mcpserver.HeaderKeySessionID

// codeNoSession is the code of the answer to a request of a session that does not exist, as other servers have it.
const codeNoSession = -32001

// serveMCP serves the streamable HTTP transport.
func (s *site) serveMCP(w http.ResponseWriter, r *http.Request, call session.Call, who *callerState, until time.Time) {
	// From 2026-07-28 on there are no sessions, and nothing but POST (MCP.md section 1.2).
	modern := mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion))
	if modern {
		if !s.methods(w, r, http.MethodPost) {
			return
		}
	} else if !s.methods(w, r, http.MethodPost, http.MethodGet, http.MethodDelete) {
		return
	}
	f := &flight{site: s, who: who, until: until}
	ctx, cancel := context.WithCancelCause(s.Tracer.Extract(r.Context(), r.Header))
	f.cancel = cancel
	defer cancel(nil)
	defer f.done()
	switch r.Method {
	case http.MethodPost:
		s.post(ctx, w, r, call, f, modern)
	case http.MethodGet:
		s.listen(ctx, w, r, call, f)
	case http.MethodDelete:
		s.delete(ctx, w, r, call)
	}
}

// post handles one message of a client.
func (s *site) post(ctx context.Context, w http.ResponseWriter, r *http.Request, call session.Call, f *flight, modern bool) {
	no := contentType(r)
	if no == nil && !(accepts(r, "application/json") && accepts(r, "text/event-stream")) {
		no = refuseAccept
	}
	if no == nil {
		no = s.take(f)
	}
	if no != nil {
		s.refuse(w, no, nil)
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
	modern = modern || mcp.IsModernProtocol(env.ProtocolVersion)
	f.stream = modern && env.Method == string(mcp.MethodSubscriptionsListen)
	if f.stream {
		f.Yield() // a stream is not a running call
		defer lasting(f.until, f.cancel).stop()
	}
	// mcp-go finds a running call by its id alone where there is no session, so it would end another client's. Over HTTP
	// a client of 2026-07-28 cancels by closing the connection (MCP.md section 2.3, trap 2).
	if modern && env.Method == string(mcp.MethodNotificationCancelled) {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	opens := !modern && env.Method == string(mcp.MethodInitialize) && !env.IsNotification
	if !modern && !s.enter(ctx, w, r, &call, f, env, opens) {
		return
	}
	if f.session != "" {
		defer s.Sessions.Leave(call.Caller.Name, f.session)
	}
	if env.IsResponse && s.takeReply(w, f, env, body) {
		return
	}
	if opens {
		s.note(ctx, call.Caller.Name, f.session, env)
	}
	f.register()
	if f.stream && s.ending.Load() {
		f.cancel(server.ErrShuttingDown)
	}
	if modern && s.lacksCapability(w, env) {
		return
	}
	if env.Method == string(mcp.MethodNotificationCancelled) {
		f.cancelCall(env.CancelledID()) // mcp-go looks for those that it runs itself
	}
	call.Session = f.session
	call.RequestID = session.NewID()
	f.answer = newAnswer(w, opens)
	f.answer.id = env.ID
	f.answer.replies = env.Method == ""
	if f.stream {
		f.answer.begun = make(chan struct{})
	}
	f.answer.exchange = &f.exchange
	ctx = session.WithCall(f.exchange.Begin(ctx, f, env.ProgressToken), call)
	if direct, ok := s.Dispatcher.Take(ctx, env, modern); ok && headersAgree(r.Header, env, direct.Tool(), modern) {
		s.direct(ctx, direct, env, modern, f)
	} else {
		s.handle(ctx, r, body, f)
	}
	f.answer.end()
	if opens {
		s.settle(context.WithoutCancel(ctx), call.Caller.Name, f)
	}
	if !f.answer.began() {
		s.unanswered(ctx, w, r, env)
	}
}

// settle ends a session that initialize did not open after all, and has mcp-go forget one that ended meanwhile: it keeps
// a session only once it has answered.
func (s *site) settle(ctx context.Context, caller string, f *flight) {
	if !f.answer.opened {
		_ = s.Sessions.End(ctx, caller, f.session)
		return
	}
	if s.Sessions.Enter(ctx, caller, f.session) != nil {
		s.forget(f.session)
		return
	}
	s.Sessions.Leave(caller, f.session)
}

// enter puts the request into its session, or, with opens, makes one. It answers and reports false where it cannot.
func (s *site) enter(ctx context.Context, w http.ResponseWriter, r *http.Request, call *session.Call, f *flight, env jsonrpc.Envelope, opens bool) bool {
	id := r.Header.Get(headerSession)
	if opens {
		var err error
		if id, err = s.Sessions.Open(ctx, call.Caller.Name); err != nil {
			s.refuseSession(w, err, env.ID)
			return false
		}
	} else if len(r.Header[headerSession]) != 1 || id == "" {
		s.refuse(w, &refusal{status: http.StatusBadRequest, message: "the header Mcp-Session-Id is missing; send initialize first, or speak protocol 2026-07-28"}, env.ID)
		return false
	}
	// Registered before it is looked up, so that the end of a session finds the flight or the flight finds the end.
	f.session = id
	f.register()
	if err := s.Sessions.Enter(ctx, call.Caller.Name, id); err != nil {
		f.session = ""
		s.refuseSession(w, err, env.ID)
		return false
	}
	return true
}

// refuseSession says why there is no session. A session of another caller and one that never was look the same.
func (s *site) refuseSession(w http.ResponseWriter, err error, id json.RawMessage) {
	switch {
	case errors.Is(err, session.ErrNoSession):
		writeError(w, http.StatusNotFound, id, jsonrpc.ErrorBody(codeNoSession, refuseSession.message))
	case errors.Is(err, session.ErrTooManySessions):
		s.refuse(w, &refusal{status: http.StatusTooManyRequests, retry: true,
			message: "too many sessions of this caller; end some with DELETE, or wait until they expire"}, id)
	default:
		s.Log.Error().Err(err).Msg("the session store does not answer")
		s.refuse(w, &refusal{status: http.StatusServiceUnavailable, retry: true, message: string(fault.Unavailable) + ": sessions cannot be looked up at the moment"}, id)
	}
}

// direct answers the call of a tool without mcp-go.
func (s *site) direct(ctx context.Context, call server.DirectCall, env jsonrpc.Envelope, modern bool, f *flight) {
	defer s.rescue(f)
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !modern {
		f.cancellable(env.ID, cancel)
	}
	result := call.Run(running)
	if ctx.Err() == nil && result != nil {
		f.answer.result(env.ID, result)
	}
}

// rescue makes a panic an internal error without the panic's value.
func (s *site) rescue(f *flight) {
	if p := recover(); p != nil {
		f.answer.fail(server.PanicError(s.Log, p, debug.Stack()))
	}
}

// handle gives the message to mcp-go.
func (s *site) handle(ctx context.Context, r *http.Request, body []byte, f *flight) {
	defer s.rescue(f)
	s.mcp.Handle(f.answer, &mcpserver.HTTPRequest{Method: r.Method, Header: r.Header, Body: body, Context: ctx})
}

// unanswered answers where mcp-go wrote nothing, because the request was cancelled from our side.
func (s *site) unanswered(ctx context.Context, w http.ResponseWriter, r *http.Request, env jsonrpc.Envelope) {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, server.ErrShuttingDown):
		s.refuse(w, refuseEnding, env.ID)
	case errors.Is(cause, errSessionEnded):
		writeError(w, http.StatusNotFound, env.ID, jsonrpc.ErrorBody(codeNoSession, refuseSession.message))
	case errors.Is(cause, errCallerGone), errors.Is(cause, errTokenEnded):
		s.refuseCaller(w, r, refuseInvalid, env.ID)
	}
}

// listen serves the stream of a session. This server sends nothing on it but comments, and questions of mcp-go that
// belong to no request.
func (s *site) listen(ctx context.Context, w http.ResponseWriter, r *http.Request, call session.Call, f *flight) {
	if !accepts(r, "text/event-stream") {
		s.refuse(w, refuseAccept, nil)
		return
	}
	f.stream = true
	if !s.enter(ctx, w, r, &call, f, jsonrpc.Envelope{}, false) {
		return
	}
	defer lasting(f.until, f.cancel).stop()
	defer s.Sessions.Leave(call.Caller.Name, f.session)
	if s.ending.Load() {
		f.cancel(server.ErrShuttingDown)
	}
	call.Session = f.session
	f.answer = newAnswer(w, false)
	ctx = session.WithCall(f.exchange.Begin(ctx, f, nil), call)
	end := f.answer.keepAlive(ctx, f.cancel)
	defer end()
	s.handle(ctx, r, nil, f)
	f.answer.end()
}

// delete ends a session.
func (s *site) delete(ctx context.Context, w http.ResponseWriter, r *http.Request, call session.Call) {
	id := r.Header.Get(headerSession)
	if len(r.Header[headerSession]) != 1 || id == "" {
		s.refuse(w, &refusal{status: http.StatusBadRequest, message: "the header Mcp-Session-Id is missing"}, nil)
		return
	}
	if err := s.Sessions.End(ctx, call.Caller.Name, id); err != nil {
		s.refuseSession(w, err, nil)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// lacksCapability refuses a call of a tool that needs what the client did not declare (MCP.md section 2.3, trap 10).
func (s *site) lacksCapability(w http.ResponseWriter, env jsonrpc.Envelope) bool {
	if len(s.Requires) == 0 || env.Method != string(mcp.MethodToolsCall) {
		return false
	}
	var params struct {
		Name string `json:"name"`
		Meta struct {
			Capabilities map[string]json.RawMessage `json:"io.modelcontextprotocol/clientCapabilities"`
		} `json:"_meta"`
	}
	if json.Unmarshal(env.Params, &params) != nil || params.Meta.Capabilities == nil {
		return false // mcp-go says what is wrong
	}
	missing := slices.DeleteFunc(slices.Clone(s.Requires[params.Name]), func(name string) bool {
		return params.Meta.Capabilities[name] != nil
	})
	if len(missing) == 0 {
		return false
	}
	required := make(map[string]struct{}, len(missing))
	for _, name := range missing {
		required[name] = struct{}{}
	}
	body, err := json.Marshal(map[string]any{
		"code":    mcp.MISSING_REQUIRED_CLIENT_CAPABILITY,
		"message": "the client did not declare a capability that this tool needs",
		"data":    map[string]any{"requiredCapabilities": required},
	})
	if err != nil {
		return false
	}
	writeError(w, http.StatusBadRequest, env.ID, body)
	return true
}

// forget frees what mcp-go keeps for a session.
func (s *site) forget(id string) {
	f := &flight{session: id}
	ctx := f.exchange.Begin(context.Background(), f, nil)
	s.mcp.Handle(discard{}, &mcpserver.HTTPRequest{
		Method: http.MethodDelete, Header: http.Header{headerSession: {id}}, Context: ctx,
	})
}

// idResolver gives mcp-go the ids that the guard has minted and checked already.
type idResolver struct{}

func (idResolver) ResolveSessionIdManager(r *http.Request) mcpserver.SessionIdManager {
	if r != nil {
		if f := flightFrom(r.Context()); f != nil {
			return idManager(f.session)
		}
	}
	return idManager("")
}

// idManager knows one session, that of the request; "" knows none.
type idManager string

func (m idManager) Generate() string { return string(m) }

func (m idManager) Validate(id string) (bool, error) {
	if id == "" || id != string(m) {
		return false, session.ErrNoSession
	}
	return false, nil
}

func (m idManager) Terminate(id string) (bool, error) {
	_, err := m.Validate(id)
	return false, err
}

// headersAgree reports whether the headers of a request over HTTP are those that its message needs.
func headersAgree(h http.Header, env jsonrpc.Envelope, tool string, modern bool) bool {
	version := h.Get(mcp.HeaderProtocolVersion)
	if !modern {
		return version == "" || mcp.IsValidProtocolVersion(version)
	}
	return version == env.ProtocolVersion && h.Get(mcp.HeaderMethod) == env.Method && h.Get(mcp.HeaderName) == tool &&
		h.Get(mcp.HeaderLastEventID) == ""
}
