package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// A client may write all its calls at once and close: every call is answered, however often one
// tries.
func TestEveryPipedCallIsAnsweredBeforeTheEnd(t *testing.T) {
	t.Parallel()
	const rounds, calls = 100, 50
	program := harness.Binary(t)
	env, home := harness.Environment(t)
	before, err := takeSnapshot(home)
	require.NoError(t, err)

	var input bytes.Buffer
	for id := range calls {
		name, arguments := "list_identities", "{}"
		switch id % 5 {
		case 1:
			name, arguments = "create_identity", fmt.Sprintf(`{"name":"worker-%02d"}`, id)
		case 2:
			name, arguments = "get_identity", `{"identity":"unknown"}`
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
				m, err := harness.ParseMessage(line)
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
func waiting(t *testing.T) (w *harness.Stdio, wait <-chan harness.Message) {
	t.Helper()
	ravi := sandboxtest.New(t, sandbox.Config{})
	amber := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber"})
	env, _ := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	w = harness.StartStdio(t, env, "stdio", "--identity", "amber")
	cursor := harness.Must[struct{ Cursor string }](t, w, "watch_inbox", nil).Cursor
	listed := ravi.Server.CountRequests("GET", "/api/messages/")
	wait, err := w.SendTool("wait_for_otp", args{"cursor": cursor, "timeout_seconds": 50})
	require.NoError(t, err)
	harness.Eventually(t, func() bool {
		return ravi.Server.Streams(amber.UUID) == 1 && ravi.Server.CountRequests("GET", "/api/messages/") > listed
	}, "the wait reads the inbox")
	return w, wait
}

// An orderly end loses nothing: an open wait is answered, with a cursor to go on from.
func TestSignalsEndOpenWaitsAsPending(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			w, wait := waiting(t)
			require.NoError(t, w.Signal(signal))

			r, err := w.ReceiveTool(wait)
			require.NoError(t, err, "%s", w.Log())
			require.False(t, r.IsError, "%v", r.Content)
			var result struct{ Status, Reason, Cursor string }
			require.NoError(t, json.Unmarshal(r.Result, &result))
			assert.Equal(t, "pending", result.Status)
			assert.Equal(t, "server_shutting_down", result.Reason)
			assert.NotEmpty(t, result.Cursor)

			code, err := w.Wait()
			require.NoError(t, err)
			assert.Zero(t, code, "%s", w.Log())
		})
	}
}

// A client that goes away without a word ends the server too: the next thing it writes fails, it
// says so once, and nothing is left behind.
func TestServerEndsWhenItsClientStopsReading(t *testing.T) {
	t.Parallel()
	w, _ := waiting(t)
	require.NoError(t, w.StopReading())
	_, err := w.SendTool("get_identity", nil)
	require.NoError(t, err)

	code, err := w.Wait()
	require.NoError(t, err, "the server ends by itself")
	assert.Equal(t, 1, code)
	assert.Equal(t, 1, strings.Count(w.Log(), "ravi-mcp: "), "%s", w.Log())
	assert.NotContains(t, w.Log(), "panic")
}

// When the input ends, an open wait still gets its time: the code that comes meanwhile is not lost.
func TestEndOfInputLetsAnOpenWaitFinish(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	amber := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber"})
	env, _ := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	w := harness.StartStdio(t, env, "stdio", "--identity", "amber")
	cursor := harness.Must[struct{ Cursor string }](t, w, "watch_inbox", nil).Cursor
	wait, err := w.SendTool("wait_for_otp", args{"cursor": cursor, "timeout_seconds": 50})
	require.NoError(t, err)
	require.NoError(t, w.In.Close())
	_, err = ravi.Server.DeliverSMS(sandbox.SMS{To: amber.Phone, From: "32665", Body: "Your code is 271828"})
	require.NoError(t, err)

	r, err := w.ReceiveTool(wait)
	require.NoError(t, err)
	assert.Contains(t, string(r.Result), `"code":"271828"`)
	code, err := w.Wait()
	require.NoError(t, err)
	assert.Zero(t, code, "%s", w.Log())
}

// What stderr says about delivering a message by hand can be typed as it is.
func TestPrintedCommandDeliversAMessage(t *testing.T) {
	t.Parallel()
	env, _ := harness.Environment(t)
	w := harness.StartStdio(t, env, "stdio", "--sandbox")
	cursor := harness.Must[struct{ Cursor string }](t, w, "create_identity", args{"name": "amber-agent"}).Cursor

	postAsPrinted(t, w.Log())
	result := harness.Must[struct{ Status, Code string }](t, w, "wait_for_otp", args{"cursor": cursor, "timeout_seconds": 20})
	assert.Equal(t, "found", result.Status)
	assert.Equal(t, "482913", result.Code)

	code, err := w.Close()
	require.NoError(t, err)
	assert.Zero(t, code)
}
