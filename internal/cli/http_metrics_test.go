package cli_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
)

func TestMetricsHaveAListenerOfTheirOwn(t *testing.T) {
	t.Parallel()
	env, _ := harness.Environment(t)
	r := harness.StartHTTP(t, env, "--sandbox", "--metrics-addr", "127.0.0.1:0")
	response, _ := r.Post(http.DefaultClient, "", "", harness.InitializeMessage)
	session := response.Header.Get("Mcp-Session-Id")
	// An answered request says that everything was announced.
	_, created := r.Post(http.DefaultClient, "", session, harness.ToolMessage(1, "create_identity", `{"name":"main"}`))
	require.Contains(t, created, `"cursor"`)

	where := regexp.MustCompile(`metrics at (http://\S+)`).FindStringSubmatch(r.Log())
	require.NotNil(t, where, r.Log())
	assert.Equal(t, http.StatusNotFound, status(t, http.MethodGet, r.URL+"/metrics"), "not beside /mcp")
	assert.Equal(t, http.StatusNotFound, status(t, http.MethodPost, strings.TrimSuffix(where[1], "/metrics")+"/mcp"), "nor /mcp beside them")
	assert.Equal(t, http.StatusMethodNotAllowed, status(t, http.MethodPost, where[1]))
	got, err := http.Get(where[1])
	require.NoError(t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	for _, line := range []string{
		`ravi_mcp_calls_total{code="ok",method="tools/call",tool="create_identity"} 1`,
		`ravi_mcp_upstream_requests_total{endpoint="/api/identities/",method="POST",status="201"} 1`,
		`ravi_mcp_sessions 1`, `ravi_mcp_http_calls_running 0`, `ravi_mcp_waits_open 0`, `ravi_mcp_event_streams 0`,
	} {
		assert.Contains(t, string(text), "\n"+line+"\n")
	}

	http.DefaultClient.CloseIdleConnections()
	r.Stop(t)
}

func status(t *testing.T, method, url string) int {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	return response.StatusCode
}

// The standard variables name a collector; spans that are still held at the end go out before the
// process does.
func TestSpansGoToTheConfiguredCollector(t *testing.T) {
	t.Parallel()
	got := make(chan string, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(body)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer collector.Close()
	env, _ := harness.Environment(t)
	r := harness.StartHTTP(t, append(env, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_SERVICE_NAME=my-ravi"), "--sandbox")
	response, _ := r.Post(http.DefaultClient, "", "", harness.InitializeMessage)
	_, created := r.Post(http.DefaultClient, "", response.Header.Get("Mcp-Session-Id"), harness.ToolMessage(1, "create_identity", `{"name":"spanned-canary"}`))
	require.Contains(t, created, `"cursor"`)
	http.DefaultClient.CloseIdleConnections()
	r.Stop(t)

	spans := <-got
	assert.True(t, strings.HasPrefix(spans, "/v1/traces application/x-protobuf "))
	assert.Contains(t, spans, "tools/call create_identity")
	assert.Contains(t, spans, "POST /api/identities/")
	assert.Contains(t, spans, "my-ravi")
	assert.NotContains(t, spans, "spanned-canary")
}

func TestUnusableTraceVariablesFailTheStart(t *testing.T) {
	t.Parallel()
	for variable, said := range map[string]string{
		"OTEL_TRACES_EXPORTER=zipkin":                           "OTEL_TRACES_EXPORTER: this server knows otlp and none",
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                      "OTEL_EXPORTER_OTLP_PROTOCOL: this server speaks http/protobuf",
		"OTEL_EXPORTER_OTLP_ENDPOINT=canary.test:4318":          "the OpenTelemetry documentation for their form (OTEL_EXPORTER_OTLP_ENDPOINT is ",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=canary.test/traces": "the OpenTelemetry documentation for their form (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is ",
	} {
		env, _ := harness.Environment(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, harness.Binary(t), "http", "--sandbox", "--addr", "127.0.0.1:0")
		cmd.Env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9", variable)
		out, err := cmd.CombinedOutput()
		require.Error(t, err, variable)
		assert.Contains(t, string(out), said)
		assert.NotContains(t, string(out), "canary")
	}
}
