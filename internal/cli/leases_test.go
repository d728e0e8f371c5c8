package cli_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// leaseHouse is a machine with a Ravi that has an identity of somebody else's.
func leaseHouse(t *testing.T) (ravi *sandboxtest.Instance, env []string, journals func() []string) {
	t.Helper()
	ravi = sandboxtest.New(t, sandbox.Config{})
	ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "kept"})
	env, home := environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	return ravi, env, func() []string {
		found, err := filepath.Glob(filepath.Join(home, ".local", "state", "ravi-mcp", "leases", "*"))
		require.NoError(t, err)
		return found
	}
}

func identityNames(ravi *sandboxtest.Instance) []string {
	var names []string
	for _, i := range ravi.Server.Identities() {
		names = append(names, i.Name)
	}
	return names
}

// The program itself deletes what it made for a task, however it ends, and
// nothing else.
func TestEphemeralIdentitiesEndWithTheServer(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, w *wire) error{
		"end of input": func(_ *testing.T, w *wire) error { return w.in.Close() },
		"SIGTERM":      func(_ *testing.T, w *wire) error { return w.cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ravi, env, journals := leaseHouse(t)
			w, log := start(t, env, "stdio")
			must[args](t, w, "create_identity", args{"name": "task-1", "ephemeral": true})
			must[args](t, w, "create_identity", args{"name": "task-2", "ephemeral": true})
			must[args](t, w, "create_identity", args{"name": "lasting"})
			assert.Len(t, journals(), 2, "a journal and its lock")
			require.NoError(t, end(t, w))
			code, err := w.wait()
			require.NoError(t, err)
			assert.Zero(t, code, "%s", log)
			assert.Equal(t, []string{"kept", "lasting"}, identityNames(ravi))
			assert.Empty(t, journals())
		})
	}
}

func TestTheNextStartReapsAfterAKillAndSparesTheLiving(t *testing.T) {
	t.Parallel()
	ravi, env, journals := leaseHouse(t)
	living, _ := start(t, env, "stdio")
	must[args](t, living, "create_identity", args{"name": "living", "ephemeral": true})
	doomed, _ := start(t, env, "stdio")
	must[args](t, doomed, "create_identity", args{"name": "doomed", "ephemeral": true})
	require.NoError(t, doomed.cmd.Process.Kill())
	_, _ = doomed.wait()
	assert.Equal(t, []string{"kept", "living", "doomed"}, identityNames(ravi))
	for _, path := range journals() {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.NotContains(t, string(data), ravi.Account.AccessToken)
	}

	next, log := start(t, env, "stdio")
	require.Eventually(t, func() bool { return len(identityNames(ravi)) == 2 }, 30*time.Second, 10*time.Millisecond, "%s", log)
	assert.Equal(t, []string{"kept", "living"}, identityNames(ravi))
	code, err := next.close()
	require.NoError(t, err)
	assert.Zero(t, code)
	assert.Equal(t, []string{"kept", "living"}, identityNames(ravi))
	_, err = living.close()
	require.NoError(t, err)
	assert.Equal(t, []string{"kept"}, identityNames(ravi))
	assert.Empty(t, journals())
}

// What cannot be deleted at the end, because Ravi is down, is deleted by the
// next start.
func TestADeletionThatFailsAtTheEndIsMadeUpFor(t *testing.T) {
	t.Parallel()
	ravi, env, journals := leaseHouse(t)
	w, _ := start(t, env, "stdio")
	must[args](t, w, "create_identity", args{"name": "task", "ephemeral": true})
	ravi.Server.Faults().Add(sandbox.Fault{Method: "DELETE", Status: 500, Count: -1})
	code, err := w.close()
	require.NoError(t, err)
	assert.Zero(t, code)
	assert.Equal(t, []string{"kept", "task"}, identityNames(ravi))
	ravi.Server.Faults().Clear()
	start(t, env, "stdio")
	require.Eventually(t, func() bool { return len(identityNames(ravi)) == 1 && len(journals()) == 0 }, 30*time.Second, 10*time.Millisecond)
	assert.Equal(t, []string{"kept"}, identityNames(ravi))
}

// A kept sandbox is another place at every start, and still the same Ravi.
func TestAKeptSandboxIsReapedToo(t *testing.T) {
	t.Parallel()
	env, home := environment(t)
	flags := []string{"stdio", "--sandbox", "--sandbox-data", filepath.Join(home, "data"), "--state-dir", filepath.Join(home, "mine")}
	w, _ := start(t, env, flags...)
	must[args](t, w, "create_identity", args{"name": "lasting"})
	must[args](t, w, "create_identity", args{"name": "task", "ephemeral": true})
	require.NoError(t, w.cmd.Process.Kill())
	_, _ = w.wait()
	next, log := start(t, env, flags...)
	type list struct{ Identities []struct{ Name string } }
	require.Eventually(t, func() bool {
		found, _ := filepath.Glob(filepath.Join(home, "mine", "leases", "*"))
		return len(found) == 0
	}, 30*time.Second, 10*time.Millisecond, "%s", log)
	left := must[list](t, next, "list_identities", nil).Identities
	require.Len(t, left, 1)
	assert.Equal(t, "lasting", left[0].Name)
}
