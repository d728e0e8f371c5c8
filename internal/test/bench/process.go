package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// build makes the two programs in folder.
func (b *bench) build(ctx context.Context, folder string) error {
	b.ours, b.bare, b.home = filepath.Join(folder, "ravi-mcp"), filepath.Join(folder, "bare"), filepath.Join(folder, "home")
	if err := os.Mkdir(b.home, 0o700); err != nil {
		return err
	}
	for program, source := range map[string]string{b.ours: "ravi-mcp", b.bare: "ravi-mcp/internal/test/bench/bare"} {
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, source).CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", source, err, out)
		}
	}
	return nil
}

// process is a server that runs.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	url string // of MCP over HTTP
	// metrics is the URL of its metrics.
	metrics string
}

func (b *bench) command(program string, env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = append([]string{"HOME=" + b.home, "PATH=" + os.Getenv("PATH")}, env...)
	return cmd
}

// pipe starts a program that speaks stdio. Its log goes nowhere, but is written.
func (b *bench) pipe(program string, env []string, args ...string) (*process, error) {
	p := &process{cmd: b.command(program, env, args...)}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 1<<20)
	return p, p.cmd.Start()
}

var (
	endpointLine = regexp.MustCompile(`(http://\S+/mcp)`)
	metricsLine  = regexp.MustCompile(`(http://\S+/metrics)`)
)

// serve starts a program that speaks HTTP, and returns when it says where.
func (b *bench) serve(program string, args ...string) (*process, error) {
	p := &process{cmd: b.command(program, nil, args...)}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = write, write
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	_ = write.Close()
	lines := bufio.NewReader(read)
	for p.url == "" || p.metrics == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			p.end()
			return nil, fmt.Errorf("%s ended before it served: %w", filepath.Base(program), err)
		}
		if found := endpointLine.FindString(line); found != "" {
			p.url = found
		}
		if found := metricsLine.FindString(line); found != "" {
			p.metrics = found
		}
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return p, nil
}

// http starts ours or the reference as a server of streamable HTTP.
func (b *bench) http(ours bool, flags ...string) (*process, error) {
	if !ours {
		return b.serve(b.bare, "127.0.0.1:0")
	}
	return b.serve(b.ours, append([]string{"http", "--sandbox", "--addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0",
		"--max-rate", "-1", "--max-sessions", "20000", "--state-dir", filepath.Join(b.home, "state")}, flags...)...)
}

func (p *process) end() {
	if p == nil || p.cmd.Process == nil {
		return
	}
	if p.in != nil {
		_ = p.in.Close()
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-done
	}
}

// rss is how much memory the process has, in bytes.
func (p *process) rss() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("no VmRSS in /proc/PID/status")
}

// gauges reads numbers of the Go runtime from the metrics.
func (p *process) gauges(names ...string) (map[string]float64, error) {
	response, err := http.Get(p.metrics)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	found := make(map[string]float64)
	for line := range strings.Lines(string(text)) {
		for _, name := range names {
			if value, ok := strings.CutPrefix(line, name+" "); ok {
				if found[name], err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
					return nil, err
				}
			}
		}
	}
	return found, nil
}
