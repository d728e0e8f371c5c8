package cli_test

import (
	"encoding/json"
	"net/http"
	"testing"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// authorized sends a header with every request.
type authorized struct {
	value string
	next  http.RoundTripper
}

func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.value != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", a.value)
	}
	return a.next.RoundTrip(r)
}

func TestGoSDKOverHTTP(t *testing.T) {
	t.Parallel()
	signUps(t, func(t *testing.T, flow signUp) {
		connections := &http.Transport{}
		defer connections.CloseIdleConnections()
		web := &http.Client{Transport: authorized{flow.authorization(), connections}}
		for name, wire := range map[string]sdk.Transport{
			"http": &sdk.StreamableClientTransport{Endpoint: flow.url + "/mcp", HTTPClient: web},
			"sse":  &sdk.SSEClientTransport{Endpoint: flow.url + "/sse", HTTPClient: web},
		} {
			t.Run(name, func(t *testing.T) {
				client, err := sdk.NewClient(&sdk.Implementation{Name: "go-sdk", Version: "1"}, nil).Connect(t.Context(), wire, nil)
				require.NoError(t, err)
				listed, err := client.ListTools(t.Context(), nil)
				require.NoError(t, err)
				var names []string
				for _, tool := range listed.Tools {
					names = append(names, tool.Name)
				}
				assert.Subset(t, names, signUpTools)
				assert.Equal(t, "2026-07-28", client.InitializeResult().ProtocolVersion)
				flow.play(t, "go-sdk-"+name, func(tool string, arguments args) json.RawMessage {
					result, err := client.CallTool(t.Context(), &sdk.CallToolParams{Name: tool, Arguments: arguments})
					require.NoError(t, err, tool)
					return structured(t, result.IsError, result.StructuredContent)
				})
				require.NoError(t, client.Close())
			})
		}
	})
}

func TestMCPGoOverHTTP(t *testing.T) {
	t.Parallel()
	signUps(t, func(t *testing.T, flow signUp) {
		headers := map[string]string{}
		if flow.token != "" {
			headers["Authorization"] = flow.authorization()
		}
		for name, revision := range map[string]string{"http": "2025-11-25", "http-newest": "2026-07-28", "sse": "2025-11-25"} {
			t.Run(name, func(t *testing.T) {
				var wire transport.Interface
				var err error
				if name == "sse" {
					wire, err = transport.NewSSE(flow.url+"/sse", transport.WithHeaders(headers))
				} else {
					wire, err = transport.NewStreamableHTTP(flow.url+"/mcp", transport.WithHTTPHeaders(headers))
				}
				require.NoError(t, err)
				client := mcpclient.NewClient(wire, mcpclient.WithProtocolVersion(revision))
				defer client.Close()
				require.NoError(t, client.Start(t.Context()))
				hello, err := client.Initialize(t.Context(), mcp.InitializeRequest{Params: mcp.InitializeParams{
					ProtocolVersion: revision, ClientInfo: mcp.Implementation{Name: "mcp-go", Version: "1"},
				}})
				require.NoError(t, err)
				assert.Equal(t, revision, hello.ProtocolVersion)
				flow.play(t, "mcp-go-"+name, func(tool string, arguments args) json.RawMessage {
					var request mcp.CallToolRequest
					request.Params.Name, request.Params.Arguments = tool, arguments
					result, err := client.CallTool(t.Context(), request)
					require.NoError(t, err, tool)
					return structured(t, result.IsError, result.StructuredContent)
				})
			})
		}
	})
}

// structured is the structured content of a call that has to succeed.
func structured(t *testing.T, failed bool, content any) json.RawMessage {
	t.Helper()
	require.False(t, failed)
	raw, err := json.Marshal(content)
	require.NoError(t, err)
	return raw
}
