package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/conformance"
)

// The official conformance suite, both versions, against the endpoint with the suite's own tools on
// it. What the shipped binary can pass without them is tested in cli. The suite gives some answers
// half a second, so nothing runs beside it.
func TestConformanceSuite(t *testing.T) {
	suite := conformance.Find(t)
	tasks, err := filepath.Abs(filepath.Join("testdata", "conformance.yaml"))
	require.NoError(t, err)
	for name, run := range map[string]struct {
		version   string
		args      []string
		scenarios int
		passed    int // checks outside of the expected failures
		failed    []string
	}{
		"0.1.16, everything":       {conformance.Released, []string{"--suite", "all"}, 32, 43, nil},
		"what 2025-11-25 requires": {conformance.Next, []string{"--requirements", "2025-11-25"}, 33, 80, nil},
		"what 2026-07-28 requires": {
			conformance.Next, []string{"--requirements", "2026-07-28", "--expected-failures", tasks}, 50, 152, expectedFailures(t, tasks),
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := conformant(t)
			report := suite.Run(t, run.version, url+"/mcp", run.args...)
			require.Zero(t, report.Code, "%s", report.Output)
			assert.Len(t, report.Scenarios, run.scenarios)
			assert.ElementsMatch(t, run.failed, report.Failed(), "%s", report.Output)
			for _, expected := range run.failed {
				delete(report.Scenarios, expected)
			}
			assert.Empty(t, report.Checks("WARNING"))
			assert.Len(t, report.Checks("SUCCESS"), run.passed)
		})
	}
}

// expectedFailures reads the list in a file of the suite's format.
func expectedFailures(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var names []string
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "- "); ok {
			require.True(t, strings.HasPrefix(name, "tasks-"), "%s is not of the extension", name)
			names = append(names, name)
		}
	}
	require.NotEmpty(t, names)
	return names
}
