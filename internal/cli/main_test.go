package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaning{m}, map[string]func(){
		"ravi-mcp": func() { os.Exit(cli.Main(os.Args[1:])) },
	})
}

// cleaning removes the built binary after the tests.
type cleaning struct{ m *testing.M }

func (c cleaning) Run() int {
	defer func() {
		if builtIn != "" {
			_ = os.RemoveAll(builtIn)
		}
	}()
	return c.m.Run()
}

var (
	builtIn string // the folder of the binary, once it was asked for
	build   = sync.OnceValues(func() (string, error) {
		var err error
		if builtIn, err = os.MkdirTemp("", "ravi-mcp-built"); err != nil {
			return "", err
		}
		path := filepath.Join(builtIn, "ravi-mcp")
		if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, "ravi-mcp").CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
		return path, nil
	})
)

// binary returns the path of the real program, which is built once.
func binary(t *testing.T) string {
	t.Helper()
	path, err := build()
	require.NoError(t, err)
	return path
}

// environment is a fresh one: a HOME of its own and the given variables,
// nothing of the RAVI_ variables of whoever runs the tests.
func environment(t *testing.T, vars ...string) (env []string, home string) {
	t.Helper()
	home = t.TempDir()
	return append([]string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}, vars...), home
}
