package cli_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
)

// A client that is gone with both its pipes reads no answer, so an open wait does not keep the
// process.
func TestOpenWaitEndsWithBothPipes(t *testing.T) {
	t.Parallel()
	w, _ := waiting(t)
	began := time.Now()
	require.NoError(t, w.StopReading())
	code, err := w.Close()
	require.NoError(t, err)
	assert.Zero(t, code, "it is an orderly end: %s", w.Log())
	assert.NotContains(t, w.Log(), "internal", "and nothing failed")
	assert.Less(t, time.Since(began), harness.Prompt, "the wait alone takes 50 s")
}

// A process that holds a server's standard input open does not keep the server when the one that
// started it is gone, unless it is to survive that (nohup).
func TestServerEndsWithItsParent(t *testing.T) {
	t.Parallel()
	// The tests may run under nohup themselves. What is caught here is not ignored in children.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
	for name, trap := range map[string]string{"plain": "", "nohup": `trap "" HUP; `} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, feed, err := os.Pipe()
			require.NoError(t, err)
			defer feed.Close()
			answers, out, err := os.Pipe()
			require.NoError(t, err)
			defer answers.Close()
			shell := exec.Command("sh", "-c", trap+`"$0" stdio --sandbox --log-level off <&3 >&4 & wait`, harness.Binary(t))
			shell.Env, _ = harness.Environment(t)
			shell.ExtraFiles = []*os.File{in, out}
			p := harness.Start(t, shell)
			require.NoError(t, in.Close())
			require.NoError(t, out.Close())
			ask := func(id int, tool, arguments string) string {
				_, err := fmt.Fprintf(feed, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s}}`+"\n", id, tool, arguments)
				require.NoError(t, err)
				require.NoError(t, answers.SetReadDeadline(time.Now().Add(harness.Patience)))
				line, err := bufio.NewReader(answers).ReadString('\n')
				require.NoError(t, err)
				return line
			}
			require.Contains(t, ask(1, "create_identity", `{"name":"amber"}`), "amber")
			p.Kill(t)
			if name == "nohup" {
				require.Contains(t, ask(2, "wait_for_otp", `{"identity":"amber","timeout_seconds":3}`), "pending", "it lives on")
				require.NoError(t, feed.Close())
			}
			require.NoError(t, answers.SetReadDeadline(time.Now().Add(harness.Prompt)))
			_, err = io.Copy(io.Discard, answers)
			require.NoError(t, err, "the server ends, which closes its output")
		})
	}
}

// Of several clients behind one process none can end the identities of the others, nor can the end
// of the process, not even before the second client came: their time does.
func TestSharedProcessKeepsEphemeralIdentities(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"--shared": {"--shared"}, "second initialize": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ravi, env, _ := leaseEnvironment(t)
			w := harness.StartStdio(t, env, append([]string{"stdio"}, flags...)...)
			harness.Must[args](t, w, "create_identity", args{"name": "first", "ephemeral": true})
			require.NoError(t, w.Initialize())
			harness.Must[args](t, w, "create_identity", args{"name": "second", "ephemeral": true})
			_, err := w.Close()
			require.NoError(t, err)
			next := harness.StartStdio(t, env, "stdio")
			harness.Must[args](t, next, "create_identity", args{"name": "third", "ephemeral": true})
			_, err = next.Close()
			require.NoError(t, err)
			assert.Subset(t, identityNames(ravi), []string{"kept", "first", "second"})
		})
	}
}
