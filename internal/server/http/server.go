// Package http serves MCP clients over HTTP: streamable HTTP at /mcp, the transport of 2024-11-05
// at /sse and /message, health, and the metadata of the endpoint as an OAuth protected resource. In
// front of mcp-go's handler stands a guard: what a request may be refused for is decided from its
// head to its body, overload first, and every refusal is in refuse.go.
package http

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"ravi-mcp/internal/server"
	"ravi-mcp/session"
)

// Limits of HTTP that are not configured.
const (
	// MaxBody is the length in bytes of the longest body that is read.
	MaxBody = 1 << 20
	// maxHeader is what all header lines of a request may have together; net/http adds 4 KiB to it
	// (H6: 16 KiB).
	maxHeader = 12 << 10
	// smallBody is a body that needs no leave; maxLargeBodies is how many bytes of larger ones may
	// be in memory together.
	smallBody      = 64 << 10
	maxLargeBodies = 64 << 20

	idleTimeout = 2 * time.Minute
	// drainTime is how long requests in flight get to answer when the server ends; then their
	// connections are closed.
	drainTime = 6 * time.Second
	// keepAliveEvery is the time between two comments on an event stream, which keep proxies from
	// closing it.
	keepAliveEvery = 15 * time.Second
	// notifyTimeout is how long a client may take to accept a message of a stream.
	notifyTimeout = 20 * time.Second
	// grace is how long requests may take to end after their connections were closed.
	grace = 2 * time.Second
	// ShutdownTime is how long Serve takes to return, at most, when its context is cancelled.
	ShutdownTime = drainTime + grace
)

// Defaults of Limits.
const (
	DefaultMaxOpen        = 20_000
	DefaultMaxRunning     = 4_096
	DefaultCallsPerCaller = 512
	DefaultRate           = 500

	DefaultHeaderTime = 10 * time.Second
	DefaultBodyTime   = 15 * time.Second
)

// Limits bound what clients may ask for at the same time. 0 means the default.
type Limits struct {
	// Open is how many requests may be open together, waits and streams among them; beyond it the
	// answer is 503.
	Open int
	// Running is how many calls may run together, not counting waits; beyond it the answer is 503.
	Running int
	// CallsPerCaller is how many calls of one caller may run together, not counting waits; beyond
	// it the answer is 429.
	CallsPerCaller int
	// Rate is how many requests a second one caller may make in the long run, with bursts of twice
	// as many; beyond it the answer is 429. Negative: no limit.
	Rate int
	// HeaderTime and BodyTime are how long the head and the body of a request may take to arrive.
	HeaderTime, BodyTime time.Duration
}

// SessionTable is the protocol sessions of an endpoint. session.Sessions is one; its methods say
// what is expected.
type SessionTable interface {
	Open(ctx context.Context, caller string) (id string, err error)
	Enter(ctx context.Context, caller, id string) error
	Leave(caller, id string)
	End(ctx context.Context, caller, id string) error
}

// Server serves any number of clients at /mcp (streamable HTTP, all protocol revisions from
// 2025-03-26 on), /sse and /message (the transport of 2024-11-05), /healthz and /readyz. mcp-go's
// streamable HTTP handler does the protocol; in front of it stands a guard, which lets only
// requests through that are well-formed, come from an allowed place, belong to a known caller and,
// before 2026-07-28, to a session of that caller (SECURITY.md H1 to H9).
//
// Fill it, then call Serve, or Handler and Shutdown; it must not be changed afterwards.
type Server struct {
	// MCP handles the messages. Required.
	MCP *mcpserver.MCPServer
	// Dispatcher takes the calls that it can from MCP; nil takes none.
	Dispatcher *server.Dispatcher
	// Sessions are the protocol sessions. Required. Call SessionEnded when one has ended.
	Sessions SessionTable
	// Callers know who a token belongs to. Nil: no token is needed, and every request is Anyone's.
	Callers Authenticator
	// OAuth says where tokens come from, if an authorization server issues them. Nil: clients have
	// them already.
	OAuth *OAuth
	// Anyone is the caller of every request where no token is needed.
	Anyone *session.Caller
	// Hosts are the values of Host that are allowed, in lower case, with the port as clients send
	// it.
	Hosts []string
	// Origins are the values of Origin that are allowed besides a missing one. Pages of
	// CrossOrigins are told so (CORS); those of Origins are the endpoint's own.
	Origins, CrossOrigins []string
	// Public are the URLs under which clients reach the endpoint through a proxy, without /mcp;
	// their paths are in the URLs that clients are told. A client that uses none of their hosts is
	// told of the Host that it uses, which must be an allowed one like any other.
	Public []*url.URL
	// NoSSE leaves out /sse and /message.
	NoSSE bool
	// TLS says that clients speak TLS, to this server or to a proxy before it.
	TLS bool
	// Requires names, by tool, the client capabilities without which a call of protocol 2026-07-28
	// is refused with -32021, e.g. "elicitation". The command line sets none: its tools do without;
	// the server of the conformance tests does.
	Requires map[string][]string
	// Ready says whether calls can succeed, for /readyz; its answer is kept for 5 s. Nil: they can.
	Ready func(context.Context) error
	// Drain is called once when the server begins to end; it makes waits return, pending.
	Drain func()
	// Metrics count what is refused, and Tracer reads the trace that a client's headers name; nil
	// does neither.
	Metrics *server.Metrics
	Tracer  *server.Tracer
	// Limits bound what clients may ask for together.
	Limits Limits
	// Log gets what an operator should know, never any content of a message. The zero value logs
	// nothing.
	Log zerolog.Logger

	once    sync.Once
	started *httpServer
}

