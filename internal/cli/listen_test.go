package cli_test

import (
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/ports"
)

// hasIPv6 reports whether this machine has ::1. Without it localhost is 127.0.0.1 alone.
func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		l.Close()
	}
	return err == nil
}

// loopbacks returns the addresses of one port that a program has announced after a text.
func loopbacks(t *testing.T, log, after string) []string {
	t.Helper()
	line := regexp.MustCompile(after + ` (.*)`).FindStringSubmatch(log)
	require.NotNil(t, line, log)
	var all []string
	for _, found := range regexp.MustCompile(`https?://([^/ ]+)`).FindAllStringSubmatch(line[1], -1) {
		all = append(all, found[1])
	}
	_, port, err := net.SplitHostPort(all[0])
	require.NoError(t, err)
	want := []string{"127.0.0.1:" + port}
	if hasIPv6() {
		want = append(want, "[::1]:"+port)
	}
	require.Equal(t, want, all)
	return all
}

// Clients that were told localhost reach the server whatever the name is for them, under its name
// and under the address.
func TestLocalhostIsBothLoopbackAddresses(t *testing.T) {
	t.Parallel()
	env, _ := harness.Environment(t)
	r := harness.Serve(t, harness.Command(t, env, "http", "--sandbox", "--addr", "localhost:0", "--metrics-addr", "localhost:0"))
	addresses := loopbacks(t, r.Log(), "MCP endpoint at")
	_, port, err := net.SplitHostPort(addresses[0])
	require.NoError(t, err)
	session := ""
	for _, address := range addresses {
		client := harness.At(t, "http://"+address)
		for _, host := range []string{address, "localhost:" + port} {
			open := client.Request(http.MethodPost, "/mcp", "", "", harness.InitializeMessage)
			open.Host = host
			open.Header.Set("Origin", "http://"+host)
			response, said := harness.Do(t, http.DefaultClient, open)
			require.Equal(t, http.StatusOK, response.StatusCode, "%s as %s: %s", address, host, said)
			session = response.Header.Get("Mcp-Session-Id")
		}
		open := client.Request(http.MethodGet, "/sse", "", "", "")
		stream, err := http.DefaultClient.Do(open)
		require.NoError(t, err)
		stream.Body.Close()
		assert.Equal(t, http.StatusOK, stream.StatusCode, "/sse at %s", address)
		assert.Equal(t, "200", client.Get("/healthz")[:3])
	}
	for _, address := range addresses { // one server: the session is there on both
		_, said := harness.At(t, "http://"+address).Post(http.DefaultClient, "", session, harness.ToolMessage(1, "list_identities", `{}`))
		assert.Contains(t, said, `"identities"`, address)
	}
	for _, address := range loopbacks(t, r.Log(), "metrics at") {
		assert.Equal(t, "200", harness.At(t, "http://"+address).Get("/metrics")[:3], address)
	}
	http.DefaultClient.CloseIdleConnections()
	r.Stop(t)
}

func TestSandboxListensOnBothLoopbacks(t *testing.T) {
	t.Parallel()
	env, _ := harness.Environment(t)
	p := harness.Start(t, harness.Command(t, env, "sandbox", "--addr", "localhost:0", "--admin-addr", "localhost:0", "--smtp-addr", "localhost:0"))
	hosts := []string{"127.0.0.1"}
	if hasIPv6() {
		hosts = append(hosts, "::1")
	}
	for _, pattern := range []string{`Ravi's API at http://127.0.0.1:(\d+)`, `admin at http://127.0.0.1:(\d+)`, `SMTP at 127.0.0.1:(\d+)`} {
		port := p.WaitForLog(t, regexp.MustCompile(pattern))[1]
		for _, host := range hosts {
			harness.Promptly(t, func() bool { return reaches(host, port) }, "%s on %s", pattern, host)
		}
	}
	p.Stop(t)
}

func reaches(host, port string) bool {
	c, err := net.Dial("tcp", net.JoinHostPort(host, port))
	if err == nil {
		c.Close()
	}
	return err == nil
}

// An address that is given is the only one.
func TestLiteralAddressIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	if !hasIPv6() {
		return // there is one loopback address only
	}
	env, _ := harness.Environment(t)
	for host, other := range map[string]string{"127.0.0.1": "::1", "::1": "127.0.0.1"} {
		port := ports.Free(t)
		r := harness.Serve(t, harness.Command(t, env, "http", "--sandbox", "--addr", net.JoinHostPort(host, port)))
		assert.True(t, reaches(host, port), host)
		assert.False(t, reaches(other, port), "%s, where it listens on %s", other, host)
		r.Stop(t)
	}
}

// With half of localhost in the hands of another program, clients would send it their requests.
func TestTakenHalfOfLocalhostIsRefused(t *testing.T) {
	t.Parallel()
	hosts := []string{"127.0.0.1"}
	if hasIPv6() {
		hosts = append(hosts, "::1")
	}
	for _, host := range hosts {
		port := ports.Free(t)
		l, err := net.Listen("tcp", net.JoinHostPort(host, port))
		require.NoError(t, err)
		defer l.Close()
		for _, command := range []string{
			"http --sandbox --addr localhost:PORT",
			"http --sandbox --addr localhost:0 --metrics-addr localhost:PORT",
			"sandbox --addr localhost:PORT --admin-addr localhost:0",
			"sandbox --addr localhost:0 --admin-addr localhost:PORT",
			"sandbox --addr localhost:0 --admin-addr localhost:0 --smtp-addr localhost:PORT",
		} {
			env, _ := harness.Environment(t)
			p := harness.Start(t, harness.Command(t, env, strings.Fields(strings.ReplaceAll(command, "PORT", port))...))
			code, err := p.Wait()
			require.NoError(t, err)
			assert.Equal(t, 1, code, "%s, %s", command, host)
			assert.Contains(t, p.Log(), net.JoinHostPort(host, port), command)
			if host == "::1" {
				assert.Contains(t, p.Log(), "clients that resolve localhost to ::1 would reach another program")
			}
		}
	}
}
