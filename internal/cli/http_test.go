package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// remote is "ravi-mcp http" as a process of its own.
type remote struct {
	t   *testing.T
	cmd *exec.Cmd
	url string

	mu   sync.Mutex
	log  bytes.Buffer
	done chan error
}

var endpointLine = regexp.MustCompile(`MCP endpoint at (https?://\S+)/mcp`)

// serveHTTP starts one on a free port, with an embedded Ravi.
func serveHTTP(t *testing.T, env []string, args ...string) *remote {
	t.Helper()
	return startHTTP(t, env, append([]string{"--sandbox"}, args...)...)
}

// startHTTP starts one on a free port.
func startHTTP(t *testing.T, env []string, args ...string) *remote {
	t.Helper()
	r := &remote{t: t, done: make(chan error, 1)}
	r.cmd = exec.Command(binary(t), append([]string{"http", "--addr", "127.0.0.1:0"}, args...)...)
	r.cmd.Env = env
	stderr, err := r.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, r.cmd.Start())
	url := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			r.mu.Lock()
			r.log.WriteString(lines.Text() + "\n")
			r.mu.Unlock()
			if m := endpointLine.FindStringSubmatch(lines.Text()); m != nil {
				url <- m[1]
			}
		}
		close(url)
		r.done <- r.cmd.Wait()
	}()
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	r.url = <-url
	require.NotEmpty(t, r.url, "%s", r.said())
	return r
}

