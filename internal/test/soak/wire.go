package soak

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// The revisions of the protocol that clients speak.
const (
	legacyProtocol = "2025-11-25"
	modernProtocol = "2026-07-28"
)

// errLost says that the answer to a call is not known, because the server or what it needs was not
// there.
var errLost = errors.New("the call was lost")

func isLost(err error) bool { return errors.Is(err, errLost) }

// wire is a client's connection to the server. It may be used by several goroutines.
type wire interface {
	// call calls a tool. Its error is errLost, or says that the server did what it must not.
	call(ctx context.Context, tool string, arguments map[string]any) (outcome, error)
	// session is the id of the protocol session as another client could steal it; "" without one.
	session() string
	close() error
}

// outcome is the result of a tool.
type outcome struct {
	failed bool
	code   string          // of the error
	body   json.RawMessage // structuredContent
	text   string          // all of the result as it came
}

// into decodes the structured content.
func into[T any](o outcome) (v T, err error) {
	if o.failed {
		return v, fmt.Errorf("it failed: %s", o.text)
	}
	if err := json.Unmarshal(o.body, &v); err != nil {
		return v, fmt.Errorf("%w in %s", err, o.text)
	}
	return v, nil
}

// answer is a JSON-RPC answer.
type answer struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// outcome reads the result of a tool.
func (a answer) outcome() (outcome, error) {
	if a.Error != nil {
		return outcome{}, fmt.Errorf("protocol error %d: %s", a.Error.Code, a.Error.Message)
	}
	var r struct {
		IsError           bool            `json:"isError"`
		StructuredContent json.RawMessage `json:"structuredContent"`
		Content           []struct{ Text string }
	}
	if err := json.Unmarshal(a.Result, &r); err != nil {
		return outcome{}, fmt.Errorf("%w in %s", err, a.Result)
	}
	o := outcome{failed: r.IsError, body: r.StructuredContent, text: string(a.Result)}
	if !r.IsError {
		return o, nil
	}
	if len(r.Content) == 0 || r.StructuredContent != nil {
		return o, fmt.Errorf("an error of the wrong shape: %s", a.Result)
	}
	var body struct{ Code string }
	if err := json.Unmarshal([]byte(r.Content[0].Text), &body); err != nil {
		return o, err
	}
	o.code, o.text = body.Code, r.Content[0].Text
	if body.Code == "unavailable" {
		return o, fmt.Errorf("%w: %s", errLost, o.text)
	}
	return o, nil
}

// toolCall is the message that calls a tool.
func toolCall(id int, modern bool, tool string, arguments map[string]any) []byte {
	params := map[string]any{"name": tool, "arguments": arguments}
	if modern {
		params["_meta"] = map[string]any{
			"io.modelcontextprotocol/protocolVersion":    modernProtocol,
			"io.modelcontextprotocol/clientCapabilities": map[string]any{},
		}
	}
	raw, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
	return raw
}

func initialize(id int) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"initialize","params":{"protocolVersion":"`+legacyProtocol+
		`","capabilities":{},"clientInfo":{"name":"soak","version":"1"}}}`, id)
}

var initialized = []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)

// pipe is a client whose answers come on one stream, in any order: stdio and SSE.
type pipe struct {
	modern bool
	send   func(context.Context, []byte) error
	shut   func() error
	id     string

	ids  *atomic.Int64 // the last one
	mu   sync.Mutex
	open map[int]chan answer // nil: the answer does not matter
	done chan struct{}       // closed when the stream has ended
	err  error
}

func newPipe(modern bool) *pipe {
	p := &pipe{modern: modern, ids: &atomic.Int64{}, open: map[int]chan answer{}, done: make(chan struct{})}
	p.ids.Store(-1)
	return p
}

// take gives a message from the stream to the call that waits for it.
func (p *pipe) take(raw []byte) error {
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return fmt.Errorf("not JSON-RPC: %.200q", raw)
	}
	id, err := strconv.Atoi(string(a.ID))
	if err != nil {
		return nil // a notification
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting, known := p.open[id]
	if !known {
		return fmt.Errorf("an answer to call %d, which is not open: %.200q", id, raw)
	}
	delete(p.open, id)
	if waiting != nil {
		waiting <- a
	}
	return nil
}

// end notes that the stream is over.
func (p *pipe) end(err error) {
	p.mu.Lock()
	p.err = err
	p.mu.Unlock()
	close(p.done)
}

// ask sends a message with a fresh id and waits for the answer to it.
func (p *pipe) ask(ctx context.Context, message func(id int) []byte) (answer, error) {
	ch := make(chan answer, 1)
	id := p.register(ch)
	if err := p.send(ctx, message(id)); err != nil {
		return answer{}, err
	}
	select {
	case a := <-ch:
		return a, nil
	case <-p.done:
		p.mu.Lock()
		defer p.mu.Unlock()
		return answer{}, fmt.Errorf("the stream ended: %w", p.err)
	case <-ctx.Done():
		return answer{}, fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
}

func (p *pipe) register(answered chan answer) int {
	id := int(p.ids.Add(1))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[id] = answered
	return id
}

// abandon calls a tool and cancels that. Whether an answer comes does not matter.
func (p *pipe) abandon(ctx context.Context, tool string, arguments map[string]any) error {
	id := p.register(nil)
	if err := p.send(ctx, toolCall(id, p.modern, tool, arguments)); err != nil {
		return err
	}
	return p.send(ctx, fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, id))
}

// greet opens a session, where the protocol has one.
func (p *pipe) greet(ctx context.Context) error {
	if p.modern {
		return nil
	}
	a, err := p.ask(ctx, initialize)
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	if a.Error != nil {
		return fmt.Errorf("initialize: %v", a.Error)
	}
	return p.send(ctx, initialized)
}

func (p *pipe) call(ctx context.Context, tool string, arguments map[string]any) (outcome, error) {
	a, err := p.ask(ctx, func(id int) []byte { return toolCall(id, p.modern, tool, arguments) })
	if err != nil {
		return outcome{}, err
	}
	return a.outcome()
}

func (p *pipe) session() string { return p.id }

func (p *pipe) close() error { return p.shut() }

// newStdio is a client of a server on a pair of streams. Its requests get the ids that follow,
// those of a client of its own if that is nil.
func newStdio(ctx context.Context, conn io.ReadWriteCloser, modern bool, ids *atomic.Int64) (wire, error) {
	p := newPipe(modern)
	if ids != nil {
		p.ids = ids
	}
	var mu sync.Mutex
	p.send = func(_ context.Context, message []byte) error {
		mu.Lock()
		defer mu.Unlock()
		_, err := conn.Write(append(message, '\n'))
		return err
	}
	p.shut = conn.Close
	go func() {
		lines := bufio.NewReader(conn)
		for {
			line, err := lines.ReadBytes('\n')
			if text := strings.TrimSpace(string(line)); text != "" {
				if bad := p.take([]byte(text)); bad != nil {
					err = bad
				}
			}
			if err != nil {
				p.end(err)
				return
			}
		}
	}()
	return p, p.greet(ctx)
}
