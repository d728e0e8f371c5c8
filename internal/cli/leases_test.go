package cli_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// leaseEnvironment is the environment of servers whose Ravi has an identity of another client.
func leaseEnvironment(t *testing.T) (ravi *sandboxtest.Instance, env []string, journals func() []string) {
	t.Helper()
	ravi = sandboxtest.New(t, sandbox.Config{})
	ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "kept"})
	env, home := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
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

// The program itself deletes what it made for a task, however it ends, and nothing else.
func TestEphemeralIdentitiesEndWithTheServer(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, w *harness.Stdio) error{
		"end of input": func(_ *testing.T, w *harness.Stdio) error { return w.In.Close() },
		"SIGTERM":      func(_ *testing.T, w *harness.Stdio) error { return w.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ravi, env, journals := leaseEnvironment(t)
			w := harness.StartStdio(t, env, "stdio")
			harness.Must[args](t, w, "create_identity", args{"name": "task-1", "ephemeral": true})
			harness.Must[args](t, w, "create_identity", args{"name": "task-2", "ephemeral": true})
			harness.Must[args](t, w, "create_identity", args{"name": "permanent"})
			assert.Len(t, journals(), 2, "a journal and its lock")
			require.NoError(t, end(t, w))
			code, err := w.Wait()
			require.NoError(t, err)
			assert.Zero(t, code, "%s", w.Log())
			assert.Equal(t, []string{"kept", "permanent"}, identityNames(ravi))
			assert.Empty(t, journals())
		})
	}
}

func TestNextStartReapsOnlyAKilledServersLeases(t *testing.T) {
	t.Parallel()
	ravi, env, journals := leaseEnvironment(t)
	living := harness.StartStdio(t, env, "stdio")
	harness.Must[args](t, living, "create_identity", args{"name": "living", "ephemeral": true})
	harness.Must[args](t, living, "get_identity", args{})
	doomed := harness.StartStdio(t, env, "stdio")
	harness.Must[args](t, doomed, "create_identity", args{"name": "doomed", "ephemeral": true})
	harness.Must[args](t, doomed, "get_identity", args{})
	doomed.Kill(t)
	assert.Equal(t, []string{"kept", "living", "doomed"}, identityNames(ravi))
	for _, path := range journals() {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.NotContains(t, string(data), ravi.Account.AccessToken)
	}

	next := harness.StartStdio(t, env, "stdio")
	harness.Eventually(t, func() bool { return len(identityNames(ravi)) == 2 }, "%s", next)
	assert.Equal(t, []string{"kept", "living"}, identityNames(ravi))
	code, err := next.Close()
	require.NoError(t, err)
	assert.Zero(t, code)
	assert.Equal(t, []string{"kept", "living"}, identityNames(ravi))
	_, err = living.Close()
	require.NoError(t, err)
	assert.Equal(t, []string{"kept"}, identityNames(ravi))
	assert.Empty(t, journals())
}

// A harness that starts a process for every call has its identity in the next, until its time ends
// it: then whichever process comes deletes it.
func TestEphemeralIdentityOutlivesAProcessOfOneCall(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, w *harness.Stdio) error{
		"end of input": func(_ *testing.T, w *harness.Stdio) error { return w.In.Close() },
		"SIGTERM":      func(_ *testing.T, w *harness.Stdio) error { return w.Signal(syscall.SIGTERM) },
		"SIGKILL":      func(_ *testing.T, w *harness.Stdio) error { return w.Signal(syscall.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ravi, env, journals := leaseEnvironment(t)
			once := func(tool string, arguments args) {
				w := harness.StartStdio(t, env, "stdio")
				for _, wrong := range []args{{"identity": "nobody"}, {"unknown": 1}} { // what fails is no call
					failed, err := w.Tool("get_identity", wrong)
					require.NoError(t, err)
					require.True(t, failed.IsError)
				}
				sent, err := w.Send("resources/read", args{"uri": "ravi://identities"})
				require.NoError(t, err)
				read, err := w.Receive(sent)
				require.NoError(t, err)
				require.Nil(t, read.Error)
				harness.Must[args](t, w, tool, arguments)
				require.NoError(t, end(t, w))
				_, err = w.Wait()
				require.NoError(t, err)
			}
			once("create_identity", args{"name": "task", "ephemeral": true})
			once("get_identity", args{"identity": "task"})
			once("watch_inbox", args{"identity": "task"})
			assert.Equal(t, []string{"kept", "task"}, identityNames(ravi))

			age(t, journals(), 2*time.Hour)
			harness.StartStdio(t, env, "stdio")
			harness.Eventually(t, func() bool { return len(identityNames(ravi)) == 1 && len(journals()) == 0 })
			assert.Equal(t, []string{"kept"}, identityNames(ravi))
		})
	}
}

// What cannot be deleted at the end, because Ravi is down, is deleted by the next start.
func TestNextStartRetriesAFailedDeletion(t *testing.T) {
	t.Parallel()
	ravi, env, journals := leaseEnvironment(t)
	w := harness.StartStdio(t, env, "stdio")
	harness.Must[args](t, w, "create_identity", args{"name": "task", "ephemeral": true})
	harness.Must[args](t, w, "get_identity", args{})
	ravi.Server.Faults().Add(sandbox.Fault{Method: "DELETE", Status: 500, Count: -1})
	code, err := w.Close()
	require.NoError(t, err)
	assert.Zero(t, code)
	assert.Equal(t, []string{"kept", "task"}, identityNames(ravi))
	ravi.Server.Faults().Clear()
	harness.StartStdio(t, env, "stdio")
	harness.Eventually(t, func() bool { return len(identityNames(ravi)) == 1 && len(journals()) == 0 })
	assert.Equal(t, []string{"kept"}, identityNames(ravi))
}

// A kept sandbox is another place at every start, and still the same Ravi.
func TestPersistentSandboxIsReapedToo(t *testing.T) {
	t.Parallel()
	env, home := harness.Environment(t)
	flags := []string{"stdio", "--sandbox", "--sandbox-data", filepath.Join(home, "data"), "--state-dir", filepath.Join(home, "mine")}
	w := harness.StartStdio(t, env, flags...)
	harness.Must[args](t, w, "create_identity", args{"name": "permanent"})
	harness.Must[args](t, w, "create_identity", args{"name": "task", "ephemeral": true})
	w.Kill(t)
	next := harness.StartStdio(t, env, flags...)
	type list struct{ Identities []struct{ Name string } }
	harness.Eventually(t, func() bool {
		found, _ := filepath.Glob(filepath.Join(home, "mine", "leases", "*"))
		return len(found) == 0
	}, "%s", next)
	left := harness.Must[list](t, next, "list_identities", nil).Identities
	require.Len(t, left, 1)
	assert.Equal(t, "permanent", left[0].Name)
}
