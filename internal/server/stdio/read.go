package stdio

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mark3labs/mcp-go/mcp"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
)

var errLineTooLong = errors.New("line too long")

// lines splits the input into lines of at most max bytes.
type lines struct {
	r   *bufio.Reader
	max int
}

// next returns the next line without its end, as a slice of its own. A longer line is skipped
// without being kept, and reported as errLineTooLong. The last line need not have an end; then
// comes io.EOF.
func (l *lines) next() ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		ended := err == nil
		if ended {
			part = part[:len(part)-1]
		}
		if len(line)+len(part) > l.max {
			long, line = true, nil
		}
		if !long {
			line = append(line, part...)
		}
		switch {
		case ended || err == io.EOF && (long || len(line) > 0):
			if long {
				return nil, errLineTooLong
			}
			return bytes.TrimSuffix(line, []byte("\r")), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// read takes messages from the client until its input ends, and returns nil then. It is the one
// goroutine that may outlive Serve, blocked in a Read; it then throws away what it reads.
func (c *Conn) read(in io.Reader) error {
	input := lines{r: bufio.NewReaderSize(in, 64<<10), max: c.maxLine}
	for first := true; ; first = false {
		line, err := input.next()
		if first {
			line = jsonrpc.TrimBOM(line)
		}
		switch {
		case c.stopped():
			return nil
		case errors.Is(err, errLineTooLong):
			c.refuse(nil, jsonrpc.CodeInvalidRequest, fmt.Sprintf("invalid request: a line is longer than %d bytes; it was skipped", c.maxLine))
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("server: read from the client: %w", err)
		case len(bytes.TrimSpace(line)) > 0:
			c.take(line)
		}
	}
}

// take handles one message as far as the reading goroutine does so itself: that is everything that
// must keep its order or must not wait, and nothing that reaches Ravi.
func (c *Conn) take(line []byte) {
	env, refused := jsonrpc.Parse(line)
	if refused != nil {
		c.log.Debug().Int("code", refused.Code).Str("reason", refused.Message).Msg("a message was refused")
		c.refuse(refused.ID, refused.Code, refused.Message)
		return
	}
	c.Dispatch(env, line)
}

// Dispatch takes a message whose envelope was checked. Calls must not overlap. It returns once the
// message is taken, and waits only where the client sends much and reads nothing.
func (c *Conn) Dispatch(env jsonrpc.Envelope, line []byte) {
	switch {
	case env.IsResponse:
		c.response(env, line)
	case env.Method == string(mcp.MethodNotificationCancelled):
		if !c.shared.Load() { // the id in it may be the one that another client's request has here
			c.cancelled(env)
		}
	case !env.IsNotification && env.Method == string(mcp.MethodInitialize):
		c.initialize(env, line)
	case env.IsNotification, inOrder(env.Method):
		c.inline(env, line)
	default:
		if mcp.IsModernProtocol(env.ProtocolVersion) && env.Method == string(mcp.MethodToolsCall) {
			c.calledModern = true
			if c.initialized {
				c.share("calls of protocols with and without initialize")
			}
		}
		c.start(env, line)
	}
}

// initialize handles the request that begins a session, before the next message is read. A second
// one, or one after a call of a protocol that has none, comes from another client, as far as can be
// told from here.
func (c *Conn) initialize(env jsonrpc.Envelope, line []byte) {
	if c.initialized || c.calledModern {
		c.share("initialized again")
	}
	c.initialized = c.inline(env, line) || c.initialized
}

// share takes note that several clients are behind the streams.
func (c *Conn) share(sign string) {
	if c.shared.Swap(true) {
		return
	}
	c.log.Info().Str("sign", sign).Msg("several clients share this server, so it remembers nothing for them")
	c.questions.end()
	if c.onShared != nil {
		c.onShared()
	}
}

// inOrder reports whether a request is handled before the next message is read: one that later ones
// build on, and ping, which thereby never waits. Neither does anything slow.
func inOrder(method string) bool {
	switch mcp.MCPMethod(method) {
	case mcp.MethodPing, mcp.MethodSetLogLevel:
		return true
	}
	return false
}

// inline handles a message at once, and reports whether it was answered with a result. The answer
// goes out as the reading goroutine's own, which waits last.
func (c *Conn) inline(env jsonrpc.Envelope, line []byte) (succeeded bool) {
	call := c.newCall(env, line)
	defer call.cancel(nil)
	body, isError := call.run()
	call.session.feed.close()
	if body == nil || env.IsNotification || !c.out.end(call) {
		return false
	}
	c.out.reply(jsonrpc.Open, call.env.ID, memberOf(isError), body, jsonrpc.Close)
	return !isError
}

// refuse answers a message that is not taken; a nil id is answered as null.
func (c *Conn) refuse(id json.RawMessage, code int, message string) {
	if id == nil {
		id = jsonrpc.Null
	}
	c.out.reply(jsonrpc.Open, id, jsonrpc.Failure, jsonrpc.ErrorBody(code, message), jsonrpc.Close)
}

// cancelled handles notifications/cancelled: the request it names is over, whether it runs, waits
// for a slot or waits to be written, and nothing more is sent for it. mcp-go is not told: it would
// take 1 and "1" for the same id.
func (c *Conn) cancelled(env jsonrpc.Envelope) {
	key, ok := jsonrpc.IDKey(env.CancelledID())
	if !ok {
		return
	}
	c.mu.Lock()
	call := c.calls[key]
	c.mu.Unlock()
	if call != nil {
		c.out.end(call)
		call.cancel(server.ErrCancelled)
	}
}
