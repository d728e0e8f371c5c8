package http

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
)

// openQuestion waits for the answer of the session that was asked.
type openQuestion struct {
	caller, session string
	reply           chan jsonrpc.Reply
}

// questionIDs name the questions of this process. mcp-go counts from 1 in each, so that with several replicas, or after a
// restart, the answer to one question would be taken for that to another.
type questionIDs struct{ process string }

func newQuestionIDs() questionIDs { return questionIDs{process: rand.Text() + "."} }

func (q questionIDs) name(n int64) string { return q.process + strconv.FormatInt(n, 10) }

// own reports whether the question is, or was, one of this process.
func (q questionIDs) own(id string) bool { return strings.HasPrefix(id, q.process) }

// Notify sends a notification on the response to the request.
func (f *flight) Notify(ctx context.Context, method string, params any) error {
	return f.answer.notify(ctx, method, params)
}

// AwaitAcknowledgement returns when the response to a subscription has begun.
func (f *flight) AwaitAcknowledgement(ctx context.Context) {
	if f.answer == nil || f.answer.begun == nil {
		return
	}
	select {
	case <-f.answer.begun:
	case <-ctx.Done():
	}
}

// Elicit asks the client for input on the stream of its call, in protocols up to 2025-11-25, and waits for the answer as
// long as ctx lives. When that ends first, the client is told that the question no longer stands.
func (f *flight) Elicit(ctx context.Context, params mcp.ElicitationParams) (*mcp.ElicitationResult, error) {
	s := f.site
	id := s.questionIDs.name(s.questions.Add(1))
	q := &openQuestion{caller: f.who.name, session: f.session, reply: make(chan jsonrpc.Reply, 1)}
	s.asked.Store(id, q)
	defer s.asked.Delete(id)
	if err := f.answer.send(ctx, id, string(mcp.MethodElicitationCreate), params); err != nil {
		return nil, err
	}
	select {
	case got := <-q.reply:
		return server.ElicitationResult(got)
	case <-ctx.Done():
	}
	_ = f.answer.notify(context.WithoutCancel(ctx), string(mcp.MethodNotificationCancelled), map[string]string{"requestId": id})
	return nil, context.Cause(ctx)
}

var (
	refuseReply = &refusal{status: http.StatusBadRequest, message: "no question of this session waits for this answer"}
	refuseOther = &refusal{status: http.StatusServiceUnavailable, retry: true, message: "another replica asked this, and only it can take the answer; retry, or let the proxy send a session's requests to one replica"}
)

// takeReply takes a client's answer to a question of ours; of the same session, or it was not asked. It reports false for
// an answer to what mcp-go asked, which names its questions by numbers.
func (s *site) takeReply(w http.ResponseWriter, f *flight, env jsonrpc.Envelope, body []byte) bool {
	var id string
	if f.session == "" || json.Unmarshal(env.ID, &id) != nil {
		return false
	}
	if found, ok := s.asked.Load(id); ok {
		q := found.(*openQuestion)
		if q.caller == f.who.name && q.session == f.session {
			select {
			case q.reply <- jsonrpc.ParseReply(body):
				w.WriteHeader(http.StatusAccepted)
				return true
			default: // answered already
			}
		}
	}
	if s.questionIDs.own(id) {
		s.refuse(w, refuseReply, nil)
	} else {
		s.refuse(w, refuseOther, nil)
	}
	return true
}
