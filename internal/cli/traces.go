package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"ravi-mcp/internal/otlphttp"
	"ravi-mcp/internal/server"
)

// flushTime is how long the last spans may take to go out.
const flushTime = 3 * time.Second

// traces returns the tracer that the standard variables of OpenTelemetry ask for, and what ends it.
// Without an endpoint among them there is none: nothing leaves the machine unasked (SECURITY.md
// O5).
func traces(ctx context.Context, log zerolog.Logger) (*server.Tracer, func(), error) {
	wanted, err := tracesWanted(os.Getenv)
	if err != nil || !wanted {
		return nil, func() {}, err
	}
	config, ignored, err := otlphttp.FromEnv(os.Getenv)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("the OTEL_EXPORTER_OTLP_ variables are not usable; see the OpenTelemetry documentation for their form (%w)", err)}
	}
	if len(ignored) > 0 {
		log.Warn().Strs("variables", ignored).Msg("variables of OpenTelemetry that are malformed are ignored")
	}
	exporter, err := otlptrace.New(ctx, otlphttp.NewClient(config))
	if err != nil {
		return nil, nil, fmt.Errorf("start the exporter of OpenTelemetry: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {
		// Not the error itself: it may repeat what a collector answered.
		log.Warn().Msg("spans could not be sent to the OpenTelemetry collector")
	}))
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "ravi-mcp"), attribute.String("service.version", version())),
		resource.WithFromEnv())
	if err != nil && about == nil {
		return nil, nil, fmt.Errorf("describe this process to OpenTelemetry: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	end := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer cancel()
		_ = provider.Shutdown(ctx)
	}
	return server.NewTracer(provider), end, nil
}

// tracesWanted reads the variables that switch traces on or off (OpenTelemetry specification,
// environment variables).
func tracesWanted(env func(string) string) (bool, error) {
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	set := env("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	switch env("OTEL_TRACES_EXPORTER") {
	case "none":
		return false, nil
	case "otlp":
		set = true
	case "":
	default:
		return false, usageError{errors.New("OTEL_TRACES_EXPORTER: this server knows otlp and none")}
	}
	if !set {
		return false, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		switch env(name) {
		case "":
			continue
		case "http/protobuf":
			return true, nil
		}
		return false, usageError{errors.New(name + ": this server speaks http/protobuf")}
	}
	return true, nil
}
