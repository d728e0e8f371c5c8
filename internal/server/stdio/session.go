package stdio

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// notificationRoom is how many notifications mcp-go may hand over before it says that the channel
// is blocked.
const notificationRoom = 256

// clientFacts is what a client says about itself: once at initialize, or with every request of
// protocol 2026-07-28.
type clientFacts struct {
	info         mcp.Implementation
	capabilities mcp.ClientCapabilities
	version      string
	level        mcp.LoggingLevel
	initialized  bool
}

// connSession is the session of one Serve for protocols up to 2025-11-25, registered with the
// MCPServer. Requests see it through a callSession of their own.
type connSession struct {
	id     string
	feed   feed
	shared *atomic.Bool // of the connection

	mu    sync.RWMutex
	facts clientFacts
}

func (s *connSession) SessionID() string { return s.id }

func (s *connSession) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.feed.channel() }

func (s *connSession) set(change func(*clientFacts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.facts)
}

// get returns the facts. What one of several clients has said holds for none of the others, so of
// those there are none.
func (s *connSession) get() clientFacts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.shared.Load() {
		return clientFacts{initialized: s.facts.initialized, level: mcp.LoggingLevelError}
	}
	return s.facts
}

func (s *connSession) Initialize() {
	s.set(func(f *clientFacts) { f.initialized, f.level = true, mcp.LoggingLevelError })
}
func (s *connSession) Initialized() bool              { return s.get().initialized }
func (s *connSession) SetLogLevel(l mcp.LoggingLevel) { s.set(func(f *clientFacts) { f.level = l }) }
func (s *connSession) GetLogLevel() mcp.LoggingLevel  { return s.get().level }

// callSession is the session as one request sees it. Notifications that mcp-go sends through it go
// out before the answer of this request; what mcp-go writes into it for a request of protocol
// 2026-07-28 stays in it, and such a request has no session id, because that protocol has no
// sessions. Only initialize changes the session of the connection.
type callSession struct {
	*connSession
	call *call
	feed feed
	own  *clientFacts // nil: those of the connection
	mu   sync.Mutex
}

func (s *callSession) SessionID() string {
	if s.call.modern {
		return ""
	}
	return s.connSession.id
}

func (s *callSession) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.feed.channel() }

// change applies a change to the connection for the methods that may, and to this request alone for
// all others.
func (s *callSession) change(change func(*clientFacts)) {
	if !s.call.modern && s.call.env.Method == string(mcp.MethodInitialize) {
		s.connSession.set(change)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == nil {
		s.own = new(clientFacts)
		if !s.call.modern {
			*s.own = s.connSession.get()
		}
	}
	change(s.own)
}

func (s *callSession) facts() clientFacts {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.own != nil:
		return *s.own
	case s.call.modern:
		return clientFacts{}
	}
	return s.connSession.get()
}

func (s *callSession) Initialize() {
	s.change(func(f *clientFacts) { f.initialized, f.level = true, mcp.LoggingLevelError })
}
func (s *callSession) Initialized() bool { return s.facts().initialized }
func (s *callSession) SetLogLevel(l mcp.LoggingLevel) {
	if !s.call.modern {
		s.connSession.SetLogLevel(l)
	}
}
func (s *callSession) GetLogLevel() mcp.LoggingLevel { return s.facts().level }
func (s *callSession) SetProtocolVersion(v string)   { s.change(func(f *clientFacts) { f.version = v }) }
func (s *callSession) ProtocolVersion() string {
	if s.call.modern {
		return s.call.env.ProtocolVersion
	}
	return s.facts().version
}
func (s *callSession) GetClientInfo() mcp.Implementation { return s.facts().info }
func (s *callSession) SetClientInfo(i mcp.Implementation) {
	s.change(func(f *clientFacts) { f.info = i })
}
func (s *callSession) GetClientCapabilities() mcp.ClientCapabilities { return s.facts().capabilities }
func (s *callSession) SetClientCapabilities(c mcp.ClientCapabilities) {
	s.change(func(f *clientFacts) { f.capabilities = c })
}

// RequestElicitation is Elicit for a handler that asks through mcp-go.
func (s *callSession) RequestElicitation(ctx context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	defer s.call.Yield()()
	return s.call.Elicit(ctx, request.Params)
}

// feed carries the notifications that mcp-go hands over through a channel. It costs nothing until
// the channel is asked for.
type feed struct {
	send func(mcp.JSONRPCNotification)

	mu     sync.Mutex
	in     chan mcp.JSONRPCNotification
	stop   chan struct{}
	done   chan struct{}
	closed bool
}

// channel returns the channel, and starts its reader with the first call. After close nothing
// reads: mcp-go then reports the channel as blocked.
func (f *feed) channel() chan<- mcp.JSONRPCNotification {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.in != nil:
	case f.closed:
		f.in = make(chan mcp.JSONRPCNotification)
	default:
		f.in = make(chan mcp.JSONRPCNotification, notificationRoom)
		f.stop, f.done = make(chan struct{}), make(chan struct{})
		go f.run(f.in)
	}
	return f.in
}

func (f *feed) run(in <-chan mcp.JSONRPCNotification) {
	defer close(f.done)
	for {
		select {
		case n := <-in:
			f.send(n)
		case <-f.stop:
			for {
				select {
				case n := <-in:
					f.send(n)
				default:
					return
				}
			}
		}
	}
}

// close returns when everything handed over so far was sent.
func (f *feed) close() {
	f.mu.Lock()
	started := f.in != nil && !f.closed
	f.closed, f.in = true, nil
	f.mu.Unlock()
	if started {
		close(f.stop)
		<-f.done
	}
}

// The interfaces of mcp-go that the sessions must keep to; it looks for them at run time.
var (
	_ mcpserver.SessionWithLogging         = (*callSession)(nil)
	_ mcpserver.SessionWithClientInfo      = (*callSession)(nil)
	_ mcpserver.SessionWithElicitation     = (*callSession)(nil)
	_ mcpserver.SessionWithProtocolVersion = (*callSession)(nil)
	_ mcpserver.SessionWithLogging         = (*connSession)(nil)
)
