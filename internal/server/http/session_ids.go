package http

import (
	"context"
	"net/http"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/server"
	"ravi-mcp/session"
)

const headerSession = mcpserver.HeaderKeySessionID

// forget frees what mcp-go keeps for a session.
func (s *httpServer) forget(id string) {
	f := &inflight{call: session.Call{Session: id}}
	ctx := f.exchange.Begin(context.Background(), f, &f.message.env)
	s.mcp.Handle(discard{}, &mcpserver.HTTPRequest{
		Method: http.MethodDelete, Header: http.Header{headerSession: {id}}, Context: ctx,
	})
}

// idResolver gives mcp-go the ids that the guard has minted and checked already.
type idResolver struct{}

func (idResolver) ResolveSessionIdManager(r *http.Request) mcpserver.SessionIdManager {
	if r != nil {
		if f, ok := server.TransportFrom(r.Context()).(*inflight); ok {
			return idManager(f.call.Session)
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
