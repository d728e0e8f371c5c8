package server

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// acknowledge makes the end of a subscription over HTTP wait for its beginning. Where there is nothing to listen to, both
// come at once, and mcp-go then drops the acknowledgement now and then (docs/mcp-go.md#trap-11), which has to be the
// first message.
func acknowledge(hooks *mcpserver.Hooks) {
	hooks.AddAfterSubscriptionsListen(func(ctx context.Context, _ any, _ *mcp.SubscriptionsListenRequest, _ *mcp.SubscriptionsListenResult) {
		if transport := TransportFrom(ctx); transport != nil {
			transport.AwaitAcknowledgement(ctx)
		}
	})
}
