package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"net"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/internal/test/harness"
	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// The official conformance suite needs tools, prompts and resources of its own on the server. They
// are mounted here, for tests only, on an endpoint that is the shipped one in everything else:
// guard, sessions, transport, middleware.

// conformant starts such an endpoint and returns its URL.
func conformant(t *testing.T) string {
	t.Helper()
	fake := sandboxtest.Memory(t, sandbox.Config{})
	system := harness.NewSystem(t, harness.SystemConfig{Connect: func() (*ravi.Client, error) { return harness.RaviClient(fake, ravi.Config{}) }})
	sessions := &session.Sessions{}
	mcp, err := server.New(server.Config{Version: "test", Deps: system.Deps})
	require.NoError(t, err)
	for _, capability := range []mcpserver.ServerOption{
		mcpserver.WithToolCapabilities(true), mcpserver.WithPromptCapabilities(true), mcpserver.WithResourceCapabilities(true, true),
		mcpserver.WithCompletions(), mcpserver.WithPromptCompletionProvider(&mcpserver.DefaultPromptCompletionProvider{}), mcpserver.WithLogging(), mcpserver.WithElicitation(),
	} {
		capability(mcp.Server)
	}
	mcp.Server.EnableSampling()
	f := fixtures{t: t, MCPServer: mcp.Server, deps: system.Deps}
	f.contents()
	f.notifications()
	f.questions()
	f.rounds()
	f.prompts()
	f.resources()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	endpoint := &mcphttp.Server{MCP: mcp.Server, Dispatcher: mcp.Dispatcher, Sessions: sessions, Anyone: &session.Caller{Name: session.LocalCaller},
		Requires: map[string][]string{"test_missing_capability": {"sampling"}}, Drain: system.Inbox.Shutdown}
	endpoint.Hosts, endpoint.Origins = mcphttp.LocalNames(l.Addr(), false)
	sessions.OnEnd = func(key session.Key) {
		_ = system.Store.EndSession(context.Background(), key)
		endpoint.SessionEnded(key)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- endpoint.Serve(ctx, []net.Listener{l}, nil) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return "http://" + l.Addr().String()
}

// fixtures mounts what the suite calls.
type fixtures struct {
	t *testing.T
	*mcpserver.MCPServer
	deps *tool.Deps
}

const noArguments = `{"type":"object","properties":{}}`

// tool mounts one tool.
func (f fixtures) tool(name, schema string, handle mcpserver.ToolHandlerFunc) {
	f.t.Helper()
	published := mcp.NewToolWithRawSchema(name, "What the conformance suite expects of "+name+".", []byte(schema))
	require.NoError(f.t, server.Mount(f.MCPServer, server.Config{Deps: f.deps}, published, handle))
}

// fixed mounts a tool that always answers the same.
func (f fixtures) fixed(name string, content ...mcp.Content) {
	f.tool(name, noArguments, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: content}, nil
	})
}

// contents are the tools that answer with each kind of content, and what tools/list has to keep as
// it is.
func (f fixtures) contents() {
	f.fixed("test_simple_text", mcp.NewTextContent("This is a simple text response for testing."))
	f.fixed("test_image_content", mcp.NewImageContent(pixel(), "image/png"))
	f.fixed("test_audio_content", mcp.NewAudioContent(silence(), "audio/wav"))
	f.fixed("test_embedded_resource", mcp.NewEmbeddedResource(mcp.TextResourceContents{
		URI: "test://embedded-resource", MIMEType: "text/plain", Text: "This is an embedded resource content.",
	}))
	f.fixed("test_multiple_content_types",
		mcp.NewTextContent("Multiple content types test:"),
		mcp.NewImageContent(pixel(), "image/png"),
		mcp.NewEmbeddedResource(mcp.TextResourceContents{
			URI: "test://mixed-content-resource", MIMEType: "application/json", Text: `{"test":"data","value":123}`,
		}))
	f.fixed("test_missing_capability", mcp.NewTextContent("The guard has seen to the capability."))
	f.tool("test_error_handling", noArguments, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultError("This tool intentionally returns an error for testing"), nil
	})
	echo := func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText("accepted"), nil
	}
	f.tool("test_parameter_in_header", `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`, echo)
	f.tool("json_schema_2020_12_tool", `{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"type": "object",
		"$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
		"properties": {
			"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
			"contactMethod": {"type": "string", "enum": ["phone", "email"]}, "phone": {"type": "string"}, "email": {"type": "string"}
		},
		"allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
		"if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
		"then": {"required": ["phone"]}, "else": {"required": ["email"]},
		"additionalProperties": false
	}`, echo)
}

// notifications are the tools that say something before they answer, or change what the server has.
func (f fixtures) notifications() {
	f.tool("test_tool_with_progress", noArguments, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for _, percent := range []float64{0, 50, 100} {
			if err := server.Progress(ctx).Report(ctx, percent, 100, ""); err != nil {
				return nil, err
			}
			pause(ctx)
		}
		return mcp.NewToolResultText("Three reports were sent."), nil
	})
	logs := func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for _, line := range []string{"Tool execution started", "Tool processing data", "Tool execution completed"} {
			// From 2026-07-28 on a request says whether it wants to hear of the log.
			if info := mcpserver.RequestProtocolInfoFromContext(ctx); info == nil || !info.Modern || info.LogLevel != "" {
				if err := server.TransportFrom(ctx).Notify(ctx, string(mcp.MethodNotificationMessage), map[string]any{"level": "info", "data": line}); err != nil {
					return nil, err
				}
			}
			pause(ctx)
		}
		return mcp.NewToolResultText("Three lines were logged."), nil
	}
	f.tool("test_tool_with_logging", noArguments, logs)
	f.tool("test_logging_tool", noArguments, logs)
	f.tool("test_trigger_tool_change", noArguments, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		f.MCPServer.AddTool(mcp.NewToolWithRawSchema("test_passing", "A tool that comes and goes.", []byte(noArguments)), nil)
		f.MCPServer.DeleteTools("test_passing")
		return mcp.NewToolResultText("The tools have changed."), nil
	})
	f.tool("test_trigger_prompt_change", noArguments, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		f.MCPServer.AddPrompt(mcp.NewPrompt("test_passing", mcp.WithPromptDescription("A prompt that comes and goes.")), nil)
		f.MCPServer.DeletePrompts("test_passing")
		return mcp.NewToolResultText("The prompts have changed."), nil
	})
}

// pause is the 50 ms that the suite wants between notifications.
func pause(ctx context.Context) {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
	}
}

// pixel is a red PNG of one pixel, and silence a WAV of one sample, in base64.
func pixel() string {
	picture := image.NewRGBA(image.Rect(0, 0, 1, 1))
	picture.Set(0, 0, color.RGBA{R: 255, A: 255})
	var b bytes.Buffer
	_ = png.Encode(&b, picture)
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func silence() string {
	const rate = 8000
	var b bytes.Buffer
	for _, part := range []any{
		[]byte("RIFF"), uint32(38), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1), uint32(rate), uint32(2 * rate), uint16(2), uint16(16),
		[]byte("data"), uint32(2), uint16(0),
	} {
		_ = binary.Write(&b, binary.LittleEndian, part)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}
