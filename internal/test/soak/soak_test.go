package soak_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

// The isolation soak on the program itself: clients of both protocols and seven callers over stdio, streamable HTTP and
// SSE. Under -race the program has the detector, too, which ends it at the first data race.
func TestSoakNobodyEverTouchesWhatIsSomebodyElses(t *testing.T) {
	ravi := sandboxtest.New(t, sandbox.Config{RecordBodies: true, TokenLife: 24 * time.Hour, KeptRequests: 100_000})
	w := &world{t: t, ravi: ravi, program: build(t)}
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
	cfg.URL = w.http(file.String())
	report, err := soak.Run(t.Context(), cfg)
	require.NoError(t, err, "%s", w.said())
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

// build makes the program, with the race detector if the test has it.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ravi-mcp")
	arguments := []string{"build", "-buildvcs=false", "-o", path}
	if raceDetector {
		arguments = append(arguments, "-race")
	}
	out, err := exec.Command("go", append(arguments, "ravi-mcp")...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// world is the processes of a soak.
type world struct {
	t       *testing.T
	ravi    *sandboxtest.Instance
	program string

	mu        sync.Mutex
	processes []*process
}

type process struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	text bytes.Buffer
	done chan struct{}
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *process) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// command prepares a process with a home of its own.
func (w *world) command(env []string, arguments ...string) *process {
	home := w.t.TempDir()
	p := &process{cmd: exec.Command(w.program, arguments...), done: make(chan struct{})}
	p.cmd.Env = append([]string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(),
		"GORACE=halt_on_error=1 exitcode=66", "RAVI_BASE_URL=" + w.ravi.URL}, env...)
	return p
}

// run starts a process and watches over its end.
func (w *world) run(p *process) error {
	if err := p.cmd.Start(); err != nil {
		return err
	}
	w.mu.Lock()
	w.processes = append(w.processes, p)
	w.mu.Unlock()
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	return nil
}

var endpoint = regexp.MustCompile(`MCP endpoint at (http://\S+)/mcp`)

// http starts the remote endpoint and returns its URL.
func (w *world) http(callers string, env ...string) string {
	path := filepath.Join(w.t.TempDir(), "callers.toml")
	require.NoError(w.t, os.WriteFile(path, []byte(callers), 0o600))
	p := w.command(append(env, "RAVI_ACCESS_TOKEN="+w.ravi.Account.AccessToken),
		"http", "--addr", "127.0.0.1:0", "--callers", path, "--max-rate", "-1", "--max-reveals", "-1", "--max-creates", "-1", "--log-level", "warn")
	out, in, err := os.Pipe()
	require.NoError(w.t, err)
	p.cmd.Stderr = in
	require.NoError(w.t, w.run(p))
	require.NoError(w.t, in.Close())
	url := make(chan string, 1)
	go func() {
		defer out.Close()
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(p, lines.Text())
			if m := endpoint.FindStringSubmatch(lines.Text()); m != nil {
				url <- m[1]
			}
		}
	}()
	select {
	case u := <-url:
		return u
	case <-p.done:
		require.Fail(w.t, "the endpoint ended", "%s", p)
		return ""
	}
}

// stdio starts a server for one client, with a configuration folder of its own.
func (w *world) stdio(prefix string, home sandbox.IdentityInfo) (io.ReadWriteCloser, error) {
	dir := w.t.TempDir()
	for name, content := range map[string]map[string]any{
		"auth.json":   {"access_token": w.ravi.Account.AccessToken},
		"config.json": {"identity_uuid": home.UUID, "identity_name": home.Name},
	} {
		raw, err := json.Marshal(content)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			return nil, err
		}
	}
	p := w.command([]string{"RAVI_CONFIG_DIR=" + dir}, "stdio", "--allow-identities", prefix+"*", "--max-reveals", "-1", "--max-creates", "-1", "--log-level", "warn")
	p.cmd.Stderr = p
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout = write
	if err := w.run(p); err != nil {
		return nil, err
	}
	return &stdio{WriteCloser: in, Reader: out, out: out, p: p}, write.Close()
}

// stdio is the pipes of a process. Close ends it in order.
type stdio struct {
	io.WriteCloser
	io.Reader
	out *os.File
	p   *process
}

func (s *stdio) Close() error {
	defer s.out.Close()
	if err := s.WriteCloser.Close(); err != nil {
		return err
	}
	<-s.p.done
	if code := s.p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("exit code %d: %s", code, s.p)
	}
	return nil
}

// end stops the processes that still run and checks that all have ended well, without a data race.
func (w *world) end() {
	for _, p := range w.processes {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		<-p.done
		assert.Zero(w.t, p.cmd.ProcessState.ExitCode(), "%s", p)
		assert.NotContains(w.t, p.String(), "DATA RACE")
	}
}

func (w *world) said() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []error
	for _, p := range w.processes {
		if text := p.String(); strings.Contains(text, "DATA RACE") {
			all = append(all, errors.New(text))
		}
	}
	return errors.Join(all...)
}
