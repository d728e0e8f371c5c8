// Package redistest runs a real Redis for a test, on a free port of 127.0.0.1, which keeps nothing
// on the disk.
package redistest

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"ravi-mcp/internal/test/ports"
)

// Install is the command that installs what Start needs.
const Install = "apt-get install redis-server"

// Server is a Redis. Its methods fail the test when they cannot do what they are for.
type Server struct {
	t    testing.TB
	args []string
	cmd  *exec.Cmd

	// Addr is where it listens, also while it is stopped.
	Addr string
}

// Start starts a Redis that ends with the test. The test is skipped where there is no redis-server.
// args are further arguments, such as "--requirepass", "x".
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("there is no redis-server; run: " + Install)
	}
	s := &Server{t: t, args: append([]string{program, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...)}
	t.Cleanup(s.stop)
	for range 10 {
		s.Addr = net.JoinHostPort("127.0.0.1", ports.Free(t))
		if s.run() { // else another process took the port
			return s
		}
	}
	t.Fatal("redis-server does not start")
	return nil
}

// URL is what RAVI_MCP_SESSION_STORE wants.
func (s *Server) URL() string { return "redis://" + s.Addr + "/0" }

// Stop ends the Redis, which forgets everything.
func (s *Server) Stop() { s.stop() }

// Restart starts it again, empty, at the same address.
func (s *Server) Restart() {
	s.t.Helper()
	if !s.run() {
		s.t.Fatal("redis-server does not start again")
	}
}

// Pause makes it hang: connections stay, and nothing is answered.
func (s *Server) Pause() { s.signal("STOP") }

// Resume ends Pause.
func (s *Server) Resume() { s.signal("CONT") }

// signal sends a signal that package syscall does not have on every system that has to compile
// this.
func (s *Server) signal(name string) {
	s.t.Helper()
	if err := exec.Command("kill", "-"+name, strconv.Itoa(s.cmd.Process.Pid)).Run(); err != nil {
		s.t.Fatal(err)
	}
}

// run starts the program and reports whether it answers.
func (s *Server) run() bool {
	_, port, _ := net.SplitHostPort(s.Addr)
	s.cmd = exec.Command(s.args[0], append(s.args[1:], "--port", port)...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	cmd := s.cmd
	go func() { _ = cmd.Wait(); close(ended) }()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			s.cmd = nil
			return false
		case <-limit.C:
			s.t.Fatal("redis-server does not answer")
		case <-tick.C:
			if s.answers() {
				return true
			}
		}
	}
}

// answers reports whether this very process answers, and not another one that has taken the port.
func (s *Server) answers() bool {
	c, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprint(c, "INFO server\r\n")
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		if pid, ok := strings.CutPrefix(lines.Text(), "process_id:"); ok {
			return pid == fmt.Sprint(s.cmd.Process.Pid)
		}
		if strings.HasPrefix(lines.Text(), "-NOAUTH") {
			return true
		}
	}
	return false
}

func (s *Server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
		c, err := net.DialTimeout("tcp", s.Addr, time.Second)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	s.cmd = nil
}
