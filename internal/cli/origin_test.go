package cli_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// O5: the program tells nobody of itself, and looks for no update. Every request of it goes through a proxy, which
// knows Ravi only; nobody else is asked for, whichever tool is called.
func TestNothingButRaviIsReached(t *testing.T) {
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
	env, _ := environment(t, "HTTP_PROXY="+proxy.URL, "HTTPS_PROXY="+proxy.URL,
		"RAVI_BASE_URL=http://ravi.test", "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	w, _ := start(t, env, "stdio", "--toolsets", "default,mail,contacts,account,export", "--allow-export", t.TempDir(),
		"--reveal", "allow", "--send", "allow", "--delete", "allow", "--cleanup", "allow")
	must[struct{}](t, w, "create_identity", args{"name": "amber"})
	callEverything(t, w)
	code, err := w.close()
	require.NoError(t, err)
	assert.Zero(t, code)

	mu.Lock()
	defer mu.Unlock()
	for who, times := range reached {
		assert.Regexp(t, `^[A-Z]+ ravi\.test$`, who, "%d times", times)
	}
	assert.Greater(t, reached["POST ravi.test"], 5, "the proxy saw what the tools did")
}
