package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

// Tracer makes a span of every call, and of every request to Ravi that a call leads to
// (OpenTelemetry). A call belongs to the trace that its client names: in _meta, as protocol
// 2026-07-28 has it, or in the HTTP headers traceparent and tracestate (W3C Trace Context). Nothing
// of it is ever sent to Ravi.
//
// Spans have the names and results of calls, the same as the metrics: no argument, identity or
// caller.
//
// A nil *Tracer makes none. All methods may be called by any number of goroutines.
type Tracer struct{ tracer trace.Tracer }

// scopeName is what users filter spans by; it stays when the package moves.
const scopeName = "ravi-mcp/server"

// NewTracer returns a tracer of the provider.
func NewTracer(provider trace.TracerProvider) *Tracer {
	return &Tracer{tracer: provider.Tracer(scopeName)}
}

// w3c reads traceparent and tracestate. It takes over nothing that is malformed.
var w3c propagation.TraceContext

// Extract returns a context with the trace that the headers of an HTTP request name.
func (t *Tracer) Extract(ctx context.Context, h http.Header) context.Context {
	if t == nil {
		return ctx
	}
	return w3c.Extract(ctx, propagation.HeaderCarrier(h))
}

// metaCarrier reads the trace context out of the _meta of a request (2026-07-28, basic, "_meta").
type metaCarrier map[string]any

func (c metaCarrier) Get(key string) string {
	value, _ := c[key].(string)
	return value
}
func (c metaCarrier) Set(string, string) {}
func (c metaCarrier) Keys() []string     { return w3c.Fields() }

// span is the middleware that makes a span of a call. What the message says about its trace goes
// before what the connection says.
func (t *Tracer) span(next handler) handler {
	if t == nil {
		return next
	}
	return func(ctx context.Context, r *request) (tool.Result, error) {
		if r.Meta != nil {
			ctx = w3c.Extract(ctx, metaCarrier(r.Meta.AdditionalFields))
		}
		method, _, _ := strings.Cut(r.Method, " ")
		ctx, span := t.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("mcp.method.name", method), attribute.String("gen_ai.tool.name", r.Tool),
			attribute.String("ravi_mcp.request_id", r.RequestID)))
		defer span.End()
		result, err := next(ctx, r)
		span.SetAttributes(attribute.String("ravi_mcp.code", codeOf(result, err)))
		if err != nil {
			e := fault.From(err)
			span.SetAttributes(attribute.String("error.type", string(e.Code)))
			span.SetStatus(codes.Error, string(e.Code))
		}
		return result, err
	}
}

// Ravi makes a span of a request to Ravi, if it was made for a call that has one; it is for
// ravi.Config.Observe.
func (t *Tracer) Ravi(ctx context.Context, r ravi.Request) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return
	}
	end := time.Now()
	_, span := t.tracer.Start(ctx, r.Method+" "+r.Endpoint, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(end.Add(-r.Duration)),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("url.template", r.Endpoint),
			attribute.Int("http.request.resend_count", r.Attempt-1)))
	if r.Status > 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", r.Status))
	}
	if r.Status == 0 || r.Status >= 400 {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(end))
}
