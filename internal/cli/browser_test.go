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
)

// browserTime is how long one browser may take for the page, which gives each
// of its attempts 20 s.
const browserTime = 2 * time.Minute

// browse opens a page in a real browser, with a profile of its own, and waits
// until it is done with it and all its processes have ended. Every host name
// that ends in .test is this machine.
func browse(t *testing.T, page string) {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("install a browser first: apt-get install --no-install-recommends chromium")
	}
	env, home := environment(t)
	profile := filepath.Join(home, "profile")
	ctx, cancel := context.WithTimeout(t.Context(), browserTime)
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
	require.Eventually(t, func() bool { return !running(t, profile) }, 30*time.Second, 50*time.Millisecond, "processes of the browser are left")
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

// evil is a web site whose page tries to use a server of this machine.
type evil struct {
	*httptest.Server
	outcomes chan map[string]string
}

// newEvil starts the site; proxy is what else there is on it, nil for nothing.
func newEvil(t *testing.T, proxy http.Handler) *evil {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("testdata", "browser", "page.html"))
	require.NoError(t, err)
	e := &evil{outcomes: make(chan map[string]string, 1)}
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
func (e *evil) as(host string) string {
	return strings.Replace(e.URL, "127.0.0.1", host, 1)
}

// attack opens the site's page under its URL and returns what came of each way
// to use the target.
func (e *evil) attack(t *testing.T, site, target string) map[string]string {
	t.Helper()
	browse(t, site+"/?target="+url.QueryEscape(target))
	select {
	case outcomes := <-e.outcomes:
		require.Len(t, outcomes, 21)
		return outcomes
	default:
		require.Fail(t, "the page reported nothing")
		return nil
	}
}

// identities are the names of those that the embedded Ravi of a server has.
func (r *remote) identities() []string {
	r.t.Helper()
	line := sandboxLine.FindStringSubmatch(r.said())
	require.NotNil(r.t, line, r.said())
	response, err := http.Get(line[1] + "/identities")
	require.NoError(r.t, err)
	defer response.Body.Close()
	var all []struct{ Name string }
	require.NoError(r.t, json.NewDecoder(response.Body).Decode(&all))
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

// SECURITY H1: a server on loopback needs no token, so a page that somebody
// happens to open must neither read anything from it nor make it do anything.
func TestAWebPageCannotDriveALocalServer(t *testing.T) {
	t.Parallel()
	env, _ := environment(t)
	t.Run("of another origin", func(t *testing.T) {
		r := serveHTTP(t, env, "--log-level", "info")
		site := newEvil(t, nil)
		outcomes := site.attack(t, site.URL, r.url)
		nothingRead(t, outcomes)
		assert.Empty(t, r.identities())
		assert.NotContains(t, r.said(), "tools/call")
	})
	// What the other pages lack is only the permission: with it, they could.
	t.Run("of an origin that may", func(t *testing.T) {
		site := newEvil(t, nil)
		r := serveHTTP(t, env, "--log-level", "info", "--allow-origin", site.URL)
		outcomes := site.attack(t, site.URL, r.url)
		assert.Contains(t, outcomes["preflighted /mcp"], `read 200 {"jsonrpc":"2.0","id":1,"result":`)
		assert.Contains(t, outcomes["stream /sse"], "read /message?sessionId=")
		assert.ElementsMatch(t, []string{"by-preflighted", "by-stream"}, r.identities(), "%v", outcomes)
	})
	// DNS rebinding: the page's own host name comes to mean this machine, so
	// that for the browser the server is of the page's origin.
	for name, host := range map[string]string{"whose name was rebound": "evil.test", "of the server's own": "localhost"} {
		t.Run(name, func(t *testing.T) {
			r := serveHTTP(t, env, "--log-level", "info")
			site := newEvil(t, rebound(t, host, r.url))
			outcomes := site.attack(t, site.as(host), site.as(host))
			if host == "localhost" {
				assert.Contains(t, outcomes["preflighted /mcp"], "read 200 ")
				assert.Contains(t, r.identities(), "by-preflighted")
				return
			}
			for way, outcome := range outcomes {
				assert.NotContains(t, outcome, "read 2", way)
				assert.NotContains(t, outcome, "sessionId", way)
				assert.NotContains(t, outcome, "result", way)
			}
			assert.Contains(t, outcomes["preflighted /mcp"], "read 403 ")
			assert.Empty(t, r.identities())
			assert.NotContains(t, r.said(), "tools/call")
		})
	}
}

// rebound passes requests to the server as the browser would send them to the
// server's own port: only the port of Host and Origin changes.
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
