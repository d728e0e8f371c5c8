package http

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
)

// openQuestion waits for the answer of the session that was asked.
type openQuestion struct {
	caller, session string
	reply           chan jsonrpc.Reply
}

// questions are those that clients were asked and have not answered. Their ids are random, so that
// no client that was not asked knows one, and begin with the process, so that an answer which comes
// to another replica is known as such.
type questions struct {
	process string
	open    sync.Map // id -> *openQuestion
}

// Elicit asks the client for input on the stream of its call, in protocols up to 2025-11-25, and
// waits for the answer as long as ctx lives. When that ends first, the client is told that the
// question no longer stands. Several agents behind one session are not asked.
func (f *inflight) Elicit(ctx context.Context, params mcp.ElicitationParams) (*mcp.ElicitationResult, error) {
	if f.call.Shared {
		return nil, mcpserver.ErrElicitationNotSupported
	}
	questions := &f.server.questions
	q := &openQuestion{caller: f.caller.name, session: f.call.Session, reply: make(chan jsonrpc.Reply, 1)}
	id := questions.process + rand.Text()
	questions.open.Store(id, q)
	defer questions.open.Delete(id)
	if err := f.response.send(ctx, id, string(mcp.MethodElicitationCreate), params); err != nil {
		return nil, err
	}
	select {
	case got := <-q.reply:
		return server.ElicitationResult(got)
	case <-ctx.Done():
	}
	_ = f.response.send(context.WithoutCancel(ctx), "", string(mcp.MethodNotificationCancelled), map[string]string{"requestId": id})
	return nil, context.Cause(ctx)
}

// takeReply takes a client's answer to a question of this server; of the same session, or it was
// not asked. It reports false for an answer to what mcp-go asked, which names its questions by
// numbers.
func (s *httpServer) takeReply(w http.ResponseWriter, f *inflight) (taken bool, refused *refusal) {
	var id string
	if f.call.Session == "" || json.Unmarshal(f.message.env.ID, &id) != nil {
		return false, nil
	}
	if found, ok := s.questions.open.Load(id); ok {
		q := found.(*openQuestion)
		if q.caller == f.caller.name && q.session == f.call.Session {
			select {
			case q.reply <- jsonrpc.ParseReply(f.message.body):
				w.WriteHeader(http.StatusAccepted)
				return true, nil
			default: // answered already
			}
		}
	}
	if strings.HasPrefix(id, s.questions.process) {
		return true, refuseReply
	}
	return true, refuseReplyOfOther
}
