package http_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"ravi-mcp/internal/server"
	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

// scrape returns what Prometheus reads.
func (e *endpoint) scrape() string {
	e.t.Helper()
	answer := httptest.NewRecorder()
	e.metrics.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(e.t, http.StatusOK, answer.Code)
	return answer.Body.String()
}

// waitingCall begins a wait for a code and returns once it is open; the returned function waits for
// its result.
func (a *agent) waitingCall(arguments string) func() outcome {
	a.e.t.Helper()
	r := a.request(context.Background(), http.MethodPost, "/mcp", a.message("wait_for_otp", arguments, `"progressToken":"p"`))
	response, err := a.client.Do(r) // the head of the answer comes with the first report of progress
	require.NoError(a.e.t, err)
	return func() outcome { return read(a.e.t, response).outcome(a.e.t) }
}

func TestMetricsCountCalls(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	a := e.open("")
	e.Gauge(t)
	made := a.call("create_identity", `{"name":"counted-CANARY"}`)
	a.call("get_identity", `{"identity":"counted-CANARY"}`)
	a.call("get_identity", `{"identity":"unknown-CANARY"}`)
	a.call("set_secret", `{"name":"KEY","value":"value-CANARY"}`)
	require.Equal(t, "pending", a.call("wait_for_otp", `{"timeout_seconds":1}`).field(t, "status"))

	result := a.waitingCall(`{"timeout_seconds":50,"channel":"sms"}`)
	assert.Regexp(t, `(?m)^ravi_mcp_waits_open 1$`, e.scrape())
	assert.Regexp(t, `(?m)^ravi_mcp_event_streams 1$`, e.scrape())
	e.sms(sandbox.IdentityInfo{Phone: made.field(t, "phone")}, "Your CANARY code is 482913")
	require.Equal(t, "found", result().field(t, "status"))
	require.Equal(t, http.StatusForbidden, e.raw("GET /mcp HTTP/1.1\r\nHost: evil.test\r\n\r\n"))

	text := e.scrape()
	for _, line := range []string{
		`ravi_mcp_calls_total{code="ok",method="tools/call",tool="create_identity"} 1`,
		`ravi_mcp_calls_total{code="ok",method="tools/call",tool="get_identity"} 1`,
		`ravi_mcp_calls_total{code="identity_not_found",method="tools/call",tool="get_identity"} 1`,
		`ravi_mcp_call_duration_seconds_count{method="tools/call",tool="wait_for_otp"} 2`,
		`ravi_mcp_waits_total{channel="",status="pending"} 1`,
		`ravi_mcp_waits_total{channel="sms",status="found"} 1`,
		`ravi_mcp_wake_to_result_seconds_count 1`,
		`ravi_mcp_upstream_requests_total{endpoint="/api/identities/",method="POST",status="201"} 1`,
		`ravi_mcp_http_refused_total{status="403"} 1`,
		`ravi_mcp_waits_open 0`,
		`ravi_mcp_sessions 1`,
		`ravi_mcp_build_info{version="test"} 1`,
	} {
		assert.Contains(t, text, "\n"+line+"\n")
	}
	assert.Contains(t, text, "\ngo_goroutines ")
	assert.NotContains(t, text, "CANARY", "nothing of a caller, identity or message is in the metrics")
	assert.NotContains(t, text, made.field(t, "identity", "uuid"))
	assert.NotContains(t, text, "482913")
}

// Gauge adds the gauge of sessions, as the command line does.
func (e *endpoint) Gauge(t testing.TB) {
	t.Helper()
	e.metrics.Gauge("sessions", "Protocol sessions.", e.sessions.Len)
}

func TestRefreshesAndRetriesAreCounted(t *testing.T) {
	t.Parallel()
	m := server.NewMetrics("test")
	m.Ravi(ravi.Request{Method: "POST", Endpoint: "/api/auth/token/refresh/", Status: 200, Attempt: 1})
	m.Ravi(ravi.Request{Method: "GET", Endpoint: "/api/identities/", Status: 0, Attempt: 1, Duration: time.Second})
	m.Ravi(ravi.Request{Method: "GET", Endpoint: "/api/identities/", Status: 200, Attempt: 2})
	e := &endpoint{t: t, metrics: m}
	text := e.scrape()
	assert.Contains(t, text, `ravi_mcp_token_refreshes_total{status="200"} 1`)
	assert.Contains(t, text, "ravi_mcp_upstream_retries_total 1")
	assert.Contains(t, text, `ravi_mcp_upstream_requests_total{endpoint="/api/identities/",method="GET",status="0"} 1`)
	assert.Contains(t, text, `ravi_mcp_upstream_duration_seconds_sum{endpoint="/api/identities/",method="GET"} 1`)
}

