// Package otlphttp sends spans to an OpenTelemetry collector with OTLP/HTTP in its binary encoding,
// http/protobuf.
//
// It is a client for the official exporter of package otlptrace, which turns spans into OTLP's
// messages. The official client of the same kind, otlptracehttp, links gRPC and its gateway, a
// third of the program, without speaking either (docs/decisions.md#tracing-exporter).
//
// FromEnv reads the variables of the OpenTelemetry specification:
//
//	OTEL_EXPORTER_OTLP_ENDPOINT                         base address; /v1/traces is appended
//	OTEL_EXPORTER_OTLP_INSECURE                         true: plain HTTP, whatever the scheme of the endpoint
//	OTEL_EXPORTER_OTLP_HEADERS                          name=value,name=value with values escaped as in a URL
//	OTEL_EXPORTER_OTLP_COMPRESSION                      gzip or none
//	OTEL_EXPORTER_OTLP_TIMEOUT                          milliseconds that one request may take
//	OTEL_EXPORTER_OTLP_CERTIFICATE                      file with the authorities to trust, PEM
//	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, _CLIENT_KEY  files for mutual TLS, PEM
//
// Each exists for traces alone too (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, used as it is, and so on)
// and wins there. The proxies of HTTPS_PROXY and its kin are honored.
package otlphttp
