package cli_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
)

// H12: the program speaks to no Ravi whose certificate it cannot verify, or whose TLS is older than
// 1.2, and has no switch that makes it. The credential never leaves.
func TestUnverifiedUpstreamIsRefused(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]*tls.Config{
		"self-signed": {},
		"TLS 1.1":     {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reached atomic.Int32
			fake := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				reached.Add(1)
				_, _ = io.WriteString(w, `[]`)
			}))
			fake.TLS = config
			fake.Config.ErrorLog = log.New(io.Discard, "", 0)
			fake.StartTLS()
			defer fake.Close()
			env, _ := harness.Environment(t, "RAVI_BASE_URL="+fake.URL, "RAVI_ACCESS_TOKEN=CANARY-token")
			w := harness.StartStdio(t, env, "stdio")
			r, err := w.Tool("list_identities", args{})
			require.NoError(t, err)
			require.True(t, r.IsError)
			assert.Contains(t, r.Content[0].Text, `"unavailable"`)
			assert.NotContains(t, r.Content[0].Text, strings.TrimPrefix(fake.URL, "https://"))
			code, err := w.Close()
			require.NoError(t, err)
			assert.Zero(t, code)
			assert.Zero(t, reached.Load(), "%s", w.Log())
			assert.NotContains(t, w.Log(), "CANARY")
		})
	}
	for _, command := range []string{"stdio", "http", "login"} {
		help, err := exec.Command(harness.Binary(t), command, "--help").Output()
		require.NoError(t, err)
		for _, word := range []string{"insecure", "skip", "no-verify", "no-check"} {
			assert.NotContains(t, strings.ToLower(string(help)), word, command)
		}
	}
}
