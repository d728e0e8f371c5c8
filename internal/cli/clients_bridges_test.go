package cli_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/ports"
)

// throughStdio is the story of a client over stdio.
func throughStdio(t *testing.T, s *harness.Stdio) story {
	return func(tool string, arguments args) json.RawMessage {
		t.Helper()
		return harness.Must[json.RawMessage](t, s, tool, arguments)
	}
}

// dialMCPRemote starts mcp-remote, which serves a server of HTTP over stdio.
func dialMCPRemote(t *testing.T, flow signUp, args ...string) *harness.Stdio {
	t.Helper()
	bridge, node := clientFile(t, "mcp-remote", "dist", "proxy.js"), harness.FindClients(t).Node
	if flow.token != "" {
		args = append(args, "--header", "Authorization: "+flow.authorization())
	}
	cmd := harness.Command(t, flow.env)
	cmd.Path, cmd.Args = node, append([]string{node, bridge}, args...)
	s, err := harness.Dial(cmd)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = s.Cmd.Process.Kill()
		<-s.Ended
	})
	require.NoError(t, s.Initialize(), "%s", s.Log())
	return s
}

func TestMCPRemote(t *testing.T) {
	t.Parallel()
	signUps(t, func(t *testing.T, flow signUp) {
		first := dialMCPRemote(t, flow, flow.url+"/mcp")
		second := dialMCPRemote(t, flow, flow.url+"/sse", "--transport", "sse-only")
		flow.play(t, "mcp-remote-http", throughStdio(t, first))

		// A server sees two clients, not one.
		asked, err := second.Tool("get_identity", args{})
		require.NoError(t, err)
		assert.True(t, asked.IsError)
		flow.play(t, "mcp-remote-sse", throughStdio(t, second))
		for _, s := range []*harness.Stdio{first, second} {
			code, err := s.Close()
			require.NoError(t, err)
			assert.Zero(t, code, "%s", s.Log())
		}
	})
}

// mcporter starts a process for every call, and over stdio so the server.
func TestMCPorter(t *testing.T) {
	t.Parallel()
	program, node := clientFile(t, "mcporter", "dist", "cli.js"), harness.FindClients(t).Node
	call := func(t *testing.T, flow signUp, config args) story {
		file := filepath.Join(flow.home, "mcporter.json")
		writeHome(t, flow, "mcporter.json", encode(args{"mcpServers": args{"ravi": config}, "imports": []string{}}))
		return func(tool string, arguments args) json.RawMessage {
			run := runClient(t, flow.home, flow.env, node, program,
				"--config", file, "call", "ravi."+tool, "--args", encode(arguments), "--output", "json")
			require.Zero(t, run.code, "%s%s", run.out, run.err)
			// It prints the log of a server that ends with an exit code other than 0.
			require.True(t, json.Valid([]byte(run.out)), run.out)
			return json.RawMessage(run.out)
		}
	}
	t.Run("stdio", func(t *testing.T) {
		t.Parallel()
		flow := embedded(t)
		flow.play(t, "mcporter", call(t, flow, args{"command": harness.Binary(t), "args": []string{"stdio"}, "env": flow.account}))
	})
	signUps(t, func(t *testing.T, flow signUp) {
		config := args{"url": flow.url + "/mcp"}
		if flow.token != "" {
			config["headers"] = args{"Authorization": flow.authorization()}
		}
		flow.play(t, "mcporter", call(t, flow, config))
	})
}

// startSupergateway serves a server of stdio over HTTP. It returns its URL without a path, and its
// log of all messages.
func startSupergateway(t *testing.T, flow signUp, arguments ...string) (url string, log *harness.Output) {
	t.Helper()
	gateway, node := clientFile(t, "supergateway", "dist", "index.js"), harness.FindClients(t).Node
	port := ports.Free(t)
	line := append([]string{node, gateway, "--port", port, "--stdio", "exec " + harness.Binary(t) + " stdio"}, arguments...)
	for name, value := range flow.account {
		flow.env = append(flow.env, name+"="+value)
	}
	cmd := harness.Command(t, flow.env)
	cmd.Path, cmd.Args = line[0], line
	log = &harness.Output{}
	cmd.Stdout = log
	_, err := cmd.StdinPipe() // it ends with its input
	require.NoError(t, err)
	p := harness.Start(t, cmd)
	t.Cleanup(func() { p.Stop(t) })
	harness.Eventually(t, func() bool { return strings.Contains(log.String(), "Listening on port") }, p)
	return "http://127.0.0.1:" + port, log
}

