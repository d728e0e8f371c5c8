package cli_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/ports"
	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// The store is reached over TLS, with a password, by a URL in a private file; a server that cannot
// verify its certificate neither uses it nor says that it is ready. Without the store no server is
// ready, and all are again by themselves.
func TestSessionStoreIsVerifiedAndGatesReadiness(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key, other := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "other.pem")
	writeCertificate(t, cert, key, 1)
	writeCertificate(t, other, filepath.Join(dir, "other.key"), 2)
	port := ports.Free(t)
	redis := redistest.Start(t, "--bind", "127.0.0.1", "127.0.0.2", "--requirepass", "CANARY", "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
	ravi := sandboxtest.New(t, sandbox.Config{})
	file := filepath.Join(dir, "store")
	serve := func(host, roots string) *harness.HTTP {
		require.NoError(t, os.WriteFile(file, []byte("rediss://:CANARY@"+host+":"+port+"/0\n"), 0o600))
		env, _ := harness.Environment(t, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken, "RAVI_BASE_URL="+ravi.URL,
			"RAVI_MCP_SEAL_KEY="+strings.Repeat("5e", 32), "SSL_CERT_FILE="+roots, "SSL_CERT_DIR="+t.TempDir())
		return harness.StartHTTP(t, env, "--session-store-file", file)
	}
	good, untrusted, misnamed := serve("localhost", cert), serve("localhost", other), serve("127.0.0.2", cert)

	response, _ := good.Post(http.DefaultClient, "", "", harness.InitializeMessage)
	require.Equal(t, http.StatusOK, response.StatusCode, good.Log())
	assert.True(t, strings.HasPrefix(good.Get("/readyz"), "200 "))
	for _, bad := range []*harness.HTTP{untrusted, misnamed} {
		response, body := bad.Post(http.DefaultClient, "", "", harness.InitializeMessage)
		assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		assert.Contains(t, body, "unavailable")
		assert.Equal(t, `503 {"status":"not_ready","code":"unavailable"}`+"\n", bad.Get("/readyz"))
		assert.Contains(t, bad.Log(), "the session store does not answer")
	}
	assert.Contains(t, untrusted.Log(), "certificate signed by unknown authority")
	assert.Contains(t, misnamed.Log(), "certificate is valid for 127.0.0.1, not 127.0.0.2")

	ready := func(status string) {
		t.Helper()
		harness.Eventually(t, func() bool {
			assert.Equal(t, "200 "+`{"status":"ok"}`+"\n", good.Get("/healthz"), "the process lives")
			return strings.HasPrefix(good.Get("/readyz"), status)
		}, "%s", good)
	}
	redis.Stop()
	ready("503 ")
	redis.Restart()
	ready("200 ")
	for _, r := range []*harness.HTTP{good, untrusted, misnamed} {
		assert.NotContains(t, r.Log(), "CANARY")
	}
	assert.Contains(t, good.Log(), "through the Redis at localhost:"+port)
}
