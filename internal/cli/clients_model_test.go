package cli_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
)

// embedded starts an embedded Ravi that outlives the processes of ravi-mcp, and returns a sign-up
// at it for clients that start those.
func embedded(t *testing.T) signUp {
	t.Helper()
	s, err := sandbox.New(sandbox.Config{})
	require.NoError(t, err)
	account, err := s.Account(sandbox.AccountConfig{})
	require.NoError(t, err)
	api, admin := httptest.NewServer(s), httptest.NewServer(s.Admin())
	t.Cleanup(func() {
		_ = s.Close()
		api.Close()
		admin.Close()
	})
	flow := signUp{sandbox: admin.URL}
	flow.account = map[string]string{"RAVI_BASE_URL": api.URL, "RAVI_ACCESS_TOKEN": account.AccessToken}
	flow.env, flow.home = harness.Environment(t)
	return flow
}

// signUpsByModel lets a client that asks a language model sign up, once at a server that it starts
// and once over HTTP. Configure writes the client's files and returns its command line and what it
// adds to its environment.
func signUpsByModel(t *testing.T, configure func(t *testing.T, flow signUp, model string) (command, env []string)) {
	t.Helper()
	play := func(t *testing.T, flow signUp) {
		m := newScriptedModel(t)
		command, env := configure(t, flow, m.url)
		// opencode leaves a library in the folder for temporary files.
		cmd := harness.Command(t, append(append(flow.env, "TMPDIR="+flow.home), env...))
		cmd.Path, cmd.Args = command[0], command
		cmd.Dir = filepath.Join(flow.home, "project")
		require.NoError(t, os.MkdirAll(cmd.Dir, 0o700))
		var out harness.Output
		cmd.Stdout = &out
		m.client = harness.Start(t, cmd)
		flow.play(t, "by-model", m.call(t))
		close(m.calls)
		code, err := m.client.Wait()
		require.NoError(t, err)
		require.Zero(t, code, "%s\n%s", m.client.Log(), out.String())
		assert.Contains(t, out.String(), "Done.")
	}
	t.Run("stdio", func(t *testing.T) {
		t.Parallel()
		play(t, embedded(t))
	})
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		signUpAt(t, clientToken, play)
	})
}

func writeHome(t *testing.T, flow signUp, path, text string) {
	t.Helper()
	path = filepath.Join(flow.home, path)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestOpenCode(t *testing.T) {
	t.Parallel()
	signUpsByModel(t, func(t *testing.T, flow signUp, model string) (command, env []string) {
		server := args{"type": "local", "command": []string{harness.Binary(t), "stdio"}, "environment": flow.account}
		if flow.url != "" {
			server = args{"type": "remote", "url": flow.url + "/mcp", "headers": args{"Authorization": flow.authorization()}, "oauth": false}
		}
		provider := args{
			"npm": "@ai-sdk/openai-compatible", "models": args{"model": args{}},
			"options": args{"baseURL": model + "/v1", "apiKey": "none"},
		}
		writeHome(t, flow, "project/opencode.json", encode(args{
			"autoupdate": false, "share": "disabled", "model": "scripted/model",
			"provider": args{"scripted": provider}, "mcp": args{"ravi": server},
		}))
		opencode := clientFile(t, "opencode-linux-x64-baseline", "bin", "opencode")
		return []string{opencode, "run", "--print-logs", "sign up"}, []string{
			"OPENCODE_DISABLE_AUTOUPDATE=1", "OPENCODE_DISABLE_DEFAULT_PLUGINS=1",
			"OPENCODE_DISABLE_LSP_DOWNLOAD=1", "OPENCODE_DISABLE_MODELS_FETCH=1",
		}
	})
}

func TestClaudeCodeSignUp(t *testing.T) {
	t.Parallel()
	signUpsByModel(t, func(t *testing.T, flow signUp, model string) (command, env []string) {
		server := args{"command": harness.Binary(t), "args": []string{"stdio"}, "env": flow.account}
		if flow.url != "" {
			server = args{"type": "http", "url": flow.url + "/mcp", "headers": args{"Authorization": flow.authorization()}}
		}
		writeHome(t, flow, "mcp.json", encode(args{"mcpServers": args{"ravi": server}}))
		claude := clientFile(t, ".bin", "claude")
		return []string{
				claude, "--print", "--model", "model", "--strict-mcp-config", "--mcp-config", filepath.Join(flow.home, "mcp.json"),
				"--allowedTools", "mcp__ravi", "--", "sign up",
			}, []string{
				"ANTHROPIC_BASE_URL=" + model, "ANTHROPIC_API_KEY=none", "ENABLE_TOOL_SEARCH=false",
				"DISABLE_AUTOUPDATER=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
			}
	})
}

func TestCodex(t *testing.T) {
	t.Parallel()
	signUpsByModel(t, func(t *testing.T, flow signUp, model string) (command, env []string) {
		config := fmt.Sprintf(`
model = "model"
model_provider = "scripted"
approval_policy = "never"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.scripted]
name = "scripted"
base_url = "%s/v1"
wire_api = "responses"
[mcp_servers.ravi]
`, model)
		if flow.url != "" {
			config += fmt.Sprintf("url = %q\nbearer_token_env_var = %q\n", flow.url+"/mcp", "TOKEN")
		} else {
			config += fmt.Sprintf("command = %q\nargs = [\"stdio\"]\n[mcp_servers.ravi.env]\n", harness.Binary(t))
			for name, value := range flow.account {
				config += fmt.Sprintf("%s = %q\n", name, value)
			}
		}
		writeHome(t, flow, ".codex/config.toml", config)
		codex := clientFile(t, "@openai", "codex-linux-x64", "vendor", "x86_64-unknown-linux-musl", "bin", "codex")
		return []string{codex, "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "sign up"},
			[]string{"TOKEN=" + flow.token}
	})
}

func TestGeminiCLI(t *testing.T) {
	t.Parallel()
	signUpsByModel(t, func(t *testing.T, flow signUp, model string) (command, env []string) {
		server := args{"command": harness.Binary(t), "args": []string{"stdio"}, "env": flow.account, "trust": true}
		if flow.url != "" {
			server = args{"httpUrl": flow.url + "/mcp", "headers": args{"Authorization": flow.authorization()}, "trust": true}
		}
		writeHome(t, flow, ".gemini/settings.json", encode(args{
			"general":    args{"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
			"privacy":    args{"usageStatisticsEnabled": false},
			"security":   args{"auth": args{"selectedType": "gemini-api-key"}},
			"mcpServers": args{"ravi": server},
		}))
		gemini := clientFile(t, "@google", "gemini-cli", "bundle", "gemini.js")
		return []string{
				harness.FindClients(t).Node, gemini,
				"--model", "gemini-2.5-flash", "--yolo", "--prompt", "sign up",
			}, []string{
				"GEMINI_API_KEY=none", "GOOGLE_GEMINI_BASE_URL=" + model, "GEMINI_CLI_TRUST_WORKSPACE=true",
				"GEMINI_CLI_NO_RELAUNCH=true", "GEMINI_TELEMETRY_ENABLED=false",
			}
	})
}
