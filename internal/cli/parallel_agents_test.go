package cli_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
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