// dialGo connects mcp-go's client with protocol 2025-11-25.
func dialGo(t *testing.T, wire transport.Interface) *mcpclient.Client {
	t.Helper()
	client := mcpclient.NewClient(wire, mcpclient.WithProtocolVersion("2025-11-25"))
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.Start(t.Context()))
	_, err := client.Initialize(t.Context(), mcp.InitializeRequest{Params: mcp.InitializeParams{
		ProtocolVersion: "2025-11-25", ClientInfo: mcp.Implementation{Name: "mcp-go", Version: "1"},
	}})
	require.NoError(t, err)
	return client
}

// throughGo is the story of an mcp-go client.
func throughGo(t *testing.T, client *mcpclient.Client) story {
	return func(tool string, arguments args) json.RawMessage {
		t.Helper()
		result, err := callGo(t, client, tool, arguments)
		require.NoError(t, err, tool)
		require.False(t, result.IsError, "%s: %s", tool, encode(result.Content))
		return structured(t, result.IsError, result.StructuredContent)
	}
}

func callGo(t *testing.T, client *mcpclient.Client, tool string, arguments args) (*mcp.CallToolResult, error) {
	t.Helper()
	var request mcp.CallToolRequest
	request.Params.Name, request.Params.Arguments = tool, arguments
	return client.CallTool(t.Context(), request)
}

// supergateway serves SSE with one child for all clients, whose messages it passes on as they are;
// what the child says goes to all of them.
func TestSupergatewayOneChildForAll(t *testing.T) {
	t.Parallel()
	flow := embedded(t)
	url, log := startSupergateway(t, flow)
	dial := func() *mcpclient.Client {
		wire, err := transport.NewSSE(url + "/sse")
		require.NoError(t, err)
		return dialGo(t, wire)
	}
	first := dial()
	flow.play(t, "first", throughGo(t, first))
	second := dial()
	required := func(client *mcpclient.Client) {
		t.Helper()
		result, err := callGo(t, client, "get_identity", args{})
		require.NoError(t, err)
		assert.True(t, result.IsError)
		assert.Contains(t, encode(result.Content), "identity_required")
	}
	required(second)
	required(first)
	flow.play(t, "second", throughGo(t, second))
	required(second)
	required(first)

	// Clients take the same numbers as ids. Where the second one's are ahead, it can still cancel
	// what the first one waits for.
	for range 20 {
		required(second)
	}
	waited := make(chan string, 1)
	go func() {
		result, err := callGo(t, first, "wait_for_otp", args{"identity": "first", "timeout_seconds": 40})
		waited <- fmt.Sprint(encode(result), err)
	}()
	waits := func() int { return strings.Count(log.String(), `"name":"wait_for_otp"`) }
	harness.Eventually(t, func() bool { return waits() == 3 })
	for id := range 50 {
		cancel := mcp.JSONRPCNotification{JSONRPC: "2.0"}
		cancel.Method = "notifications/cancelled"
		cancel.Params.AdditionalFields = map[string]any{"requestId": id}
		require.NoError(t, second.GetTransport().SendNotification(t.Context(), cancel))
	}
	required(second) // the server has read the cancellations
	flow.deliver(t, "first@in.ravi.app")
	assert.Contains(t, <-waited, `"status":"found"`)
}

// supergateway serves streamable HTTP with a child for every session, or for every request.
func TestSupergatewayOwnChildren(t *testing.T) {
	t.Parallel()
	for name, arguments := range map[string][]string{"session": {"--stateful"}, "request": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flow := embedded(t)
			url, _ := startSupergateway(t, flow, append(arguments, "--outputTransport", "streamableHttp")...)
			for _, agent := range []string{"first", "second"} {
				wire, err := transport.NewStreamableHTTP(url + "/mcp")
				require.NoError(t, err)
				client := dialGo(t, wire)
				result, err := callGo(t, client, "get_identity", args{})
				require.NoError(t, err)
				assert.Contains(t, encode(result.Content), "identity_required")
				flow.play(t, agent, throughGo(t, client))
			}
		})
	}
}
