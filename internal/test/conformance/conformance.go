// Package conformance runs the official MCP conformance suite (npm
// @modelcontextprotocol/conformance) against an endpoint. Only tests use it.
//
// .ci/install-clients installs both versions of the suite. A test whose suite is missing is
// skipped, and its last line says how to install it.
package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
)

// The versions of the suite, as .ci/clients/package.json names them.
const (
	Released = "conformance"      // 0.1.16
	Next     = "conformance-next" // 0.2.0-alpha.12: sets of requirements by revision of the protocol
)

// Timeout bounds one run of the suite, or of a client.
const Timeout = 4 * time.Minute

// Suite is the suite as npm has installed it.
type Suite struct{ harness.Clients }

// Find returns the suite, or skips the test.
func Find(t testing.TB) Suite {
	t.Helper()
	return Suite{harness.FindClients(t)}
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

// Run runs a version of the suite against the endpoint at url, with the arguments that say which
// scenarios.
func (s Suite) Run(t testing.TB, version, url string, args ...string) Report {
	t.Helper()
	program := filepath.Join(s.Modules, version, "dist", "index.js")
	if _, err := os.Stat(program); err != nil {
		t.Skip("install the conformance suite first: .ci/install-clients")
	}
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	defer cancel()
	results := t.TempDir()
	cmd := exec.CommandContext(ctx, s.Node, append([]string{program, "server", "--url", url, "-o", results}, args...)...)
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
