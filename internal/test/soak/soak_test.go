package soak_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/soak"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
)

var (
	calls   = flag.Int("soak.calls", 3000, "tool calls to make in all")
	clients = flag.Int("soak.clients", 40, "clients that make them; 200 in the full soak")
	limit   = flag.Duration("soak.for", 0, "end after so long, even with fewer calls")
	seed    = flag.Uint64("soak.seed", 1, "what the clients do")
)

func TestMain(m *testing.M) { os.Exit(harness.Main{M: m}.Run()) }

// The isolation soak on the program itself: clients of both protocols and seven callers over stdio,
// streamable HTTP and SSE. Under -race the program has the detector, too, which ends it at the
// first data race.
func TestSoakIsolation(t *testing.T) {
	ravi := sandboxtest.New(t, sandbox.Config{RecordBodies: true, TokenLife: 24 * time.Hour, KeptRequests: 100_000})
	w := &world{t: t, ravi: ravi}
	cfg := soak.Config{
		Seed: *seed, Clients: *clients, Calls: *calls, Limit: *limit, Ravi: ravi.Server, Account: ravi.Account,
		Stdio: w.stdio, Log: t.Logf,
	}
	var file strings.Builder
	for n := range 7 {
		c := soak.Caller{Name: fmt.Sprintf("team%d", n), Token: fmt.Sprintf("rmcp_team%d-0123456789-0123456789-0123456789", n)}
		fmt.Fprintf(&file, "[[caller]]\nname = %q\ntoken_sha256 = %q\nidentities = [%q]\n", c.Name, session.HashToken(c.Token), c.Name+"-*")
		cfg.Callers = append(cfg.Callers, c)
	}
	for n := range 2 {
		c := soak.Caller{Name: fmt.Sprintf("gate%d", n), Token: fmt.Sprintf("rmcp_gate%d-0123456789-0123456789-0123456789", n), Shared: true}
		fmt.Fprintf(&file, "[[caller]]\nname = %q\ntoken_sha256 = %q\nidentities = [%q]\nshared = true\n", c.Name, session.HashToken(c.Token), c.Name+"-*")
		cfg.Callers = append(cfg.Callers, c)
	}
	cfg.URL = w.http(file.String()).URL
	report, err := soak.Run(t.Context(), cfg)
	require.NoError(t, err, "%s", w.races())
	t.Logf("%s", report)
	w.end()
	require.Empty(t, report.Failures)
	if *limit == 0 {
		assert.GreaterOrEqual(t, report.Calls, *calls)
	}
	assert.LessOrEqual(t, report.Lost, report.Calls/20, "calls that failed as unavailable")
	if *calls >= 2000 {
		for _, kind := range []string{"session", "cursor", "uuid", "name", "address", "message", "credential", "header"} {
			assert.Positive(t, report.Refused[kind], "a stolen %s was tried", kind)
		}
		assert.Positive(t, report.Marked)
		assert.Positive(t, report.Timed)
		assert.Positive(t, report.Codes)
	}
}

// world is the processes of a soak.
type world struct {
	t    *testing.T
	ravi *sandboxtest.Instance

	mu        sync.Mutex
	processes []*harness.Process
}

// command prepares a process with a home of its own.
func (w *world) command(env []string, arguments ...string) *exec.Cmd {
	fresh, _ := harness.Environment(w.t, append(env, "RAVI_BASE_URL="+w.ravi.URL)...)
	return harness.Command(w.t, fresh, arguments...)
}

// add notes a process whose end is checked.
func (w *world) add(p *harness.Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.processes = append(w.processes, p)
}

// http starts a remote endpoint.
func (w *world) http(callers string, env ...string) *harness.HTTP {
	path := filepath.Join(w.t.TempDir(), "callers.toml")
	require.NoError(w.t, os.WriteFile(path, []byte(callers), 0o600))
	server := harness.Serve(w.t, w.command(append(env, "RAVI_ACCESS_TOKEN="+w.ravi.Account.AccessToken),
		"http", "--addr", "127.0.0.1:0", "--callers", path, "--max-rate", "-1", "--max-reveals", "-1", "--max-creates", "-1", "--log-level", "warn"))
	w.add(server.Process)
	return server
}

// stdio starts a server with a configuration folder of its own.
func (w *world) stdio(prefixes string, home sandbox.IdentityInfo) (io.ReadWriteCloser, error) {
	dir := w.t.TempDir()
	for name, content := range map[string]map[string]any{
		"auth.json":   {"access_token": w.ravi.Account.AccessToken},
		"config.json": {"identity_uuid": home.UUID, "identity_name": home.Name},
	} {
		if name == "config.json" && home.UUID == "" {
			continue
		}
		raw, err := json.Marshal(content)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			return nil, err
		}
	}
	p := harness.StartPiped(w.t, w.command([]string{"RAVI_CONFIG_DIR=" + dir},
		"stdio", "--allow-identities", strings.ReplaceAll(prefixes, ",", "*,")+"*", "--max-reveals", "-1", "--max-creates", "-1", "--log-level", "warn"))
	w.add(p)
	return &pipes{Writer: p.In, Reader: p.Out, p: p}, nil
}

// pipes are those of a process. Close ends it in order.
type pipes struct {
	io.Writer
	io.Reader
	p *harness.Process
}

func (s *pipes) Close() error {
	if err := s.p.In.Close(); err != nil {
		return err
	}
	if code, err := s.p.Wait(); code != 0 || err != nil {
		return errors.Join(err, fmt.Errorf("exit code %d: %s", code, s.p.Log()))
	}
	return nil
}

// end stops the processes that still run and checks that all have ended well.
func (w *world) end() {
	for _, p := range w.processes {
		_ = p.Signal(syscall.SIGTERM)
		code, err := p.Wait()
		assert.NoError(w.t, err)
		assert.Zero(w.t, code, "%s", p.Log())
	}
}

// races are the logs of processes that had a data race.
func (w *world) races() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, p := range w.processes {
		if text := p.Log(); strings.Contains(text, "DATA RACE") {
			all = append(all, text)
		}
	}
	return strings.Join(all, "\n")
}
