package cli_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// O5: the program sends no telemetry and looks for no update. Every request of it goes through a
// proxy, which sees no other host than Ravi, whichever tool is called.
func TestOnlyRaviIsContacted(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.Memory(t, sandbox.Config{})
	var mu sync.Mutex
	reached := map[string]int{}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		reached[r.Method+" "+r.Host]++
		mu.Unlock()
		if r.Host != "ravi.test" {
			http.Error(w, "there is nothing", http.StatusBadGateway)
			return
		}
		r.URL.Scheme, r.URL.Host = "", ""
		ravi.Server.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	env, _ := harness.Environment(t, "HTTP_PROXY="+proxy.URL, "HTTPS_PROXY="+proxy.URL,
		"RAVI_BASE_URL=http://ravi.test", "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	w := harness.StartStdio(t, env, "stdio", "--toolsets", "default,extra,mail,contacts,account,export", "--allow-export", t.TempDir(),
		"--reveal", "allow", "--send", "allow", "--delete", "allow", "--cleanup", "allow")
	harness.Must[struct{}](t, w, "create_identity", args{"name": "amber"})
	callEverything(t, w)
	code, err := w.Close()
	require.NoError(t, err)
	assert.Zero(t, code)

	mu.Lock()
	defer mu.Unlock()
	for request, times := range reached {
		assert.Regexp(t, `^[A-Z]+ ravi\.test$`, request, "%d times", times)
	}
	assert.Greater(t, reached["POST ravi.test"], 5, "the proxy saw what the tools did")
}
