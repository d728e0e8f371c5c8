package cli_test

import (
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
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
)

func TestHTTPServerShutsDownInOrder(t *testing.T) {
	t.Parallel()
	env, home := harness.Environment(t)
	r := harness.StartHTTP(t, env, "--sandbox")
	assert.Contains(t, r.Log(), "embedded Ravi")
	response, _ := r.Post(http.DefaultClient, "", "", harness.InitializeMessage)
	session := response.Header.Get("Mcp-Session-Id")
	_, created := r.Post(http.DefaultClient, "", session, harness.ToolMessage(1, "create_identity", `{"name":"main"}`))
	require.Contains(t, created, `"cursor"`)

	// A wait, a GET stream and an SSE stream are open.
	for _, path := range []string{"/mcp", "/sse"} {
		request, err := http.NewRequest(http.MethodGet, r.URL+path, nil)
		require.NoError(t, err)
		request.Header.Set("Mcp-Session-Id", session)
		stream, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer stream.Body.Close()
		require.Equal(t, http.StatusOK, stream.StatusCode)
	}
	request, err := http.NewRequest(http.MethodPost, r.URL+"/mcp", strings.NewReader(
		strings.Replace(harness.ToolMessage(2, "wait_for_otp", `{"timeout_seconds":50}`), `"arguments"`, `"_meta":{"progressToken":1},"arguments"`, 1)))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("Mcp-Session-Id", session)
	wait, err := http.DefaultClient.Do(request) // returns with the first progress
	require.NoError(t, err)
	defer wait.Body.Close()

	signalled := time.Now()
	require.NoError(t, r.Signal(syscall.SIGTERM))
	answer, err := io.ReadAll(wait.Body)
	require.NoError(t, err)
	assert.Contains(t, string(answer), "server_shutting_down")
	code, err := r.Wait()
	require.NoError(t, err)
	require.Zero(t, code, "%s", r.Log())
	assert.Less(t, time.Since(signalled), harness.Prompt)
	files, err := os.ReadDir(home)
	require.NoError(t, err)
	assert.Empty(t, files, "an embedded Ravi that keeps nothing leaves nothing")
}

func TestRemoteCallerNeedsTheToken(t *testing.T) {
	t.Parallel()
	const token = "rmcp_CANARY-0123456789-0123456789-0123456789"
	env, home := harness.Environment(t, "RAVI_MCP_TOKEN="+token)
	r := harness.StartHTTP(t, env, "--sandbox", "--public-url", "https://mcp.example.com", "--log-level", "debug")
	response, _ := r.Post(http.DefaultClient, "", "", harness.InitializeMessage)
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	response, _ = r.Post(http.DefaultClient, token, "", harness.InitializeMessage)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	_, listed := r.Post(http.DefaultClient, token, response.Header.Get("Mcp-Session-Id"), harness.ToolMessage(1, "list_identities", `{}`))
	assert.Contains(t, listed, `"identities"`)
	if line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(r.Cmd.Process.Pid), "cmdline")); !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
		assert.Contains(t, string(line), "--public-url")
		assert.NotContains(t, string(line), token, "S9")
	}
	r.Stop(t)
	assert.NotContains(t, r.Log(), token)
	_, err := os.Stat(filepath.Join(home, ".local"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// H4: the server's own credential at Ravi opens nothing, even if an operator made it the caller's
// token.
func TestRaviCredentialIsNoCallerToken(t *testing.T) {
	t.Parallel()
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLXNpZ25hdHVyZS1zaWduYXR1cmU"
	env, _ := harness.Environment(t, "RAVI_MCP_TOKEN="+jwt, "RAVI_ACCESS_TOKEN="+jwt, "RAVI_BASE_URL=http://127.0.0.1:9")
	r := harness.StartHTTP(t, env)
	response, _ := r.Post(http.DefaultClient, jwt, "", harness.InitializeMessage)
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	r.Stop(t)
}

// A cursor outlives the process with the key in the state directory, or one that is given.
func TestCursorOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	env, home := harness.Environment(t)
	data, state := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "state")
	first := harness.StartHTTP(t, env, "--sandbox", "--sandbox-data", data, "--state-dir", state)
	response, _ := first.Post(http.DefaultClient, "", "", harness.InitializeMessage)
	_, created := first.Post(http.DefaultClient, "", response.Header.Get("Mcp-Session-Id"), harness.ToolMessage(1, "create_identity", `{"name":"main"}`))
	cursor := regexp.MustCompile(`"cursor":"([^"]+)"`).FindStringSubmatch(created)
	require.NotNil(t, cursor, created)
	first.Stop(t)
	info, err := os.Stat(filepath.Join(state, "seal.key"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	second := harness.StartHTTP(t, env, "--sandbox", "--sandbox-data", data, "--state-dir", state)
	response, _ = second.Post(http.DefaultClient, "", "", harness.InitializeMessage)
	_, waited := second.Post(http.DefaultClient, "", response.Header.Get("Mcp-Session-Id"),
		harness.ToolMessage(1, "wait_for_otp", fmt.Sprintf(`{"cursor":%q,"timeout_seconds":1}`, cursor[1])))
	assert.Contains(t, waited, `"status":"pending"`)
	second.Stop(t)
	files, err := os.ReadDir(home)
	require.NoError(t, err)
	assert.Empty(t, files)
}

// H12: TLS 1.2 at least, and a renewed certificate without a restart.
func TestRenewedCertificateIsUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, 1)
	env, _ := harness.Environment(t)
	r := harness.StartHTTP(t, env, "--sandbox", "--tls-cert", cert, "--tls-key", key)
	serial := func() int64 {
		c, err := tls.Dial("tcp", strings.TrimPrefix(r.URL, "https://"), &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	require.EqualValues(t, 1, serial())
	_, err := tls.Dial("tcp", strings.TrimPrefix(r.URL, "https://"), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.Error(t, err)

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	response, _ := r.Post(client, "", "", harness.InitializeMessage)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "HTTP/2.0", response.Proto)
	assert.NotEmpty(t, response.Header.Get("Strict-Transport-Security"))
	response, _ = r.Post(client, "", response.Header.Get("Mcp-Session-Id"), harness.ToolMessage(1, "list_identities", `{}`))
	assert.Equal(t, http.StatusOK, response.StatusCode)

	require.NoError(t, os.WriteFile(cert, []byte("broken"), 0o600))
	require.EqualValues(t, 1, serial(), "what cannot be read changes nothing")
	writeCertificate(t, cert, key, 2)
	harness.Eventually(t, func() bool { return serial() == 2 })
	r.Stop(t)
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
