package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// terminal opens a terminal: what a user types goes into screen, and what the terminal shows comes
// out of it.
func terminal(t *testing.T) (screen, keyboard *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = screen.Close() })
	var locked, number int32
	require.NoError(t, ioctl(screen, syscall.TIOCSPTLCK, unsafe.Pointer(&locked)))
	require.NoError(t, ioctl(screen, syscall.TIOCGPTN, unsafe.Pointer(&number)))
	keyboard, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = keyboard.Close() })
	return screen, keyboard
}

func ioctl(f *os.File, what uintptr, about unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), what, uintptr(about)); errno != 0 {
		return errno
	}
	return nil
}

// echoes reports whether a terminal shows what is typed.
func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	var mode syscall.Termios
	require.NoError(t, ioctl(f, syscall.TCGETS, unsafe.Pointer(&mode)))
	return mode.Lflag&syscall.ECHO != 0
}

// A value that a user types is asked for, stored, and not shown by the terminal, which shows what
// is typed again afterwards.
func TestTypedValueIsNotShown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args  []string
		asked string
	}{
		"secret":     {[]string{"secret", "set", "API_KEY"}, "value for API_KEY (not shown): "},
		"credential": {[]string{"credential", "set", "github.com", "--username", "me"}, "password for github.com (not shown): "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const typed = "typed-canary-9"
			ravi := sandboxtest.New(t, sandbox.Config{})
			amber := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber"})
			env, _ := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
			screen, keyboard := terminal(t)
			said, answered := &harness.Output{}, &harness.Output{}
			cmd := exec.Command(harness.Binary(t), append(c.args, "--identity", amber.UUID)...)
			cmd.Env, cmd.Stdin, cmd.Stderr, cmd.Stdout = env, keyboard, said, answered
			require.NoError(t, cmd.Start())
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			harness.Eventually(t, func() bool { return said.String() == c.asked && !echoes(t, keyboard) }, "%s", said)
			_, err := screen.WriteString(typed + "\n")
			require.NoError(t, err)
			require.NoError(t, cmd.Wait(), "%s", said)
			assert.True(t, echoes(t, keyboard), "the terminal is as it was")

			_, err = keyboard.WriteString("END") // so that there is something to read
			require.NoError(t, err)
			shown := make([]byte, 256)
			n, err := screen.Read(shown)
			require.NoError(t, err)
			assert.Contains(t, string(shown[:n]), "END")
			assert.NotContains(t, string(shown[:n])+said.String()+answered.String(), typed)

			w := harness.StartStdio(t, env, "stdio", "--identity", amber.UUID)
			if name == "secret" {
				assert.Equal(t, typed, harness.Must[struct{ Value string }](t, w, "get_secret", args{"name": "API_KEY"}).Value)
				return
			}
			got := harness.Must[struct{ Credential struct{ Password string } }](t, w, "get_credential", args{"domain": "github.com"})
			assert.Equal(t, typed, got.Credential.Password)
		})
	}
}

// An empty line stores nothing.
func TestEmptyInputStoresNothing(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	amber := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber"})
	env, _ := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	screen, keyboard := terminal(t)
	said := &harness.Output{}
	cmd := exec.Command(harness.Binary(t), "secret", "set", "API_KEY", "--identity", amber.UUID)
	cmd.Env, cmd.Stdin, cmd.Stderr = env, keyboard, said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	harness.Eventually(t, func() bool { return !echoes(t, keyboard) })
	_, err := screen.WriteString("\n")
	require.NoError(t, err)
	require.Error(t, cmd.Wait())
	assert.Contains(t, said.String(), "the value is empty; nothing was stored")
	assert.Zero(t, ravi.Server.CountRequests("POST", "/api/secrets/"))
}

// At SIGHUP the running program opens its audit anew, before any call.
func TestHangupReopensTheAuditFile(t *testing.T) {
	t.Parallel()
	env, home := harness.Environment(t)
	trail := filepath.Join(home, "trail")
	w := harness.StartStdio(t, env, "stdio", "--sandbox", "--audit", trail)
	harness.Must[struct{}](t, w, "list_identities", nil)
	require.NoError(t, os.Rename(trail, trail+".1"))
	require.NoError(t, w.Signal(syscall.SIGHUP))
	harness.Eventually(t, func() bool {
		info, err := os.Stat(trail)
		return err == nil && info.Size() == 0 && info.Mode().Perm() == 0o600
	}, "%s", w)
	harness.Must[struct{}](t, w, "list_identities", nil)
	for _, path := range []string{trail, trail + ".1"} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Contains(t, string(text), `"tool":"list_identities"`, path)
	}
	code, err := w.Close()
	require.NoError(t, err)
	assert.Zero(t, code, "%s", w.Log())
}
