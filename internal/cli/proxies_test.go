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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/ports"
)

const publicHost = "mcp.example.com"

// proxy is a proxy that README.md has configurations for.
type proxy struct {
	install, program string
	// bare is what passes requests on to a server and says nothing of who asked and for which host.
	bare string
	// wrap makes a whole file of a configuration, for a port.
	wrap func(block, port string) string
	// balance makes a whole file of those for one server and for several.
	balance func(p proxy, one, several, port string) string
	args    func(file string) []string
}

var proxies = map[string]proxy{
	"nginx": {
		install: "apt-get install nginx-light", program: "nginx",
		bare: "location / { proxy_pass http://127.0.0.1:8787; }\n",
		wrap: func(block, port string) string {
			return "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" +
				"client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n" +
				"server {\nlisten 127.0.0.1:" + port + ";\n" + block + "}\n}\n"
		},
		balance: func(p proxy, one, several, port string) string {
			all := p.wrap(strings.Replace(one, "http://127.0.0.1:8787", "http://ravi", 1), port)
			return strings.Replace(all, "\nserver {", "\n"+several+"server {", 1)
		},
		args: func(file string) []string { return []string{"-p", filepath.Dir(file), "-c", file} },
	},
	"caddy": {
		install: "apt-get install caddy", program: "caddy",
		bare: publicHost + " {\n    reverse_proxy 127.0.0.1:8787 {\n        header_up Host {upstream_hostport}\n    }\n}\n",
		wrap: func(block, port string) string { // no certificate can be had for a name of examples
			// What README.md says of Caddy 2.6, which cuts an answer off now and then without it.
			block = strings.ReplaceAll(block, "flush_interval -1", "flush_interval -1\n        buffer_requests")
			block = strings.Replace(block, publicHost+" {", "http://"+publicHost+":"+port+" {\n    bind 127.0.0.1", 1)
			return "{\n    admin off\n}\n" + block
		},
		balance: func(p proxy, _, several, port string) string { return p.wrap(several, port) },
		args:    func(file string) []string { return []string{"run", "--adapter", "caddyfile", "--config", file} },
	},
}

// eachProxy runs a test with each proxy that is installed and the blocks of README.md for one
// server and for several.
func eachProxy(t *testing.T, test func(t *testing.T, p proxy, one, several string)) {
	t.Parallel()
	for name, p := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var err error
			if p.program, err = exec.LookPath(p.program); err != nil {
				t.Skip(p.program + " is not installed: " + p.install)
			}
			blocks := regexp.MustCompile("(?s)\n```"+name+"\n(.*?)```").FindAllStringSubmatch(harness.Readme(t), -1)
			require.Len(t, blocks, 2, "README.md has a configuration of %s for one server and one for several", name)
			test(t, p, blocks[0][1], blocks[1][1])
		})
	}
}

// run starts the proxy, waits until it listens, and returns a client that reaches it under every
// name. It ends with the test.
func (p proxy) run(t *testing.T, config, port string) *http.Client {
	t.Helper()
	home := t.TempDir()
	file := filepath.Join(home, "proxy.conf")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	cmd := exec.Command(p.program, p.args(file)...)
	cmd.Env = []string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home, "PATH=" + os.Getenv("PATH")}
	log := &harness.Output{}
	cmd.Stdout, cmd.Stderr = log, log
	harness.Start(t, cmd) // is killed in the end, as it would wait for open streams
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log)
		}
	})
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
	}
	harness.Eventually(t, func() bool {
		c, err := dial(t.Context(), "", "")
		if err == nil {
			c.Close()
		}
		return err == nil
	}, "%s does not listen", p.program)
	client := &http.Client{Transport: &http.Transport{DialContext: dial}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// The configurations of README.md let streams through as they come: progress reaches the client
// while it waits.
func TestReadmeProxiesLetStreamsThrough(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy, one, _ string) {
		const token = "rmcp_proxied-0123456789-0123456789-0123456789"
		env, _ := harness.Environment(t, "RAVI_MCP_TOKEN="+token)
		r := harness.StartHTTP(t, env, "--sandbox", "--behind-tls-proxy", "--public-url", "https://"+publicHost)
		port := ports.Free(t)
		require.Contains(t, one, "127.0.0.1:8787")
		client := p.run(t, p.wrap(strings.ReplaceAll(one, "127.0.0.1:8787", strings.TrimPrefix(r.URL, "http://")), port), port)
		proxied := harness.At(t, "http://"+publicHost)

		response, _ := proxied.Post(client, token, "", harness.InitializeMessage)
		require.Equal(t, http.StatusOK, response.StatusCode)
		session := response.Header.Get("Mcp-Session-Id")
		_, created := proxied.Post(client, token, session, harness.ToolMessage(1, "create_identity", `{"name":"amber-agent"}`))
		require.Contains(t, created, `"cursor"`)

		open := func(method, path, body string) *bufio.Reader {
			response, err := client.Do(proxied.Request(method, path, token, session, body))
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, response.StatusCode)
			t.Cleanup(func() { response.Body.Close() })
			return bufio.NewReader(response.Body)
		}
		wait := open(http.MethodPost, "/mcp", strings.Replace(harness.ToolMessage(2, "wait_for_otp", `{"timeout_seconds":50}`), `"arguments"`, `"_meta":{"progressToken":1},"arguments"`, 1))
		for first := ""; !strings.Contains(first, "notifications/progress"); {
			var err error
			first, err = wait.ReadString('\n')
			require.NoError(t, err)
		}
		postAsPrinted(t, r.Log())
		rest, err := io.ReadAll(wait)
		require.NoError(t, err)
		assert.Contains(t, string(rest), `"status":"found"`)

		event, err := open(http.MethodGet, "/sse", "").ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, "event: endpoint\n", event)
		refused, _ := proxied.Post(client, "", "", harness.InitializeMessage)
		assert.Equal(t, http.StatusUnauthorized, refused.StatusCode, "the proxy's address is no credential")
	})
}

// A proxy that sends the server's own address as Host makes clients on its machine of all clients.
// A server without tokens takes none of them.
func TestBareProxyNeedsTokens(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy, _, _ string) {
		env, _ := harness.Environment(t)
		r := harness.StartHTTP(t, env, "--sandbox")
		port := ports.Free(t)
		client := p.run(t, p.wrap(strings.ReplaceAll(p.bare, "127.0.0.1:8787", strings.TrimPrefix(r.URL, "http://")), port), port)
		proxied := harness.At(t, "http://"+publicHost)
		for _, path := range []string{"/mcp", "/mcp/", "/message?sessionId=x", "/sse"} {
			method, body := http.MethodPost, harness.InitializeMessage
			if path == "/sse" {
				method, body = http.MethodGet, ""
			}
			response, said := harness.Do(t, client, proxied.Request(method, path, "", "", body))
			require.Equal(t, http.StatusForbidden, response.StatusCode, path)
			assert.Contains(t, said, "--behind-tls-proxy", path)
		}
		healthy, _ := harness.Do(t, client, proxied.Request(http.MethodGet, "/healthz", "", "", ""))
		assert.Equal(t, http.StatusOK, healthy.StatusCode, "the proxy reaches the server, under a name that is allowed")
		direct, _ := r.Post(http.DefaultClient, "", "", harness.InitializeMessage)
		assert.Equal(t, http.StatusOK, direct.StatusCode, "clients on the machine are served as before")
		r.Stop(t)
	})
}