func (r *remote) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// ask sends a message and returns the answer; session may be "".
func (r *remote) ask(client *http.Client, token, session, body string) (*http.Response, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/mcp", strings.NewReader(body))
	require.NoError(r.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if session != "" {
		request.Header.Set("Mcp-Session-Id", session)
	}
	response, err := client.Do(request)
	require.NoError(r.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	return response, string(text)
}

const initializeBody = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`

func toolBody(id int, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, id, tool, arguments)
}

func TestTheRemoteEndpointEndsInOrder(t *testing.T) {
	t.Parallel()
	env, home := environment(t)
	r := serveHTTP(t, env)
	assert.Contains(t, r.said(), "embedded Ravi")
	response, _ := r.ask(http.DefaultClient, "", "", initializeBody)
	session := response.Header.Get("Mcp-Session-Id")
	_, created := r.ask(http.DefaultClient, "", session, toolBody(1, "create_identity", `{"name":"main"}`))
	require.Contains(t, created, `"cursor"`)

	// A wait, a GET stream and an SSE stream are open.
	for _, path := range []string{"/mcp", "/sse"} {
		request, err := http.NewRequest(http.MethodGet, r.url+path, nil)
		require.NoError(t, err)
		request.Header.Set("Mcp-Session-Id", session)
		stream, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer stream.Body.Close()
		require.Equal(t, http.StatusOK, stream.StatusCode)
	}
	request, err := http.NewRequest(http.MethodPost, r.url+"/mcp", strings.NewReader(
		strings.Replace(toolBody(2, "wait_for_otp", `{"timeout_seconds":50}`), `"arguments"`, `"_meta":{"progressToken":1},"arguments"`, 1)))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Mcp-Session-Id", session)
	wait, err := http.DefaultClient.Do(request) // returns with the first progress
	require.NoError(t, err)
	defer wait.Body.Close()

	start := time.Now()
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	answer, err := io.ReadAll(wait.Body)
	require.NoError(t, err)
	assert.Contains(t, string(answer), "server_shutting_down")
	require.NoError(t, <-r.done, "exit code 0: %s", r.said())
	assert.Less(t, time.Since(start), 10*time.Second)
	files, err := os.ReadDir(home)
	require.NoError(t, err)
	assert.Empty(t, files, "an embedded Ravi that keeps nothing leaves nothing")
}

func TestARemoteCallerNeedsTheToken(t *testing.T) {
	t.Parallel()
	const token = "rmcp_CANARY-0123456789-0123456789-0123456789"
	env, home := environment(t, "RAVI_MCP_TOKEN="+token)
	r := serveHTTP(t, env, "--public-url", "https://mcp.example.com", "--log-level", "debug")
	response, _ := r.ask(http.DefaultClient, "", "", initializeBody)
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	response, _ = r.ask(http.DefaultClient, token, "", initializeBody)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	_, listed := r.ask(http.DefaultClient, token, response.Header.Get("Mcp-Session-Id"), toolBody(1, "list_identities", `{}`))
	assert.Contains(t, listed, `"identities"`)
	if line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(r.cmd.Process.Pid), "cmdline")); !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
		assert.Contains(t, string(line), "--public-url")
		assert.NotContains(t, string(line), token, "S9")
	}
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-r.done)
	assert.NotContains(t, r.said(), token)
	_, err := os.Stat(filepath.Join(home, ".local"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// H4: the server's own credential at Ravi opens nothing, even if an operator made it the caller's token.
func TestTheRaviCredentialIsNoToken(t *testing.T) {
	t.Parallel()
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLXNpZ25hdHVyZS1zaWduYXR1cmU"
	env, _ := environment(t, "RAVI_MCP_TOKEN="+jwt, "RAVI_ACCESS_TOKEN="+jwt, "RAVI_BASE_URL=http://127.0.0.1:9")
	r := &remote{t: t}
	cmd := exec.Command(binary(t), "http", "--addr", "127.0.0.1:0")
	cmd.Env = env
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if m := endpointLine.FindStringSubmatch(lines.Text()); m != nil {
			r.url = m[1]
			break
		}
	}
	response, _ := r.ask(http.DefaultClient, jwt, "", initializeBody)
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_, _ = io.Copy(io.Discard, stderr)
	require.NoError(t, cmd.Wait())
}

// A cursor outlives the process with the key in the state directory, or one that is given.
func TestACursorOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	env, home := environment(t)
	data, state := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "state")
	first := serveHTTP(t, env, "--sandbox-data", data, "--state-dir", state)
	response, _ := first.ask(http.DefaultClient, "", "", initializeBody)
	_, created := first.ask(http.DefaultClient, "", response.Header.Get("Mcp-Session-Id"), toolBody(1, "create_identity", `{"name":"main"}`))
	cursor := regexp.MustCompile(`"cursor":"([^"]+)"`).FindStringSubmatch(created)
	require.NotNil(t, cursor, created)
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-first.done)
	info, err := os.Stat(filepath.Join(state, "seal.key"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	second := serveHTTP(t, env, "--sandbox-data", data, "--state-dir", state)
	response, _ = second.ask(http.DefaultClient, "", "", initializeBody)
	_, waited := second.ask(http.DefaultClient, "", response.Header.Get("Mcp-Session-Id"),
		toolBody(1, "wait_for_otp", fmt.Sprintf(`{"cursor":%q,"timeout_seconds":1}`, cursor[1])))
	assert.Contains(t, waited, `"status":"pending"`)
	require.NoError(t, second.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-second.done)
	files, err := os.ReadDir(home)
	require.NoError(t, err)
	assert.Empty(t, files)
}

// H12: TLS 1.2 at least, and a renewed certificate without a restart.
func TestARenewedCertificateIsTakenOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, 1)
	env, _ := environment(t)
	r := serveHTTP(t, env, "--tls-cert", cert, "--tls-key", key)
	serial := func() int64 {
		c, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	require.EqualValues(t, 1, serial())
	_, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.Error(t, err)

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	response, _ := r.ask(client, "", "", initializeBody)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "HTTP/2.0", response.Proto)
	assert.NotEmpty(t, response.Header.Get("Strict-Transport-Security"))
	response, _ = r.ask(client, "", response.Header.Get("Mcp-Session-Id"), toolBody(1, "list_identities", `{}`))
	assert.Equal(t, http.StatusOK, response.StatusCode)

	require.NoError(t, os.WriteFile(cert, []byte("broken"), 0o600))
	require.EqualValues(t, 1, serial(), "what cannot be read changes nothing")
	writeCertificate(t, cert, key, 2)
	require.Eventually(t, func() bool { return serial() == 2 }, 20*time.Second, 50*time.Millisecond)
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-r.done)
}

func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