// httpServer is a Server at work.
type httpServer struct {
	*Server
	mcp         *mcpserver.StreamableHTTPServer
	origins     originPolicy
	bases       map[string]base
	largeBodies *semaphore.Weighted
	open        atomic.Int64
	running     atomic.Int64
	ending      atomic.Bool
	callers     sync.Map // name -> *callerState
	sse         sync.Map // session id -> *sseConn
	ready       readiness
	questions   questions
	context     context.Context // of all requests
	stop        context.CancelCauseFunc
}

// start returns the server at work, which it makes at the first call.
func (h *Server) start() *httpServer {
	h.once.Do(func() {
		s := &httpServer{Server: h, origins: newOriginPolicy(h), bases: newBases(h.Public), largeBodies: semaphore.NewWeighted(maxLargeBodies), questions: questions{process: rand.Text() + "."}}
		s.context, s.stop = context.WithCancelCause(context.Background())
		s.mcp = mcpserver.NewStreamableHTTPServer(h.MCP,
			mcpserver.WithSessionIdManagerResolver(idResolver{}),
			mcpserver.WithStreamableHTTPLogger(slog.New(slog.DiscardHandler)))
		h.started = s
	})
	return h.started
}

// Handler returns the endpoint as an http.Handler, for another http.Server, whose connections must
// have http.LocalAddrContextKey, as those of net/http do.
func (h *Server) Handler() http.Handler { return h.start() }

// Serve serves the connections of ls, at least one, until ctx is cancelled, or one of them fails.
// With tls set, clients speak TLS.
//
// When ctx is cancelled, no further call is taken (503), event streams end, waits end as pending
// with their cursor, and what still runs gets 6 s to answer. Then Serve returns nil; nothing of it
// runs any more.
func (h *Server) Serve(ctx context.Context, ls []net.Listener, tls *tls.Config) error {
	s := h.start()
	web := &http.Server{
		Handler:           s,
		TLSConfig:         tls,
		ReadHeaderTimeout: cmp.Or(max(h.Limits.HeaderTime, 0), DefaultHeaderTime),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(connectionLog{h.Log}, "", 0),
		BaseContext:       func(net.Listener) context.Context { return s.context },
	}
	failed := make(chan error, len(ls))
	for _, l := range ls {
		go func() {
			if tls != nil {
				failed <- web.ServeTLS(l, "", "")
				return
			}
			failed <- web.Serve(l)
		}()
	}
	select {
	case err := <-failed:
		s.end()
		s.stop(server.ErrShuttingDown)
		_ = web.Close()
		return fmt.Errorf("server: serve HTTP: %w", err)
	case <-ctx.Done():
	}
	h.Log.Info().Int64("open", s.open.Load()).Msg("shutting down")
	s.end()
	drained, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err := web.Shutdown(drained)
	s.stop(server.ErrShuttingDown)
	if err != nil {
		h.Log.Warn().Int64("open", s.open.Load()).Msg("requests did not end in time, their connections are closed")
		_ = web.Close()
		s.quiet(grace)
	}
	for range ls {
		if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("server: serve HTTP: %w", err)
		}
	}
	return nil
}

// Stats is what an endpoint is doing, for metrics.
type Stats struct {
	// Open are the requests in flight, waits and streams among them; Running the calls that do not
	// wait.
	Open, Running int
}

// Stats returns what the server does at this moment.
func (h *Server) Stats() Stats {
	s := h.start()
	return Stats{Open: int(s.open.Load()), Running: int(s.running.Load())}
}

// Shutdown refuses further calls and ends streams and waits, for those who use Handler. It does not
// wait.
func (h *Server) Shutdown() { h.start().end() }

// Close is Shutdown and cancels whatever still runs.
func (h *Server) Close() {
	h.Shutdown()
	h.started.stop(server.ErrShuttingDown)
}

// end begins the end: no further calls, no streams, no waits.
func (s *httpServer) end() {
	if s.ending.Swap(true) {
		return
	}
	if s.Drain != nil {
		s.Drain()
	}
	for _, c := range s.callers.Range {
		c.(*callerState).cancelAll(server.ErrShuttingDown, func(f *inflight) bool { return f.stream })
	}
}

// quiet waits until no request is open, but not longer than limit.
func (s *httpServer) quiet(limit time.Duration) {
	for deadline := time.Now().Add(limit); s.open.Load() > 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
}

// SessionEnded cancels what runs in a session that has ended, and frees what mcp-go keeps for it.
func (h *Server) SessionEnded(key session.Key) {
	s := h.start()
	if c, ok := s.callers.Load(key.Caller); ok {
		c.(*callerState).cancelAll(errSessionEnded, func(f *inflight) bool { return f.call.Session == key.Session })
	}
	s.forget(key.Session)
}

// CallerGone cancels what runs for a caller who may not call any more. Its sessions are the
// SessionTable's to end.
func (h *Server) CallerGone(name string) {
	if c, ok := h.start().callers.Load(name); ok {
		c.(*callerState).cancelAll(errCallerGone, func(*inflight) bool { return true })
	}
}

var (
	errSessionEnded = errors.New("server: the session has ended")
	errCallerGone   = errors.New("server: the caller may not call any more")
)

// connectionLog passes what net/http has to say on to the log, as debug lines: most of it is about
// clients that went away, or spoke no TLS.
type connectionLog struct{ log zerolog.Logger }

func (c connectionLog) Write(line []byte) (int, error) {
	c.log.Debug().Bytes("net_http", bytes.TrimSuffix(line, []byte("\n"))).Msg("connection")
	return len(line), nil
}
