package http

import (
	"context"
	"net/http"
	"sync"
	"time"

	"ravi-mcp/internal/fault"
)

// readyFor is how long an answer of Ready is kept, and readyTimeout how long it may take.
const (
	readyFor     = 5 * time.Second
	readyTimeout = 5 * time.Second
)

// readiness is the latest answer of Ready.
type readiness struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

func (s *httpServer) serveHealth(w http.ResponseWriter, r *http.Request) *refusal {
	if refused := allow(r, http.MethodGet, http.MethodHead); refused != nil {
		return refused
	}
	status, text := http.StatusOK, `{"status":"ok"}`+"\n"
	if r.URL.Path == pathReady {
		switch err := s.isReady(); {
		case s.ending.Load():
			status, text = http.StatusServiceUnavailable, `{"status":"shutting_down"}`+"\n"
		case err != nil:
			// The code is one of a closed set; the reason itself is for the log.
			status, text = http.StatusServiceUnavailable, `{"status":"not_ready","code":"`+string(fault.From(err).Code)+`"}`+"\n"
		}
	}
	w.Header()["Content-Type"] = valueJSON
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
	return nil
}

func (s *httpServer) isReady() error {
	if s.Ready == nil || s.ending.Load() {
		return nil
	}
	s.ready.mu.Lock()
	defer s.ready.mu.Unlock()
	if !s.ready.at.IsZero() && time.Since(s.ready.at) < readyFor {
		return s.ready.err
	}
	ctx, cancel := context.WithTimeout(s.context, readyTimeout)
	defer cancel()
	err := s.Ready(ctx)
	if err != nil && s.ready.err == nil {
		s.Log.Warn().Err(err).Msg("not ready")
	}
	s.ready.at, s.ready.err = time.Now(), err
	return err
}
