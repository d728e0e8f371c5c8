package cli_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/conformance"
	"ravi-mcp/internal/test/harness"
)

// What of the official conformance suite a server with nothing but its own tools, prompts and
// resources can pass. Everything else needs the suite's own, and is tested in server, on the same
// endpoint with those added.
func TestBinaryPassesTheConformanceSuite(t *testing.T) {
	t.Parallel()
	suite := conformance.Find(t)
	env, _ := harness.Environment(t)
	r := harness.StartHTTP(t, env, "--sandbox")
	for _, run := range []struct {
		version, revision, scenario string
		passed                      int
	}{
		{version: conformance.Released, scenario: "server-initialize", passed: 1},
		{version: conformance.Released, scenario: "ping", passed: 1},
		{version: conformance.Released, scenario: "tools-list", passed: 1},
		{version: conformance.Released, scenario: "server-sse-multiple-streams", passed: 1},
		{version: conformance.Released, scenario: "server-sse-polling"},
		{version: conformance.Released, scenario: "dns-rebinding-protection", passed: 2},
		{version: conformance.Next, revision: "2025-11-25", scenario: "server-initialize", passed: 3},
		{version: conformance.Next, revision: "2025-11-25", scenario: "server-session-lifecycle", passed: 3},
		{version: conformance.Next, revision: "2025-11-25", scenario: "ping", passed: 2},
		{version: conformance.Next, revision: "2025-11-25", scenario: "tools-list", passed: 3},
		{version: conformance.Next, revision: "2025-11-25", scenario: "resources-list", passed: 2},
		{version: conformance.Next, revision: "2025-11-25", scenario: "prompts-list", passed: 2},
		{version: conformance.Next, revision: "2026-07-28", scenario: "tools-list", passed: 4},
		{version: conformance.Next, revision: "2026-07-28", scenario: "resources-list", passed: 2},
		{version: conformance.Next, revision: "2026-07-28", scenario: "prompts-list", passed: 2},
		{version: conformance.Next, revision: "2026-07-28", scenario: "caching", passed: 8},
		{version: conformance.Next, revision: "2026-07-28", scenario: "server-sse-multiple-streams", passed: 1},
		{version: conformance.Next, revision: "2026-07-28", scenario: "dns-rebinding-protection", passed: 2},
		{version: conformance.Next, revision: "2026-07-28", scenario: "http-header-validation", passed: 14},
		{version: conformance.Next, revision: "2026-07-28", scenario: "sep-2164-resource-not-found", passed: 4},
		{version: conformance.Next, revision: "2026-07-28", scenario: "input-required-result-missing-input-response", passed: 1},
		{version: conformance.Next, revision: "2026-07-28", scenario: "input-required-result-unsupported-methods", passed: 2},
		{version: conformance.Next, revision: "2026-07-28", scenario: "input-required-result-ignore-extra-params", passed: 1},
		{version: conformance.Next, revision: "2026-07-28", scenario: "input-required-result-validate-input", passed: 3},
	} {
		t.Run(run.version+" "+run.revision+" "+run.scenario, func(t *testing.T) {
			args := []string{"--scenario", run.scenario}
			if run.revision != "" {
				args = append(args, "--spec-version", run.revision)
			}
			report := suite.Run(t, run.version, r.URL+"/mcp", args...)
			require.Zero(t, report.Code, "%s", report.Output)
			require.Len(t, report.Scenarios, 1)
			assert.Empty(t, report.Failed())
			assert.Len(t, report.Checks("SUCCESS"), run.passed, "%s", report.Output)
		})
	}
	t.Run("server-stateless", func(t *testing.T) {
		report := suite.Run(t, conformance.Next, r.URL+"/mcp", "--scenario", "server-stateless", "--spec-version", "2026-07-28")
		assert.Len(t, report.Checks("SUCCESS"), 24, "%s", report.Output)
		assert.ElementsMatch(t, []string{ // these call tools of the suite
			"server-stateless: sep-2575-server-rejects-undeclared-capability",
			"server-stateless: sep-2575-missing-capability-http-400",
			"server-stateless: sep-2575-http-server-no-independent-requests-on-stream",
			"server-stateless: sep-2575-server-no-log-without-loglevel",
		}, report.Checks("FAILURE"))
	})
	r.Stop(t)
}
