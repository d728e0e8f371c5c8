package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
)

// browse opens a page in a real browser, with a profile of its own, and waits until it is done with
// it and all its processes have ended. Every host name that ends in .test is this machine.
func browse(t *testing.T, page string) {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("install a browser first: apt-get install --no-install-recommends chromium")
	}
	env, home := harness.Environment(t)
	profile := filepath.Join(home, "profile")
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--host-resolver-rules=MAP *.test 127.0.0.1", "--user-data-dir="+profile, "--dump-dom", page)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	group := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = group
	cmd.WaitDelay = 10 * time.Second
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	require.NoError(t, cmd.Run(), "%s", &log)
	_ = group()
	harness.Eventually(t, func() bool { return !running(t, profile) }, "processes of the browser are left")
}

// running reports whether a process has an argument with a path in it.
func running(t *testing.T, path string) bool {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, line := range lines {
		if text, err := os.ReadFile(line); err == nil && bytes.Contains(text, []byte(path)) {
			return true
		}
	}
	return false
}

// attacker is a web site whose page tries to use a server of this machine.
type attacker struct {
	*httptest.Server
	outcomes chan map[string]string
}

// newAttacker starts the web site; proxy is what else there is on it, nil for nothing.
func newAttacker(t *testing.T, proxy http.Handler) *attacker {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("testdata", "browser", "page.html"))
	require.NoError(t, err)
	e := &attacker{outcomes: make(chan map[string]string, 1)}
	done := make(chan struct{})
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write(page)
		case "/loaded":
			select {
			case <-done:
			case <-r.Context().Done():
			}
		case "/outcomes":
			defer close(done)
			var outcomes map[string]string
			body, err := io.ReadAll(r.Body)
			if assert.NoError(t, err) && assert.NoError(t, json.Unmarshal(body, &outcomes)) {
				e.outcomes <- outcomes
			}
		default:
			if proxy == nil {
				http.NotFound(w, r)
				return
			}
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(e.Close)
	return e
}

// as is the URL of the site under another host name.
func (e *attacker) as(host string) string {
	return strings.Replace(e.URL, "127.0.0.1", host, 1)
}

// attack opens the site's page under its URL and returns what came of each way to use the target.
func (e *attacker) attack(t *testing.T, origin, target string) map[string]string {
	t.Helper()
	browse(t, origin+"/?target="+url.QueryEscape(target))
	select {
	case outcomes := <-e.outcomes:
		require.Len(t, outcomes, 21)
		return outcomes
	default:
		require.Fail(t, "the page reported nothing")
		return nil
	}
}

// identitiesOf are the names of those that the embedded Ravi of a server has.
func identitiesOf(t *testing.T, r *harness.HTTP) []string {
	t.Helper()
	line := sandboxLine.FindStringSubmatch(r.Log())
	require.NotNil(t, line, r.Log())
	response, err := http.Get(line[1] + "/identities")
	require.NoError(t, err)
	defer response.Body.Close()
	var all []struct{ Name string }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&all))
	names := []string{}
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names
}

// nothingRead holds where no answer reached the page.
func nothingRead(t *testing.T, outcomes map[string]string) {
	t.Helper()
	for way, outcome := range outcomes {
		assert.NotContains(t, outcome, "read ", way)
		assert.NotEqual(t, "silent", outcome, way)
	}
}

// SECURITY H1: a server on loopback needs no token, so a page that a user happens to open must
// neither read anything from it nor make it do anything.
func TestWebPageCannotUseALocalServer(t *testing.T) {
	t.Parallel()
	env, _ := harness.Environment(t)
	t.Run("of another origin", func(t *testing.T) {
		r := harness.StartHTTP(t, env, "--sandbox", "--log-level", "info")
		page := newAttacker(t, nil)
		outcomes := page.attack(t, page.URL, r.URL)
		nothingRead(t, outcomes)
		assert.Empty(t, identitiesOf(t, r))
		assert.NotContains(t, r.Log(), "tools/call")
	})
	// What the other pages lack is only the permission: with it, they could.
	t.Run("of an origin that may", func(t *testing.T) {
		page := newAttacker(t, nil)
		r := harness.StartHTTP(t, env, "--sandbox", "--log-level", "info", "--allow-origin", page.URL)
		outcomes := page.attack(t, page.URL, r.URL)
		assert.Contains(t, outcomes["preflighted /mcp"], `read 200 {"jsonrpc":"2.0","id":1,"result":`)
		assert.Contains(t, outcomes["stream /sse"], "read /message?sessionId=")
		assert.ElementsMatch(t, []string{"by-preflighted", "by-stream"}, identitiesOf(t, r), "%v", outcomes)
	})
	// DNS rebinding: the page's own host name comes to mean this machine, so that for the browser
	// the server is of the page's origin.
	for name, host := range map[string]string{"whose name was rebound": "evil.test", "of the server's own": "localhost"} {
		t.Run(name, func(t *testing.T) {
			r := harness.StartHTTP(t, env, "--sandbox", "--log-level", "info")
			page := newAttacker(t, rebound(t, host, r.URL))
			outcomes := page.attack(t, page.as(host), page.as(host))
			if host == "localhost" {
				assert.Contains(t, outcomes["preflighted /mcp"], "read 200 ")
				assert.Contains(t, identitiesOf(t, r), "by-preflighted")
				return
			}
			for way, outcome := range outcomes {
				assert.NotContains(t, outcome, "read 2", way)
				assert.NotContains(t, outcome, "sessionId", way)
				assert.NotContains(t, outcome, "result", way)
			}
			assert.Contains(t, outcomes["preflighted /mcp"], "read 403 ")
			assert.Empty(t, identitiesOf(t, r))
			assert.NotContains(t, r.Log(), "tools/call")
		})
	}
}

// rebound passes requests to the server as the browser would send them to the server's own port:
// only the port of Host and Origin changes.
func rebound(t *testing.T, host, server string) http.Handler {
	t.Helper()
	to, err := url.Parse(server)
	require.NoError(t, err)
	own := host + ":" + to.Port()
	return &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
			r.Out.Host = own
			if r.In.Header.Get("Origin") != "" {
				r.Out.Header.Set("Origin", "http://"+own)
			}
		},
	}
}
