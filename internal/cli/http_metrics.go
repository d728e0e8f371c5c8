package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"ravi-mcp/internal/server"
)

const metricsPath = "/metrics"

// listenMetrics opens the metrics' own listeners; nil without --metrics-addr. Metrics are never
// served beside /mcp, so that the right to call and the right to read them are apart.
func (f *httpFlags) listenMetrics(log zerolog.Logger) ([]net.Listener, error) {
	if f.metricsAddr == "" {
		return nil, nil
	}
	ls, err := listen(f.metricsAddr, log)
	if err != nil {
		return nil, fmt.Errorf("listen for --metrics-addr: %w", err)
	}
	return ls, nil
}

// serveMetrics answers scrapes until ctx ends; the returned function waits for that.
func serveMetrics(ctx context.Context, ls []net.Listener, metrics *server.Metrics, log zerolog.Logger) (wait func()) {
	if ls == nil {
		return func() {}
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, metrics.Handler())
	web := &http.Server{
		Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	context.AfterFunc(ctx, func() { _ = web.Close() })
	var serving sync.WaitGroup
	for _, l := range ls {
		serving.Go(func() {
			if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				log.Error().Err(err).Msg("metrics are not served any more")
			}
		})
	}
	return serving.Wait
}
