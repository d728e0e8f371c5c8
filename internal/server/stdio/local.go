package stdio

import (
	"context"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/session"
)

// Local returns the function that puts the caller of a stdio server into the
// context of each request (Server.Context).
//
// The process is the session, with a random id, for protocols that know
// sessions. From 2026-07-28 on there is none: that protocol forbids taking a
// connection, or a process, for a conversation (MCP.md section 1.2).
func Local(caller *session.Caller) func(context.Context) context.Context {
	id := session.NewID()
	return func(ctx context.Context) context.Context {
		call := session.Call{Caller: caller, Session: id, RequestID: session.NewID()}
		if mcpserver.IsModernRequest(ctx) {
			call.Session = ""
		}
		return session.WithCall(ctx, call)
	}
}
