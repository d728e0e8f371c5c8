package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Main runs the tests of a package, and afterwards removes the program that they built. It is what
// testscript.Main takes.
type Main struct{ *testing.M }

// Run returns the exit code of the tests.
func (m Main) Run() int {
	defer func() {
		if buildFolder != "" {
			_ = os.RemoveAll(buildFolder)
		}
	}()
	return m.M.Run()
}

var (
	buildFolder string
	build       = sync.OnceValues(func() (string, error) {
		var err error
		if buildFolder, err = os.MkdirTemp("", "ravi-mcp-built"); err != nil {
			return "", err
		}
		path := filepath.Join(buildFolder, "ravi-mcp")
		args := []string{"build", "-buildvcs=false", "-o", path}
		if Race {
			args = append(args, "-race")
		}
		if out, err := exec.Command("go", append(args, "ravi-mcp")...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
		return path, nil
	})
)

// Binary returns the path of the program, which is built once per test process.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	require.NoError(t, err)
	return path
}

// Environment returns a fresh environment for a process: a HOME of its own and the given variables,
// and none of the RAVI_ variables of the test's own environment. A data race ends the process with
// exit code 66.
func Environment(t testing.TB, vars ...string) (env []string, home string) {
	t.Helper()
	home = t.TempDir()
	return append([]string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(),
		"GORACE=halt_on_error=1 exitcode=66"}, vars...), home
}

// Command prepares to run the program.
func Command(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(Binary(t), args...)
	cmd.Env = env
	return cmd
}
