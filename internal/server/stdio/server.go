// Package stdio serves one MCP client over a pair of streams, one JSON-RPC message a line. mcp-go
// handles the messages, but not the transport, whose own starves, drops and blocks
// (docs/decisions.md#own-stdio-transport): here each request has a goroutine under a bound, writes
// are ordered, queued calls can be cancelled, lines have a limit, and the end of input is drained.
// Conn is the same for a client whose messages arrive one by one, as those of an SSE stream do.
package stdio

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"ravi-mcp/internal/server"
)

// Defaults and bounds of Server.
const (
	defaultMaxLine       = 4 << 20
	defaultMaxConcurrent = 256
	defaultDrain         = 60 * time.Second

	// maxCalls is how many tool calls may run, wait and queue together; maxOthers the same for
	// other requests.
	maxCalls  = 4096
	maxOthers = 1024
	// maxPendingBytes is how large the messages of all of them may be together.
	maxPendingBytes = 32 << 20
	// maxFree is how many goroutines are kept for the next requests.
	maxFree = 32
	// grace is how long requests may take to answer after their cancellation, and the client to
	// read the last answers.
	grace = 2 * time.Second
)

// Server serves one client over a pair of streams: one JSON-RPC message a line, protocols up to
// 2025-11-25 and from 2026-07-28 on side by side. Several may run in one process, also on one MCP;
// they share nothing.
//
// Every request has a goroutine of its own. At most MaxConcurrent tool calls run at a time, further
// ones queue (up to 4096 calls or 32 MiB of messages, then jsonrpc.CodeBusy); a call that only
// waits gives its place back with Yield. All other requests run at once, ping, initialize and
// logging/setLevel even before the next line is read. So neither waits nor queues delay a
// cancellation, a ping, or the answer to a question of the server.
//
// subscriptions/listen is acknowledged, held open and ended properly, but what mcp-go broadcasts
// reaches sessions up to 2025-11-25 only; an MCP that is served this way must not advertise
// listChanged, or never change its lists.
//
// A pool or gateway may put several clients behind one pair of streams: it forwards the initialize
// of each, rewrites the ids of requests but not those in notifications/cancelled, and sends to all
// what has no id of a request. With the second initialize, a client of each kind of protocol, or
// Shared, the client is shared for good: its calls are marked so (session.Call.Shared),
// cancellations are accepted without effect, calls send their answers and nothing before, also
// those that run already, what clients say of themselves and logging/setLevel count for nothing,
// and no client is asked anything; open questions end as impossible.
//
// A request's notifications are written before its answer, and none after it. A cancelled request
// is not answered, queued or running. Only the writing goroutine waits for a slow client: 1 MiB of
// output is kept for it, then finished requests wait with their answers, and at 4 MiB the reading
// stops.
type Server struct {
	// MCP handles the messages. Required.
	MCP *mcpserver.MCPServer
	// Dispatcher takes the calls that it can from MCP; nil takes none.
	Dispatcher *server.Dispatcher
	// In and Out are the client. Out gets whole lines of the protocol and nothing else.
	In  io.Reader
	Out io.Writer
	// Log gets what an operator should know, never any content of a message. The zero value logs
	// nothing.
	Log zerolog.Logger
	// MaxLine is the length in bytes of the longest line that is read (default 4 MiB). A longer one
	// is skipped and answered with jsonrpc.CodeInvalidRequest.
	MaxLine int
	// MaxConcurrent is how many tool calls may run at the same time, waits that have yielded not
	// counted (default 256).
	MaxConcurrent int
	// NoElicitation says that the client takes no request of the server, so that it is never asked
	// anything.
	NoElicitation bool
	// Shared says from the start that several clients are behind these streams.
	Shared bool
	// OnShared, if set, is called once, by the reading goroutine, when a client turns out to be
	// several. It must not block.
	OnShared func()
	// DrainTimeout is how long the requests in flight get to finish after the end of input (default
	// 60 s, which is longer than the longest wait). After it they are cancelled.
	DrainTimeout time.Duration
	// Context, if set, is called for every request and notification, before it is handled, and adds
	// the caller and the session. The mcp-go session in the context has the session id, "" for a
	// request of protocol 2026-07-28 or later.
	Context func(context.Context) context.Context
}

// Serve serves until the input ends and everything is answered, or no client can read the answers
// any more, or ctx is cancelled; these are orderly and return nil. When ctx is cancelled no message
// is read any more, the requests in flight are cancelled with cause ErrShuttingDown, and have 2 s
// to answer. It returns an error when In cannot be read, or Out cannot be written or is not read
// any more; then all requests are cancelled.
//
// After Serve nothing of it runs, with three exceptions that no one can end from outside: a handler
// that ignores its context, a Read that In cannot interrupt, and a Write likewise. To end the Read,
// Serve sets a read deadline if In knows one, and else closes In if it is an io.Closer but no file.
func (s *Server) Serve(ctx context.Context) error {
	c, err := s.Open(ctx)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.read(s.In) }()

	reading := true
	select {
	case err = <-ended:
		reading = false
		watching, stop := context.WithCancel(ctx)
		go c.watchOutput(watching, s.Out)
		c.drain(ctx, cmp.Or(max(s.DrainTimeout, 0), defaultDrain))
		stop()
	case <-ctx.Done():
	case <-c.out.failed:
	}
	c.shutdown()
	if reading {
		interrupt(s.In, ended)
	}
	return errors.Join(err, c.finish(ctx))
}

// interrupt ends a Read that is under way, where that is possible.
func interrupt(in io.Reader, ended <-chan error) {
	d, ok := in.(interface{ SetReadDeadline(time.Time) error })
	if !ok || d.SetReadDeadline(time.Unix(1, 0)) != nil {
		closer, ok := in.(io.Closer)
		if _, file := in.(*os.File); file || !ok || closer.Close() != nil {
			return
		}
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}
