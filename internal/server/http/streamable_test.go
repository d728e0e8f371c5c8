package http_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/session"
)

func TestBothProtocolsUseOneEndpoint(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	old, young := e.open(""), e.newest("")

	created := old.call("create_identity", `{"name":"old"}`)
	assert.Equal(t, "true", created.field(t, "created"))
	assert.Equal(t, "session", old.call("get_identity", `{}`).field(t, "resolved_by"))

	other := young.call("create_identity", `{"name":"young"}`)
	uuid := other.field(t, "identity", "uuid")
	assert.Equal(t, "identity_required", young.call("get_identity", `{}`).failure(t), "2026-07-28 has no session to remember in")
	assert.Equal(t, "young", young.call("get_identity", `{"identity":"`+uuid+`"}`).field(t, "identity", "name"))
	assert.Equal(t, "old", old.call("get_identity", `{}`).field(t, "identity", "name"), "no other client's call changed it")
}

func TestDeletedSessionIsGone(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	a := e.open("")
	a.call("create_identity", `{"name":"mine"}`)
	require.Equal(t, 1, e.sessions.Len())

	r := a.do(a.request(t.Context(), http.MethodDelete, "/mcp", ""))
	assert.Equal(t, http.StatusNoContent, r.status)
	assert.Equal(t, 0, e.sessions.Len())
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
		body := ""
		if method == http.MethodPost {
			body = a.message("get_identity", `{}`, "")
		}
		assert.Equal(t, http.StatusNotFound, a.do(a.request(t.Context(), method, "/mcp", body)).status, method)
	}
	assert.Equal(t, 0, e.sessions.Len(), "asking creates nothing")
}

// SECURITY.md T6: what ends is ended everywhere, also in mcp-go, and what runs in it.
func TestEndedSessionLeavesNothing(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var mu sync.Mutex
	e := serve(t, func(e *endpoint) {
		e.sessions.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
	})
	known := func(a *agent) error {
		return e.MCP.SendNotificationToSpecificClient(a.session, "notifications/test", nil)
	}
	deleted, expired, listening := e.open(""), e.open(""), e.open("")
	for _, a := range []*agent{deleted, expired, listening} {
		require.NoError(t, known(a))
		a.call("create_identity", `{"name":"main","if_exists":"reuse"}`)
	}
	stream, err := listening.client.Do(listening.request(t.Context(), http.MethodGet, "/mcp", ""))
	require.NoError(t, err)
	defer stream.Body.Close()
	deleted.do(deleted.request(t.Context(), http.MethodDelete, "/mcp", ""))
	mu.Lock()
	now = now.Add(session.DefaultIdle + time.Minute)
	mu.Unlock()
	e.sessions.Sweep()
	require.Equal(t, 1, e.sessions.Len(), "one of them has a listener")
	mu.Lock()
	now = now.Add(session.DefaultAbsolute)
	mu.Unlock()
	e.sessions.Sweep()
	_, err = io.Copy(io.Discard, stream.Body)
	require.NoError(t, err, "its stream ended")
	for _, a := range []*agent{deleted, expired, listening} {
		require.ErrorIs(t, known(a), mcpserver.ErrSessionNotFound)
		key := session.Key{Caller: session.LocalCaller, Session: a.session}
		known, err := e.store.Known(t.Context(), key)
		require.NoError(t, err)
		assert.Empty(t, known)
	}
}

func TestLibraryClientSpeaksBothProtocols(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]mcpclient.ClientOption{
		"2026-07-28": nil,
		"2025-11-25": {mcpclient.WithProtocolVersion("2025-11-25")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := serve(t, nil)
			wire, err := transport.NewStreamableHTTP(e.url + "/mcp")
			require.NoError(t, err)
			c := mcpclient.NewClient(wire, options...)
			defer c.Close()
			play(t, e, c)
		})
	}
}

// play lets a client do what an agent does: create, wait, save, read back.
func play(t *testing.T, e *endpoint, c *mcpclient.Client) {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, c.Start(ctx))
	_, err := c.Initialize(ctx, mcp.InitializeRequest{Params: mcp.InitializeParams{
		ProtocolVersion: mcp.LATEST_PROTOCOL_VERSION, ClientInfo: mcp.Implementation{Name: "tester", Version: "1"},
	}})
	require.NoError(t, err)
	list, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	require.NoError(t, err)
	var names []string
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
	}
	assert.Subset(t, names, []string{"create_identity", "wait_for_otp", "list_messages"})

	call := func(tool string, arguments map[string]any) outcome {
		var request mcp.CallToolRequest
		request.Params.Name, request.Params.Arguments = tool, arguments
		result, err := c.CallTool(ctx, request)
		require.NoError(t, err)
		return parseResult(t, result)
	}
	created := call("create_identity", map[string]any{"name": "agent"})
	uuid := created.field(t, "identity", "uuid")
	for _, info := range e.ravi.Server.Identities() {
		if info.UUID == uuid {
			e.sms(info, "Your Example code is 482913")
		}
	}
	waited := call("wait_for_otp", map[string]any{"cursor": created.field(t, "cursor")})
	assert.Equal(t, "482913", waited.field(t, "code"))
	call("save_credential", map[string]any{"identity": uuid, "domain": "example.com", "username": "me", "password": "correct horse"})
	assert.Equal(t, "correct horse", call("get_credential", map[string]any{"identity": uuid, "domain": "example.com"}).field(t, "credential", "password"))
}
