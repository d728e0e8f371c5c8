package otlphttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	contentType    = "application/x-protobuf"
	maxAnswerBytes = 4 << 20

	// When a collector does not take spans, as the official exporters do.
	firstRetry   = 5 * time.Second
	longestRetry = 30 * time.Second
	retryTime    = time.Minute
)

// Client sends spans that otlptrace.New has encoded. It implements otlptrace.Client.
type Client struct {
	config Config
	http   *http.Client
}

// NewClient returns a client for the collector of config. It sends nothing by itself, and follows
// no redirect.
func NewClient(config Config) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config.TLS
	return &Client{config: config, http: &http.Client{
		Transport: transport, Timeout: config.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Start does nothing: connections are opened for the first spans.
func (c *Client) Start(context.Context) error { return nil }

// Stop closes the connections that are idle.
func (c *Client) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces sends spans, and again while the collector asks for that (429, 502, 503, 504) or the
// network fails for a moment: for a minute at most, and not before the time of a Retry-After. It
// fails also for spans that the collector took only a part of. The error has nothing of the
// collector's answer in it.
func (c *Client) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// A TracesData is on the wire what an ExportTraceServiceRequest is, without the service's gRPC
	// stubs.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	if c.config.Gzip {
		if body, err = compress(body); err != nil {
			return err
		}
	}
	pause := &retryPause{ExponentialBackOff: backoff.NewExponentialBackOff()}
	pause.InitialInterval, pause.MaxInterval = firstRetry, longestRetry
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		return struct{}{}, c.post(ctx, body, pause)
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(retryTime))
	return err
}

// post makes one attempt. An error that it does not mark as permanent is worth another one.
func (c *Client) post(ctx context.Context, body []byte, pause *retryPause) error {
	pause.atLeast = 0
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.Endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(err)
	}
	request.Header.Set("User-Agent", "OTel OTLP Exporter Go/"+otlptrace.Version())
	maps.Copy(request.Header, c.config.Headers)
	request.Header.Set("Content-Type", contentType)
	if c.config.Gzip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	response, err := c.http.Do(request)
	if urlErr, ok := errors.AsType[*url.Error](err); ok && urlErr.Temporary() {
		return err
	}
	if err != nil {
		return backoff.Permanent(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return backoff.Permanent(fmt.Errorf("read the collector's answer: %w", err))
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		pause.atLeast = retryAfter(response.Header)
		return fmt.Errorf("the collector answers %d", response.StatusCode)
	}
	if response.StatusCode/100 != 2 {
		return backoff.Permanent(fmt.Errorf("the collector answers %d", response.StatusCode))
	}
	if response.Header.Get("Content-Type") == contentType && rejectsSpans(answer) {
		return backoff.Permanent(errors.New("the collector did not take all spans"))
	}
	return nil
}

// retryPause is an exponential backoff that waits at least as long as the collector said last.
type retryPause struct {
	*backoff.ExponentialBackOff
	atLeast time.Duration
}

// NextBackOff implements backoff.BackOff.
func (p *retryPause) NextBackOff() time.Duration {
	return max(p.ExponentialBackOff.NextBackOff(), p.atLeast)
}

func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return time.Until(date)
	}
	return 0
}

// rejectsSpans reports whether an ExportTraceServiceResponse has anything in partial_success, its
// field 1: a number of spans that were not taken, or a warning about them. What is no such message
// counts as a rejection too.
func rejectsSpans(response []byte) bool {
	for len(response) > 0 {
		number, kind, tag := protowire.ConsumeTag(response)
		if tag < 0 {
			return true
		}
		size := protowire.ConsumeFieldValue(number, kind, response[tag:])
		if size < 0 {
			return true
		}
		if number == 1 && size > 1 { // more than the length 0
			return true
		}
		response = response[tag+size:]
	}
	return false
}

func compress(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
