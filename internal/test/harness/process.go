package harness

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	// Patience bounds every wait for an event, as a guard against tests that hang.
	Patience = 4 * time.Minute
	// Prompt is how long something may take that the program promises within seconds: far more than
	// a busy machine adds, and far less than a program that has forgotten the promise.
	Prompt = 30 * time.Second
)

// Eventually waits until a condition holds, which it checks in the goroutine of the test.
func Eventually(t testing.TB, condition func() bool, messageAndArgs ...any) {
	t.Helper()
	within(t, Patience, condition, messageAndArgs...)
}

// Promptly is Eventually for a condition that has to hold within Prompt.
func Promptly(t testing.TB, condition func() bool, messageAndArgs ...any) {
	t.Helper()
	within(t, Prompt, condition, messageAndArgs...)
}

func within(t testing.TB, limit time.Duration, condition func() bool, messageAndArgs ...any) {
	t.Helper()
	for end := time.Now().Add(limit); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(t, "the condition never held", messageAndArgs...)
		}
	}
}

// Output is what a process has written so far, for a test to read meanwhile.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed at the next write
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.text.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Reset drops what was written.
func (o *Output) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = bytes.Buffer{}
}

// snapshot returns the text, and what is closed when there is more of it.
func (o *Output) snapshot() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return o.text.String(), o.more
}

// Process is a process under test.
type Process struct {
	Cmd *exec.Cmd
	In  io.WriteCloser // standard input, of StartPiped
	Out io.ReadCloser  // standard output, of StartPiped
	// Ended is closed when the process has ended.
	Ended chan struct{}
	log   Output
}

// Start starts a process, whose standard error is its log. It is killed when the test ends, and
// must not have had a data race until then.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	return started(t, cmd, (*Process).start)
}

// StartPiped is Start with pipes for standard input and output.
func StartPiped(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	return started(t, cmd, (*Process).startPiped)
}

func started(t testing.TB, cmd *exec.Cmd, start func(*Process) error) *Process {
	t.Helper()
	p := &Process{Cmd: cmd}
	require.NoError(t, start(p))
	p.endWith(t)
	return p
}

func (p *Process) start() error {
	p.Ended = make(chan struct{})
	if p.Cmd.Stderr == nil {
		p.Cmd.Stderr = &p.log
	}
	p.Cmd.WaitDelay = 5 * time.Second // a child that outlives the process may hold its standard error
	if err := p.Cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = p.Cmd.Wait() // the exit code says it all
		close(p.Ended)
	}()
	return nil
}

func (p *Process) startPiped() error {
	var err error
	if p.In, err = p.Cmd.StdinPipe(); err != nil {
		return err
	}
	// Not StdoutPipe, which Wait closes whether everything was read or not.
	out, write, err := os.Pipe()
	if err != nil {
		return err
	}
	p.Out, p.Cmd.Stdout = out, write
	defer write.Close()
	return p.start()
}

func (p *Process) endWith(t testing.TB) {
	t.Cleanup(func() {
		_ = p.Cmd.Process.Kill()
		<-p.Ended
		if p.Out != nil {
			_ = p.Out.Close()
		}
		assert.NotContains(t, p.Log(), "DATA RACE")
	})
}

// Log returns what the process has written to standard error so far.
func (p *Process) Log() string { return p.log.String() }

// String is the log, which is read when it is printed.
func (p *Process) String() string { return p.Log() }

// WaitForLog waits until the log matches, and returns the match and its groups.
func (p *Process) WaitForLog(t testing.TB, pattern *regexp.Regexp) []string {
	t.Helper()
	timeout := time.After(Patience)
	for ended := false; ; {
		text, more := p.log.snapshot()
		if match := pattern.FindStringSubmatch(text); match != nil {
			return match
		}
		if ended {
			require.FailNow(t, "the process ended before it wrote "+pattern.String(), "%s", text)
		}
		select {
		case <-more:
		case <-p.Ended:
			ended = true
		case <-timeout:
			require.FailNow(t, "the process never wrote "+pattern.String(), "%s", text)
		}
	}
}

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) error { return p.Cmd.Process.Signal(s) }

// Wait waits for the end of the process and returns its exit code.
func (p *Process) Wait() (int, error) {
	select {
	case <-p.Ended:
		return p.Cmd.ProcessState.ExitCode(), nil
	case <-time.After(Patience):
		_ = p.Cmd.Process.Kill()
		<-p.Ended
		return -1, fmt.Errorf("the process did not end within %s", Patience)
	}
}

// Stop sends SIGTERM and requires that the process ends with exit code 0.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	p.End(t, syscall.SIGTERM)
}

// End sends a signal and requires that the process ends with exit code 0.
func (p *Process) End(t testing.TB, signal os.Signal) {
	t.Helper()
	require.NoError(t, p.Signal(signal))
	code, err := p.Wait()
	require.NoError(t, err)
	require.Zero(t, code, "%s", p.Log())
}

// Kill ends the process as kill -9 does.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	require.NoError(t, p.Cmd.Process.Kill())
	<-p.Ended
}
