package cli_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// The commands that the demo prints do what it says: with them, on one account and one state
// directory, neither client can use what the other creates.
func TestCommandsOfTheDemoKeepClientsApart(t *testing.T) {
	t.Parallel()
	out, err := harness.Command(t, nil, "demo").Output()
	require.NoError(t, err)
	export := regexp.MustCompile(`(?m)^  export RAVI_BASE_URL=\S+ RAVI_ACCESS_TOKEN=\S+$`)
	assert.Len(t, export.FindAll(out, -1), 1, "%s", out)
	printed := regexp.MustCompile(`(?m)^  ravi-mcp (stdio .*)$`).FindAllStringSubmatch(string(out), -1)
	require.Len(t, printed, 2, "%s", out)

	ravi, state := sandboxtest.New(t, sandbox.Config{}), t.TempDir()
	env := []string{"RAVI_BASE_URL=" + ravi.URL, "RAVI_ACCESS_TOKEN=" + ravi.Account.AccessToken}
	commands := make([][]string, len(printed))
	for i, line := range printed {
		commands[i] = strings.Fields(line[1])
		for n, word := range commands[i] {
			if strings.Contains(word, "ravi-mcp-demo-") { // it ended with the demo
				commands[i][n] = state
			}
		}
	}
	type made struct{ Identity struct{ UUID string } }
	uuids := make([]string, len(commands))
	for i, command := range commands {
		uuids[i] = harness.Must[made](t, harness.StartStdio(t, env, command...), "create_identity", args{"name": "same"}).Identity.UUID
	}
	for i, command := range commands {
		again := harness.StartStdio(t, env, command...)
		assert.Equal(t, uuids[i], harness.Must[made](t, again, "get_identity", args{"identity": "same"}).Identity.UUID)
		r, err := again.Tool("get_identity", args{"identity": uuids[1-i]})
		require.NoError(t, err)
		assert.True(t, r.IsError)
		assert.Contains(t, r.Content[0].Text, fault.IdentityNotFound)
	}
}
