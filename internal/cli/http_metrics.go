package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"ravi-mcp/internal/server"
)

const metricsPath = "/metrics"

// listenMetrics opens the metrics' own listener; nil without --metrics-addr. Metrics are never
// served beside /mcp, so that the right to call and the right to read them are apart.
func (f *httpFlags) listenMetrics() (net.Listener, error) {
	if f.metricsAddr == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", f.metricsAddr)
	if err != nil {
		return nil, fmt.Errorf("listen for --metrics-addr: %w", err)
	}
	return l, nil
}

// serveMetrics answers scrapes until ctx ends; the returned function waits for that.
func serveMetrics(ctx context.Context, l net.Listener, metrics *server.Metrics, log zerolog.Logger) (wait func()) {
	if l == nil {
		return func() {}
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, metrics.Handler())
	web := &http.Server{
		Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { _ = web.Close() })
	go func() {
		defer close(ended)
		defer stop()
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Msg("metrics are not served any more")
		}
	}()
	return func() { <-ended }
}
