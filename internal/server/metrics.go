package server

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/ravi"
)

// Metrics counts what a server does, in the form that Prometheus reads. Every label has a closed
// set of values: tools, result codes, endpoint templates and statuses. No caller, identity,
// session, address or text is ever one.
//
// A nil *Metrics counts nothing. All methods may be called by any number of goroutines.
type Metrics struct {
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	took     *prometheus.HistogramVec
	waited   *prometheus.CounterVec
	woken    prometheus.Histogram
	refused  *prometheus.CounterVec
	upstream *prometheus.CounterVec
	answered *prometheus.HistogramVec
	retries  prometheus.Counter
	renewals *prometheus.CounterVec
}

// refreshRoute is the endpoint that renews a token (docs/ravi-api.md#tokens-and-401).
const refreshRoute = "/api/auth/token/refresh/"

// Buckets, in seconds: of a call, which may be answered from memory or wait for a minute; and of
// the time from Ravi's event to the result, whose target is 10 ms.
var (
	callBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	wakeBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
)

// NewMetrics returns metrics that have counted nothing yet, with those of the Go runtime and the
// process beside them.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls:    counters("ravi_mcp_calls_total", "Calls that were answered, by method, tool and result code (ok, input_required, or the code of the error).", "method", "tool", "code"),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "ravi_mcp_call_duration_seconds",
			Help: "How long calls took, waits included.", Buckets: callBuckets}, []string{"method", "tool"}),
		waited: counters("ravi_mcp_waits_total", "Waits that ended, by their status (found, pending, ambiguous) and the channel of the answer.", "status", "channel"),
		woken: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "ravi_mcp_wake_to_result_seconds",
			Help: "Time from Ravi's event for a message to the answer of a wait that it ended.", Buckets: wakeBuckets}),
		refused:  counters("ravi_mcp_http_refused_total", "HTTP requests that the guard refused, by status.", "status"),
		upstream: counters("ravi_mcp_upstream_requests_total", "Requests to Ravi, by endpoint and status (0: no answer).", "method", "endpoint", "status"),
		answered: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "ravi_mcp_upstream_duration_seconds",
			Help: "How long Ravi took to answer; of an event stream, until its headers.", Buckets: callBuckets}, []string{"method", "endpoint"}),
		retries:  prometheus.NewCounter(prometheus.CounterOpts{Name: "ravi_mcp_upstream_retries_total", Help: "Requests to Ravi that repeated a failed one."}),
		renewals: counters("ravi_mcp_token_refreshes_total", "Refreshes of Ravi's token, by status (0: no answer).", "status"),
	}
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ravi_mcp_build_info", Help: "1, with the version of this server.",
		ConstLabels: prometheus.Labels{"version": version}}, func() float64 { return 1 })
	m.registry.MustRegister(m.calls, m.took, m.waited, m.woken, m.refused, m.upstream, m.answered, m.retries, m.renewals, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Gauge adds a number of the moment, which is asked for at every scrape, e.g. "sessions". It panics
// on a name that is taken.
func (m *Metrics) Gauge(name, help string, now func() int) {
	if m == nil {
		return
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ravi_mcp_" + name, Help: help},
		func() float64 { return float64(now()) }))
}

// Inbox adds how many waits, watched identities and event streams there are.
func (m *Metrics) Inbox(stats func() inbox.Stats) {
	m.Gauge("waits_open", "Waits that are open.", func() int { return stats().Waits })
	m.Gauge("identities_watched", "Identities that are watched for waits.", func() int { return stats().Watchers })
	m.Gauge("event_streams", "Event streams to Ravi that are connected.", func() int { return stats().Streams })
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Ravi counts a request to Ravi; it is for ravi.Config.Observe.
func (m *Metrics) Ravi(r ravi.Request) {
	if m == nil {
		return
	}
	status := strconv.Itoa(r.Status)
	m.upstream.WithLabelValues(r.Method, r.Endpoint, status).Inc()
	m.answered.WithLabelValues(r.Method, r.Endpoint).Observe(r.Duration.Seconds())
	if r.Attempt > 1 {
		m.retries.Inc()
	}
	if r.Endpoint == refreshRoute {
		m.renewals.WithLabelValues(status).Inc()
	}
}

// Wait counts a wait that ended; it is for inbox.Config.Observe.
func (m *Metrics) Wait(o inbox.Outcome) {
	if m == nil {
		return
	}
	m.waited.WithLabelValues(string(o.Status), string(o.Channel)).Inc()
	if o.SinceEvent > 0 {
		m.woken.Observe(o.SinceEvent.Seconds())
	}
}

// call counts an answered call.
func (m *Metrics) call(r *request, took time.Duration, code string) {
	if m == nil {
		return
	}
	method, tool, _ := strings.Cut(r.Method, " ")
	m.calls.WithLabelValues(method, tool, code).Inc()
	m.took.WithLabelValues(method, tool).Observe(took.Seconds())
}

// Refused counts a request that did not get past the guard.
func (m *Metrics) Refused(status int) {
	if m == nil {
		return
	}
	m.refused.WithLabelValues(strconv.Itoa(status)).Inc()
}
