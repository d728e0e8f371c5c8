package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// start runs the real program and shakes hands.
func start(t *testing.T, env []string, args ...string) (*wire, *logged) {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Env = env
	log := &logged{}
	cmd.Stderr = log
	w, err := dial(cmd)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.NoError(t, w.initialize())
	return w, log
}

// logged is what a process wrote to stderr so far.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// must calls a tool that has to succeed and decodes its result.
func must[T any](t *testing.T, w *wire, name string, arguments any) T {
	t.Helper()
	var v T
	r, err := w.tool(name, arguments)
	require.NoError(t, err, name)
	require.False(t, r.IsError, "%s: %v", name, r.Content)
	require.NoError(t, json.Unmarshal(r.Result, &v))
	return v
}

type args map[string]any

// A client may write all its calls at once and close: every call is answered,
// however often one tries.
func TestEveryPipedCallIsAnsweredBeforeTheEnd(t *testing.T) {
	t.Parallel()
	const rounds, calls = 100, 50
	program := binary(t)
	env, home := environment(t)
	before, err := takeSnapshot(home)
	require.NoError(t, err)

	var input bytes.Buffer
	for id := range calls {
		name, arguments := "list_identities", "{}"
		switch id % 5 {
		case 1:
			name, arguments = "create_identity", fmt.Sprintf(`{"name":"worker-%02d"}`, id)
		case 2:
			name, arguments = "get_identity", `{"identity":"nobody"}`
		case 3:
			name, arguments = "set_secret", `{"name":"KEY","value":"v"}`
		}
		fmt.Fprintf(&input, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s}}`+"\n", id, name, arguments)
	}

	var g errgroup.Group
	g.SetLimit(2)
	for range rounds {
		g.Go(func() error {
			cmd := exec.Command(program, "stdio", "--sandbox", "--log-level", "off")
			cmd.Env = env
			cmd.Stdin = bytes.NewReader(input.Bytes())
			out, err := cmd.Output()
			if err != nil {
				return err // also an exit code that is not 0
			}
			answered := map[string]int{}
			for line := range bytes.Lines(out) {
				m, err := parseMessage(line)
				if err != nil {
					return err
				}
				answered[string(m.ID)]++
			}
			for id := range calls {
				if n := answered[fmt.Sprint(id)]; n != 1 {
					return fmt.Errorf("call %d was answered %d times", id, n)
				}
			}
			if len(answered) != calls {
				return fmt.Errorf("%d answers to %d calls", len(answered), calls)
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())

	after, err := takeSnapshot(home)
	require.NoError(t, err)
	assert.Empty(t, before.diff(after), "changed in HOME")
}

// waiting starts a server on a sandbox with one identity and opens a wait.
func waiting(t *testing.T) (w *wire, log *logged, wait <-chan message) {
	t.Helper()
	ravi := sandboxtest.New(t, sandbox.Config{})
	amber := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber"})
	env, _ := environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	w, log = start(t, env, "stdio", "--identity", "amber")
	cursor := must[struct{ Cursor string }](t, w, "watch_inbox", nil).Cursor
	listed := ravi.Server.CountRequests("GET", "/api/messages/")
	wait, err := w.sendTool("wait_for_otp", args{"cursor": cursor, "timeout_seconds": 50})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return ravi.Server.Streams(amber.UUID) == 1 && ravi.Server.CountRequests("GET", "/api/messages/") > listed
	}, 30*time.Second, 5*time.Millisecond, "the wait reads the inbox")
	return w, log, wait
}

// An orderly end loses nothing: an open wait is answered, with a cursor to go
// on from.
func TestSignalsEndOpenWaitsAsPending(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			w, log, wait := waiting(t)
			require.NoError(t, w.cmd.Process.Signal(signal))

			r, err := w.receiveTool(wait)
			require.NoError(t, err, "%s", log)
			require.False(t, r.IsError, "%v", r.Content)
			var result struct{ Status, Reason, Cursor string }
			require.NoError(t, json.Unmarshal(r.Result, &result))
			assert.Equal(t, "pending", result.Status)
			assert.Equal(t, "server_shutting_down", result.Reason)
			assert.NotEmpty(t, result.Cursor)

			code, err := w.wait()
			require.NoError(t, err)
			assert.Zero(t, code, "%s", log)
		})
	}
}

// A client that goes away without a word ends the server too: the next thing
// it writes fails, it says so once, and nothing is left behind.
func TestAClientThatStopsReadingEndsTheServer(t *testing.T) {
	t.Parallel()
	w, log, _ := waiting(t)
	require.NoError(t, w.out.Close())
	<-w.ended
	_, err := w.sendTool("get_identity", nil)
	require.NoError(t, err)

	code, err := w.wait()
	require.NoError(t, err, "the server ends by itself")
	assert.Equal(t, 1, code)
	assert.Equal(t, 1, strings.Count(log.String(), "ravi-mcp: "), "%s", log)
	assert.NotContains(t, log.String(), "panic")
}

// When the input ends, an open wait still gets its time: the code that comes
// meanwhile is not lost.
func TestTheEndOfInputLetsAnOpenWaitFinish(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	amber := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber"})
	env, _ := environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	w, log := start(t, env, "stdio", "--identity", "amber")
	cursor := must[struct{ Cursor string }](t, w, "watch_inbox", nil).Cursor
	wait, err := w.sendTool("wait_for_otp", args{"cursor": cursor, "timeout_seconds": 50})
	require.NoError(t, err)
	require.NoError(t, w.in.Close())
	_, err = ravi.Server.DeliverSMS(sandbox.SMS{To: amber.Phone, From: "32665", Body: "Your code is 271828"})
	require.NoError(t, err)

	r, err := w.receiveTool(wait)
	require.NoError(t, err)
	assert.Contains(t, string(r.Result), `"code":"271828"`)
	code, err := w.wait()
	require.NoError(t, err)
	assert.Zero(t, code, "%s", log)
}

// What stderr says about delivering a message by hand can be typed as it is.
func TestThePrintedCommandDeliversAMessage(t *testing.T) {
	t.Parallel()
	env, _ := environment(t)
	w, log := start(t, env, "stdio", "--sandbox")
	cursor := must[struct{ Cursor string }](t, w, "create_identity", args{"name": "amber-agent"}).Cursor

	line := regexp.MustCompile(`curl -H '([^:]+): ([^']+)' -d '([^']+)' (\S+)`).FindStringSubmatch(log.String())
	require.NotNil(t, line, "%s", log)
	post(t, line[4], line[1], line[2], line[3])
	result := must[struct{ Status, Code string }](t, w, "wait_for_otp", args{"cursor": cursor, "timeout_seconds": 20})
	assert.Equal(t, "found", result.Status)
	assert.Equal(t, "123456", result.Code)

	code, err := w.close()
	require.NoError(t, err)
	assert.Zero(t, code)
}
