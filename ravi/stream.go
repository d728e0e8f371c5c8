package ravi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/tmaxmax/go-sse"
)

const (
	streamOp    = "open event stream"
	streamRoute = "/api/events/stream/"
)

type connection struct {
	body   io.ReadCloser
	cancel context.CancelFunc
}

func (c *connection) close() {
	c.cancel()
	_ = c.body.Close()
}

// connect sends the request, with a renewed credential if need be, and returns when the headers say
// that it is a stream.
func (e *EventStream) connect(ctx context.Context) (*connection, error) {
	c := e.s.c
	k := call{op: streamOp, method: http.MethodGet, route: streamRoute, identity: e.s.identity}
	out, err := c.prepare(k)
	if err != nil {
		return nil, err
	}
	for renewals := 0; ; renewals++ {
		g, err := c.grantFor(ctx, k)
		if err != nil {
			return nil, withOp(err, streamOp)
		}
		conn, failed := e.dial(ctx, k, out, g, renewals+1)
		if failed == nil {
			return conn, nil
		}
		if renewals == 2 || failed.Status != http.StatusUnauthorized && failed.Status != http.StatusForbidden {
			return nil, failed
		}
		again, err := c.auth.refused(ctx, &k, g, failed)
		if err != nil {
			return nil, withOp(err, streamOp)
		}
		if !again {
			return nil, failed
		}
	}
}

func (e *EventStream) dial(ctx context.Context, k call, out outgoing, g grant, attempt int) (*connection, *Error) {
	c := e.s.c
	streamCtx, cancel := context.WithCancel(ctx)
	req, failed := c.newRequest(streamCtx, k, out, g)
	if failed != nil {
		cancel()
		return nil, failed
	}
	req.Header.Del("Content-Type")
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Cache-Control", "no-cache")
	if e.lastID != "" {
		req.Header.Set("Last-Event-ID", e.lastID)
	}
	// The timeout is for the headers: the body lasts as long as the stream.
	timer := time.AfterFunc(c.conf.Timeout, cancel)
	start := time.Now()
	resp, err := c.http.Do(req)
	timer.Stop()
	if err != nil {
		cancel()
		c.observe(ctx, k, 0, start, attempt)
		return nil, noAnswer(ctx, streamOp, err)
	}
	c.observe(ctx, k, resp.StatusCode, start, attempt)
	if resp.StatusCode == http.StatusOK && isStream(resp) {
		return &connection{body: resp.Body, cancel: cancel}, nil
	}
	defer cancel()
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNoContent, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable:
		return nil, &Error{Op: streamOp, Status: resp.StatusCode, Kind: ErrUnsupported}
	}
	body, _ := readBody(resp, false)
	return nil, statusError(k, resp, body)
}

// read emits the events of one connection until it ends, and reports whether there were any.
func (e *EventStream) read(conn *connection) (got bool) {
	body := &watched{r: conn.body, silence: e.cfg.Silence, timer: time.AfterFunc(e.cfg.Silence, conn.cancel)}
	defer body.timer.Stop()
	for ev, err := range sse.Read(body, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		if err != nil {
			// An event that is too large would be replayed for ever.
			if errors.Is(err, bufio.ErrTooLong) {
				e.lastID = ""
			}
			return got
		}
		// The parser carries an id over to later events of the same connection.
		if id := ev.LastEventID; id != "" && len(id) <= 256 && !hasControl(id) {
			e.lastID = id
		}
		if ev.Type == "" && ev.Data == "" {
			continue
		}
		got = true
		e.emit(Event{Kind: kindOfEvent(ev.Type), Name: ev.Type, ID: ev.LastEventID})
	}
	return got
}

// watched restarts a timer with every byte that arrives, comments included: Ravi's heartbeat may be
// one.
type watched struct {
	r       io.Reader
	silence time.Duration
	timer   *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.timer.Reset(w.silence)
	}
	return n, err
}
