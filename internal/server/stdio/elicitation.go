package stdio

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
)

// ErrInputEnded is returned by a question to the client (elicitation) when its input has ended: no
// answer can come.
var ErrInputEnded = errors.New("server: the client's input has ended")

// questions are the requests of this server that wait for the client's answer.
type questions struct {
	mu    sync.Mutex
	open  map[string]chan jsonrpc.Reply
	ended bool
}

// ask registers a new question and returns its id, as it stands in JSON, and where the answer
// arrives. No client that was not asked knows the id.
func (q *questions) ask() (string, <-chan jsonrpc.Reply, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return "", nil, ErrInputEnded
	}
	id := `"` + rand.Text() + `"`
	if q.open == nil {
		q.open = make(map[string]chan jsonrpc.Reply)
	}
	answer := make(chan jsonrpc.Reply, 1)
	q.open[id] = answer
	return id, answer, nil
}

// settle delivers an answer to the question with this id and reports whether there was one.
func (q *questions) settle(id string, answer jsonrpc.Reply) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiter, ok := q.open[id]
	if ok {
		delete(q.open, id)
		waiter <- answer
	}
	return ok
}

// end answers all questions with ErrInputEnded, and refuses new ones.
func (q *questions) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	for id, waiter := range q.open {
		delete(q.open, id)
		waiter <- jsonrpc.Reply{Err: ErrInputEnded}
	}
}

// response takes a message that answers a question of this server.
func (c *Conn) response(env jsonrpc.Envelope, raw []byte) {
	if !c.questions.settle(string(env.ID), jsonrpc.ParseReply(raw)) {
		c.log.Debug().Msg("a response to no open request was ignored")
	}
}

// ShowsForms reports whether the client declared forms, and takes requests of the server at all.
func (c *call) ShowsForms(ctx context.Context) bool {
	return !c.conn.noElicitation && !c.conn.shared.Load() && (c.modern || c.key != "") && server.DeclaresForms(ctx)
}

// Elicit asks the client for input on behalf of the call, and waits for the answer as long as ctx
// lives. When ctx ends first, the client is told that the question no longer stands. A client that
// did not declare elicitation is not asked, because it would never answer (docs/mcp-go.md#trap-9);
// nor is one of several, because any of them could.
func (c *call) Elicit(ctx context.Context, params mcp.ElicitationParams) (*mcp.ElicitationResult, error) {
	switch {
	case c.modern:
		return nil, mcpserver.ErrServerInitiatedRequestUnsupported
	case c.conn.shared.Load(), c.session.facts().capabilities.Elicitation == nil, c.key == "":
		return nil, mcpserver.ErrElicitationNotSupported
	}
	body, err := jsonrpc.Marshal(params)
	if err != nil {
		return nil, err
	}
	id, answer, err := c.conn.questions.ask()
	if err != nil {
		return nil, err
	}
	err = c.conn.out.notify(ctx, c, []byte(`{"jsonrpc":"2.0","id":`+id+`,"method":"elicitation/create","params":`), body, jsonrpc.Close)
	if err != nil {
		c.conn.questions.settle(id, jsonrpc.Reply{})
		return nil, err
	}
	select {
	case got := <-answer:
		return server.ElicitationResult(got)
	case <-c.conn.out.failed:
		return nil, ErrInputEnded
	case <-ctx.Done():
	}
	if c.conn.questions.settle(id, jsonrpc.Reply{}) {
		c.conn.out.reply([]byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`))
	}
	return nil, context.Cause(ctx)
}
