package ravi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
)

// passwordJSON is an ordinary answer.
const passwordJSON = `{"uuid":"5f1d0c6e-0000-4000-8000-000000000001","identity":1,"domain":"example.com","username":"agent@example.com",` +
	`"password":"correct horse battery staple","notes":"","created_dt":"2026-02-25T10:30:00Z","updated_dt":"2026-02-25T10:30:00Z"}`

// BenchmarkRequest compares a call of this package with the same call written by hand on net/http,
// over the same loopback server: a request with its headers and a timeout, the body read and
// decoded. The two take turns, so that whatever else the machine does meets both. The ratio of
// their medians is to be at most 1.2.
func BenchmarkRequest(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, passwordJSON)
	}))
	defer server.Close()
	const uuid = "5f1d0c6e-0000-4000-8000-000000000001"
	client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	bare := func() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL+"/api/passwords/"+uuid+"/", nil)
		require.NoError(b, err)
		req.Header.Set("Authorization", "Bearer x")
		req.Header.Set("X-Ravi-Identity", "abc-123")
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		require.NoError(b, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(b, err)
		var entry struct {
			UUID, Domain, Username, Password, Notes string
			Created                                 time.Time `json:"created_dt"`
			Updated                                 time.Time `json:"updated_dt"`
		}
		require.NoError(b, json.Unmarshal(body, &entry))
	}
	scope := tokenClient(b, ravi.Config{BaseURL: server.URL}).Scope("abc-123")
	ours := func() {
		_, err := scope.Password(b.Context(), uuid)
		require.NoError(b, err)
	}
	bare()
	ours()
	var times [2][]time.Duration
	for b.Loop() {
		for i, call := range []func(){bare, ours} {
			began := time.Now()
			call()
			times[i] = append(times[i], time.Since(began))
		}
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2])
	}
	b.ReportMetric(median(times[0]), "bare-ns/op")
	b.ReportMetric(median(times[1]), "ravi-ns/op")
	b.ReportMetric(median(times[1])/median(times[0]), "ratio")
}

// BenchmarkEvents measures events through the stream, parser and channel included.
func BenchmarkEvents(b *testing.B) {
	var text strings.Builder
	const events = 10000
	for n := range events {
		fmt.Fprintf(&text, "id: %d\nevent: sms\ndata: {\"id\":%d,\"from_number\":\"+15550001111\",\"body\":\"Your code is 123456\"}\n\n", n, n)
	}
	text.WriteString("event: email\ndata: last\n\n")
	stream := text.String()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		w := streaming(stream)
		c := tokenClient(b, ravi.Config{BaseURL: "https://ravi.test", Transport: w})
		s, err := c.Scope("u").Events(b.Context(), ravi.EventsConfig{})
		require.NoError(b, err)
		for ev := range s.Events() {
			if ev.Kind == ravi.EventEmail {
				break
			}
		}
		require.NoError(b, s.Close())
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}
