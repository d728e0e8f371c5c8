package otlphttp

import (
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// export sends one span called "tools/call" with the given variables, whose names lack the prefix.
func export(t *testing.T, vars map[string]string, transport http.RoundTripper) error {
	t.Helper()
	config, ignored, err := FromEnv(func(name string) string { return vars[name[len(prefix):]] })
	require.NoError(t, err)
	require.Empty(t, ignored)
	client := NewClient(config)
	if transport != nil {
		client.http.Transport = transport
	}
	exporter, err := otlptrace.New(t.Context(), client)
	require.NoError(t, err)
	defer func() { assert.NoError(t, exporter.Shutdown(context.WithoutCancel(t.Context()))) }()
	return exporter.ExportSpans(t.Context(), tracetest.SpanStubs{{Name: "tools/call"}}.Snapshots())
}

func TestSpansArriveWithPathAndHeaders(t *testing.T) {
	for _, compression := range []string{"none", "gzip"} {
		var got *http.Request
		var body []byte
		collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = r
			var from io.Reader = r.Body
			if compression == "gzip" {
				unzipped, err := gzip.NewReader(r.Body)
				if !assert.NoError(t, err) {
					return
				}
				from = unzipped
			}
			body, _ = io.ReadAll(from)
		}))
		require.NoError(t, export(t, map[string]string{
			"ENDPOINT": collector.URL + "/base/", "HEADERS": "x-key=a%20b,Content-Type=text/plain", "COMPRESSION": compression,
		}, nil))
		collector.Close()
		assert.Equal(t, "/base/v1/traces", got.URL.Path)
		assert.Equal(t, "a b", got.Header.Get("X-Key"))
		assert.Equal(t, []string{"application/x-protobuf"}, got.Header["Content-Type"])
		assert.Equal(t, "OTel OTLP Exporter Go/"+otlptrace.Version(), got.UserAgent())
		var sent tracepb.TracesData
		require.NoError(t, proto.Unmarshal(body, &sent))
		assert.Equal(t, "tools/call", sent.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName())
	}
}

func TestCertificatesAreThoseConfigured(t *testing.T) {
	collector := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	collector.Config.ErrorLog = nil
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: collector.Certificate().Raw}), 0o600))
	assert.NoError(t, export(t, map[string]string{"ENDPOINT": collector.URL, "CERTIFICATE": file}, nil))
	assert.ErrorContains(t, export(t, map[string]string{"ENDPOINT": collector.URL}, nil), "certificate")
}

// A redirect would take spans, and with some statuses the headers, to a server that the operator
// did not name.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Int32
	second := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer second.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var calls atomic.Int32
		collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			http.Redirect(w, r, second.URL+"/canary", status)
		}))
		err := export(t, map[string]string{"ENDPOINT": collector.URL, "HEADERS": "authorization=canary"}, nil)
		collector.Close()
		if assert.ErrorContains(t, err, fmt.Sprintf("the collector answers %d", status)) {
			assert.NotContains(t, err.Error(), "canary")
		}
		assert.EqualValues(t, 1, calls.Load(), status)
	}
	assert.Zero(t, followed.Load())
}

// answers is a collector that gives one answer after the other, and repeats the last.
type answers struct {
	t     *testing.T
	list  []answer
	calls atomic.Int32
}

type answer struct {
	status     int
	retryAfter string
	body       string
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(r.Body)
	assert.NoError(a.t, err)
	assert.NotEmpty(a.t, sent)
	n := int(a.calls.Add(1))
	now := a.list[min(n, len(a.list))-1]
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", contentType)
	if now.retryAfter != "" {
		w.Header().Set("Retry-After", now.retryAfter)
	}
	w.WriteHeader(now.status)
	_, _ = w.WriteString(now.body)
	return w.Result(), nil
}

func TestSpansAreSentAgainWhenTheCollectorAsks(t *testing.T) {
	for name, c := range map[string]struct {
		answers      []answer
		calls        int32
		fails        string
		after, until time.Duration
	}{
		"taken":                {answers: []answer{{status: 200}}, calls: 1},
		"empty partial":        {answers: []answer{{status: 200, body: "\x0a\x00"}}, calls: 1},
		"busy":                 {answers: []answer{{status: 503}, {status: 429}, {status: 200}}, calls: 3, after: 5 * time.Second, until: 30 * time.Second},
		"busy for a time":      {answers: []answer{{status: 429, retryAfter: "40"}, {status: 200}}, calls: 2, after: 40 * time.Second, until: 41 * time.Second},
		"asks for no pause":    {answers: []answer{{status: 429, retryAfter: "0"}, {status: 200}}, calls: 2, after: 2 * time.Second, until: 8 * time.Second},
		"asks for a long time": {answers: []answer{{status: 429, retryAfter: "61"}}, calls: 1, fails: "429"},
		"refused":              {answers: []answer{{status: 400, body: "canary"}}, calls: 1, fails: "answers 400"},
		"took a part":          {answers: []answer{{status: 200, body: "\x0a\x02\x08\x01"}}, calls: 1, fails: "not take all spans"},
		"answers nonsense":     {answers: []answer{{status: 200, body: "\xff"}}, calls: 1, fails: "not take all spans"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				collector := &answers{t: t, list: c.answers}
				start := time.Now()
				err := export(t, map[string]string{"ENDPOINT": "http://collector.test"}, collector)
				if c.fails == "" {
					assert.NoError(t, err)
				} else {
					assert.ErrorContains(t, err, c.fails)
					assert.NotContains(t, err.Error(), "canary")
				}
				assert.Equal(t, c.calls, collector.calls.Load())
				assert.GreaterOrEqual(t, time.Since(start), c.after)
				assert.LessOrEqual(t, time.Since(start), c.until)
			})
		})
	}
}

func TestRetriesEndAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collector := &answers{t: t, list: []answer{{status: 502}}}
		start := time.Now()
		assert.Error(t, export(t, map[string]string{"ENDPOINT": "http://collector.test"}, collector))
		assert.LessOrEqual(t, time.Since(start), retryTime)
		assert.Greater(t, collector.calls.Load(), int32(2))
	})
}
