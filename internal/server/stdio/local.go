package stdio

import (
	"context"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/session"
)

// Local returns the function that puts the caller of a stdio server into the context of each
// request (Server.Context). The process is the session, with a random id.
func Local(caller *session.Caller) func(context.Context) context.Context {
	return InSession(session.Call{Caller: caller, Shared: caller.Shared, Session: session.NewID()})
}

// InSession returns a function for Server.Context that puts call into the context of each request,
// under a new request id. From protocol 2026-07-28 on the request has no session: that protocol
// forbids taking a connection, or a process, for a conversation.
func InSession(call session.Call) func(context.Context) context.Context {
	return func(ctx context.Context) context.Context {
		request := call
		request.RequestID = session.NewID()
		if mcpserver.IsModernRequest(ctx) {
			request.Session = ""
		}
		return session.WithCall(ctx, request)
	}
}