// Labels come from closed sets, so that no client can make the metrics grow.
func TestMetricLabelsAreClosedSets(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	a := e.open("")
	a.call("create_identity", `{"name":"first"}`)
	a.call("get_identity", `{"identity":"unknown"}`)
	before := series(t, e)
	for i := range 50 {
		a.call("get_identity", fmt.Sprintf(`{"identity":"unknown-%d"}`, i))
		a.post(a.message(fmt.Sprintf("tool_%d", i), `{}`, ""))
		a.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"method/%d"}`, i, i))
		e.raw(fmt.Sprintf("GET /path-%d HTTP/1.1\r\nHost: %s\r\n\r\n", i, e.addr))
	}
	assert.LessOrEqual(t, series(t, e), before+1, "one more status of the guard: 404")
}

// series is the number of time series.
func series(t testing.TB, e *endpoint) int {
	t.Helper()
	n := 0
	for line := range strings.Lines(e.scrape()) {
		if strings.HasPrefix(line, "ravi_mcp_") {
			n++
		}
	}
	require.NotZero(t, n)
	return n
}

const (
	clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	otherTrace  = "0af7651916cd43dd8448eb211c80319c"
)

func traceparent(trace string) string { return "00-" + trace + "-00f067aa0ba902b7-01" }

func TestCallsJoinTheTraceOfTheClient(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	tracer := server.NewTracer(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	e := serveTraced(t, tracer, nil)
	traces := func(of string) []string {
		var names []string
		for _, s := range recorder.Ended() {
			assert.Equal(t, "ravi-mcp/server", s.InstrumentationScope().Name)
			if s.SpanContext().TraceID().String() == of {
				names = append(names, s.Name())
			}
			for _, a := range s.Attributes() {
				assert.NotContains(t, a.Value.String(), "CANARY", "%s of %s", a.Key, s.Name())
			}
		}
		return names
	}
	for name, a := range map[string]*agent{"2025-11-25": e.open(""), "2026-07-28": e.newest("")} {
		recorder.Reset()
		a.call("create_identity", `{"name":"traced-CANARY-`+name[:4]+`"}`)
		var own string
		for _, s := range recorder.Ended() {
			assert.NotContains(t, []string{clientTrace, otherTrace}, s.SpanContext().TraceID().String())
			if s.Name() == "tools/call create_identity" {
				own = s.SpanContext().TraceID().String()
			}
		}
		assert.Contains(t, traces(own), "POST /api/identities/", "%s: a trace of its own, with the requests to Ravi", name)

		// The headers of the connection name a trace; the message's own goes before it.
		recorder.Reset()
		a.header.Set("Traceparent", traceparent(otherTrace))
		a.call("get_identity", `{"identity":"traced-CANARY-`+name[:4]+`"}`)
		assert.Contains(t, traces(otherTrace), "tools/call get_identity", name)
		a.post(a.message("get_identity", `{"identity":"unknown"}`, `"traceparent":"`+traceparent(clientTrace)+`"`))
		names := traces(clientTrace)
		require.NotEmpty(t, names, name)
		last := recorder.Ended()[len(recorder.Ended())-1]
		assert.Equal(t, "tools/call get_identity", last.Name())
		assert.Equal(t, "identity_not_found", last.Status().Description)
		assert.Equal(t, trace.SpanKindServer, last.SpanKind())
		assert.True(t, last.Parent().IsRemote())

		// What is malformed belongs to no trace, and is no error.
		recorder.Reset()
		a.header.Set("Traceparent", "00-CANARY")
		a.post(a.message("get_identity", `{"identity":"traced-CANARY-`+name[:4]+`"}`, `"traceparent":17`))
		require.Len(t, recorder.Ended(), 1, name)
		assert.False(t, recorder.Ended()[0].Parent().IsValid(), name)
		a.header.Del("Traceparent")
	}
	for _, r := range e.ravi.Server.Requests() {
		assert.Empty(t, r.Header.Get("Traceparent"), "the trace stays here: %s", r.Path)
	}
}

// The registry refuses a name that is taken; a nil *Metrics takes everything.
func TestNilMetricsCountNothing(t *testing.T) {
	t.Parallel()
	var m *server.Metrics
	m.Gauge("x", "x", func() int { return 0 })
	m.Ravi(ravi.Request{})
	taken := server.NewMetrics("test")
	taken.Gauge("x", "x", func() int { return 0 })
	assert.PanicsWithError(t, (prometheus.AlreadyRegisteredError{}).Error(), func() { taken.Gauge("x", "x", func() int { return 0 }) })
}
