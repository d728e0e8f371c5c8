package cli_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const publicHost = "mcp.example.com"

// proxies are the proxies that README.md has a configuration for. wrap makes a whole file of it, for a port of the test's.
var proxies = map[string]struct {
	install, program string
	wrap             func(block, port string) string
	args             func(file string) []string
}{
	"nginx": {
		install: "apt-get install nginx-light", program: "nginx",
		wrap: func(block, port string) string {
			return "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" +
				"client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n" +
				"server {\nlisten 127.0.0.1:" + port + ";\n" + block + "}\n}\n"
		},
		args: func(file string) []string { return []string{"-p", filepath.Dir(file), "-c", file} },
	},
	"caddy": {
		install: "apt-get install caddy", program: "caddy",
		wrap: func(block, port string) string { // no certificate can be had for a name of examples
			block = strings.Replace(block, publicHost+" {", "http://"+publicHost+":"+port+" {\n    bind 127.0.0.1", 1)
			return "{\n    admin off\n}\n" + block
		},
		args: func(file string) []string { return []string{"run", "--adapter", "caddyfile", "--config", file} },
	},
}

// The configurations of README.md let streams through as they come: progress reaches the client while it waits.
func TestTheProxiesOfTheReadmeLetStreamsThrough(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	for name, proxy := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(proxy.program)
			if err != nil {
				t.Skip(proxy.program + " is not installed: " + proxy.install)
			}
			block := regexp.MustCompile("(?s)\n```" + name + "\n(.*?)```").FindSubmatch(readme)
			require.NotNil(t, block, "README.md has no configuration for %s", name)

			const token = "rmcp_proxied-0123456789-0123456789-0123456789"
			env, home := environment(t, "RAVI_MCP_TOKEN="+token)
			r := serveHTTP(t, env, "--behind-tls-proxy", "--public-url", "https://"+publicHost)
			port := freePort(t)
			require.Contains(t, string(block[1]), "127.0.0.1:8787")
			config := proxy.wrap(strings.ReplaceAll(string(block[1]), "127.0.0.1:8787", strings.TrimPrefix(r.url, "http://")), port)
			file := filepath.Join(t.TempDir(), "proxy.conf")
			require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
			runProxy(t, program, proxy.args(file), home, "127.0.0.1:"+port)
			r.url = "http://" + publicHost
			client := clientOf(t, "127.0.0.1:"+port)

			response, _ := r.ask(client, token, "", initializeBody)
			require.Equal(t, http.StatusOK, response.StatusCode)
			session := response.Header.Get("Mcp-Session-Id")
			_, created := r.ask(client, token, session, toolBody(1, "create_identity", `{"name":"amber-agent"}`))
			require.Contains(t, created, `"cursor"`)

			open := func(method, path, body string) *bufio.Reader {
				request, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
				require.NoError(t, err)
				request.Header.Set("Authorization", "Bearer "+token)
				request.Header.Set("Mcp-Session-Id", session)
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Accept", "application/json, text/event-stream")
				response, err := client.Do(request)
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, response.StatusCode)
				t.Cleanup(func() { response.Body.Close() })
				return bufio.NewReader(response.Body)
			}
			wait := open(http.MethodPost, "/mcp", strings.Replace(toolBody(2, "wait_for_otp", `{"timeout_seconds":50}`), `"arguments"`, `"_meta":{"progressToken":1},"arguments"`, 1))
			for first := ""; !strings.Contains(first, "notifications/progress"); {
				first, err = wait.ReadString('\n')
				require.NoError(t, err)
			}
			line := regexp.MustCompile(`curl -H '([^:]+): ([^']+)' -d '([^']+)' (\S+)`).FindStringSubmatch(r.said())
			require.NotNil(t, line, r.said())
			post(t, line[4], line[1], line[2], line[3])
			rest, err := io.ReadAll(wait)
			require.NoError(t, err)
			assert.Contains(t, string(rest), `"status":"found"`)

			event, err := open(http.MethodGet, "/sse", "").ReadString('\n')
			require.NoError(t, err)
			assert.Equal(t, "event: endpoint\n", event)
			refused, err := client.Post(r.url+"/mcp", "application/json", strings.NewReader(initializeBody))
			require.NoError(t, err)
			refused.Body.Close()
			assert.Equal(t, http.StatusUnauthorized, refused.StatusCode, "the proxy's address is no credential")
		})
	}
}

// clientOf is a client that reaches this address under every name.
func clientOf(t *testing.T, addr string) *http.Client {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// freePort is a port that was free a moment ago; the proxies cannot take one by themselves.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

// runProxy starts a proxy, waits until it listens, and ends it with the test.
func runProxy(t *testing.T, program string, args []string, home, addr string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home, "PATH=" + os.Getenv("PATH")}
	log := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has no children, and would wait for open streams
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "%s does not listen", program)
}
