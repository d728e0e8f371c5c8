package cli_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/ports"
	"ravi-mcp/session"
)

// parallelAgents finds a part of docs/parallel-agents.md, to run it as it stands.
func parallelAgents(t *testing.T, pattern string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(harness.ModuleRoot(t), "docs", "parallel-agents.md"))
	require.NoError(t, err)
	found := regexp.MustCompile(pattern).FindSubmatch(page)
	require.NotNil(t, found, pattern)
	return string(found[1])
}

// The gateways of the page: users of one session who name their identities get them, and one who
// does not gets none.
func TestParallelAgentsBehindAGateway(t *testing.T) {
	t.Parallel()
	flags := parallelAgents(t, `(?m)^ravi-mcp http (.*)$`)
	callers := parallelAgents(t, "(?s)```toml\n(.*?)```")
	callers = strings.Replace(callers, `"..."`, `"`+session.HashToken(tokenOf("gateway")).String()+`"`, 1)
	for name, c := range map[string]struct {
		token string
		flags []string
	}{
		"flag":         {"", strings.Fields(flags)},
		"callers file": {tokenOf("gateway"), []string{"--callers", callersFile(t, callers)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, _ := harness.Environment(t)
			m := harness.StartHTTP(t, env, append(c.flags, "--sandbox")...)
			response, _ := m.Post(http.DefaultClient, c.token, "", harness.InitializeMessage)
			id := response.Header.Get("Mcp-Session-Id")
			call := func(tool, arguments string) string {
				_, said := m.Post(http.DefaultClient, c.token, id, harness.ToolMessage(1, tool, arguments))
				return said
			}
			require.Contains(t, call("create_identity", `{"name":"gateway-amber"}`), "gateway-amber")
			assert.Contains(t, call("get_identity", `{}`), "identity_required", "one who names none is no other")
			require.Contains(t, call("create_identity", `{"name":"gateway-basalt"}`), "gateway-basalt")
			assert.Contains(t, call("get_identity", `{"identity":"gateway-amber"}`), "gateway-amber")
			assert.Contains(t, call("get_identity", `{"identity":"gateway-basalt"}`), "gateway-basalt")
		})
	}
}

// The pool of the page: the line is run as it stands, but for the port, and npx takes what is
// installed. No client has an identity by itself, not even the first one, and two whose requests
// have the same id wait at the same time.
func TestParallelAgentsBehindAPool(t *testing.T) {
	t.Parallel()
	line := parallelAgents(t, `(?m)^(npx -y mcp-proxy .*)$`)
	proxy, node := clientFile(t, "mcp-proxy", "dist", "bin", "mcp-proxy.mjs"), harness.FindClients(t).Node
	programs := t.TempDir()
	npx := fmt.Sprintf("#!/bin/sh\n[ \"$1 $2\" = '-y mcp-proxy' ] || exit 2\nshift 2\nexec '%s' '%s' \"$@\"\n", node, proxy)
	require.NoError(t, os.WriteFile(filepath.Join(programs, "npx"), []byte(npx), 0o700))
	require.NoError(t, os.Symlink(harness.Binary(t), filepath.Join(programs, "ravi-mcp")))
	dial := map[string]func(url string) (transport.Interface, error){
		"http": func(url string) (transport.Interface, error) { return transport.NewStreamableHTTP(url) },
		"sse":  func(url string) (transport.Interface, error) { return transport.NewSSE(url) },
	}
	for name, path := range map[string]string{"http": "mcp", "sse": "sse"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := parallelAgents(t, "`(http://127.0.0.1:8000/"+path+")`")
			flow, port := embedded(t), ports.Free(t)
			flow.env = append(flow.env, "PATH="+programs+string(filepath.ListSeparator)+os.Getenv("PATH"))
			for name, value := range flow.account {
				flow.env = append(flow.env, name+"="+value)
			}
			cmd := harness.Command(t, flow.env)
			cmd.Path, cmd.Args = "/bin/sh", []string{"/bin/sh", "-c", "exec " + strings.Replace(line, "8000", port, 1)}
			p := harness.Start(t, cmd)
			t.Cleanup(func() { p.Stop(t) })
			var agents []*mcpclient.Client
			for range 2 {
				harness.Eventually(t, func() bool {
					conn, err := net.Dial("tcp", "127.0.0.1:"+port)
					if err == nil {
						_ = conn.Close()
					}
					return err == nil
				}, p)
				wire, err := dial[name](strings.Replace(url, "8000", port, 1))
				require.NoError(t, err)
				agents = append(agents, dialGo(t, wire))
			}
			var all sync.WaitGroup
			for n, agent := range agents {
				all.Go(func() { flow.play(t, fmt.Sprintf("agent-%d", n), throughGo(t, agent)) })
			}
			all.Wait()
			for _, agent := range agents {
				result, err := callGo(t, agent, "get_identity", args{})
				require.NoError(t, err)
				assert.Contains(t, encode(result.Content), "identity_required")
			}
		})
	}
}
