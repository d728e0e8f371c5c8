package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
)

// web is a client over HTTP, down to single requests, so that it can also do what no honest client
// does.
type web struct {
	client    *http.Client
	url       string
	token     string
	lossy     bool // connections may break
	modern    bool
	id        string // of the session
	guest     bool   // another client closes it
	shared    bool   // no client may end it
	requested string // X-Ravi-Identity
	next      atomic.Int64
}

// request makes a request of this caller in a session, which may be "".
func (w *web) request(ctx context.Context, method, path, session string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, w.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json, text/event-stream")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	if session != "" {
		r.Header.Set("Mcp-Session-Id", session)
		r.Header.Set("Mcp-Protocol-Version", legacyProtocol)
	}
	if w.requested != "" {
		r.Header.Set("X-Ravi-Identity", w.requested)
	}
	return r, nil
}

// do sends a request and returns the status, the headers, and the JSON-RPC message that came last.
func (w *web) do(r *http.Request) (int, http.Header, []byte, error) {
	response, err := w.client.Do(r)
	if err != nil {
		return 0, nil, nil, w.broken(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, nil, w.broken(err)
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		last := []byte(nil)
		for line := range bytes.Lines(body) {
			if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
				last = bytes.TrimSpace(data)
			}
		}
		body = last
	}
	switch response.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return response.StatusCode, response.Header, body, w.broken(fmt.Errorf("%s: %s", response.Status, body))
	}
	return response.StatusCode, response.Header, body, nil
}

// broken is what a failed connection means. A connection that was idle for long may be closed by
// the server just when it is used again.
func (w *web) broken(err error) error {
	idle := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	if (w.lossy || idle) && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// newHTTP is a client over streamable HTTP.
func newHTTP(ctx context.Context, w *web) (wire, error) {
	if w.modern {
		return w, nil
	}
	r, err := w.request(ctx, http.MethodPost, "/mcp", "", initialize(0))
	if err != nil {
		return nil, err
	}
	status, header, body, err := w.do(r)
	if w.id = header.Get("Mcp-Session-Id"); err != nil || status != http.StatusOK || w.id == "" {
		return nil, errors.Join(err, fmt.Errorf("initialize: status %d, session %q: %s", status, w.id, body))
	}
	if r, err = w.request(ctx, http.MethodPost, "/mcp", w.id, initialized); err != nil {
		return nil, err
	}
	_, _, _, err = w.do(r)
	return w, err
}

func (w *web) session() string { return w.id }

func (w *web) call(ctx context.Context, tool string, arguments map[string]any) (outcome, error) {
	return w.callIn(ctx, w.id, w.requested, tool, arguments)
}

// callIn calls in a given session and with a given X-Ravi-Identity.
func (w *web) callIn(ctx context.Context, session, requested, tool string, arguments map[string]any) (outcome, error) {
	message := toolCall(int(w.next.Add(1)), w.modern, tool, arguments)
	r, err := w.request(ctx, http.MethodPost, "/mcp", session, message)
	if err != nil {
		return outcome{}, err
	}
	if requested != "" {
		r.Header.Set("X-Ravi-Identity", requested)
	}
	if w.modern {
		r.Header.Set("Mcp-Protocol-Version", modernProtocol)
		r.Header.Set("Mcp-Method", "tools/call")
		r.Header.Set("Mcp-Name", tool)
	}
	status, _, body, err := w.do(r)
	if err != nil {
		return outcome{}, err
	}
	if status != http.StatusOK {
		return outcome{}, fmt.Errorf("status %d: %s", status, body)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return outcome{}, fmt.Errorf("%w in %s", err, body)
	}
	return a.outcome()
}

// close ends the session, which must then be gone, unless it is shared.
func (w *web) close() error {
	defer w.client.CloseIdleConnections()
	if w.id == "" || w.guest {
		return nil
	}
	wanted := []int{http.StatusOK, http.StatusNotFound}
	if w.shared {
		wanted = []int{http.StatusMethodNotAllowed}
	}
	for _, want := range wanted {
		r, err := w.request(context.Background(), http.MethodDelete, "/mcp", w.id, nil)
		if err != nil {
			return err
		}
		status, _, body, err := w.do(r)
		if errors.Is(err, errLost) {
			return nil
		}
		if err != nil || status != want && (status != http.StatusNoContent || want != http.StatusOK) {
			return errors.Join(err, fmt.Errorf("DELETE of a session: status %d, want %d: %s", status, want, body))
		}
	}
	return nil
}

// newSSE is a client of the transport of 2024-11-05.
func newSSE(ctx context.Context, w *web) (wire, error) {
	streaming, leave := context.WithCancel(context.WithoutCancel(ctx))
	r, err := w.request(streaming, http.MethodGet, "/sse", "", nil)
	if err != nil {
		leave()
		return nil, err
	}
	response, err := w.client.Do(r)
	if err != nil {
		leave()
		return nil, err
	}
	p := newPipe(w.modern)
	p.shut = func() error {
		leave()
		<-p.done
		w.client.CloseIdleConnections()
		return nil
	}
	endpoint := make(chan string, 1)
	go func() {
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 4<<20)
		event := ""
		for lines.Scan() {
			name, isName := strings.CutPrefix(lines.Text(), "event: ")
			data, isData := strings.CutPrefix(lines.Text(), "data: ")
			switch {
			case isName:
				event = name
			case isData && event == "endpoint":
				endpoint <- data
			case isData:
				if err := p.take([]byte(data)); err != nil {
					p.end(err)
					return
				}
			}
		}
		p.end(fmt.Errorf("%s: %w", response.Status, errors.Join(lines.Err(), io.EOF)))
	}()
	var post string
	select {
	case post = <-endpoint:
	case <-p.done:
		leave()
		return nil, p.err
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
	_, p.id, _ = strings.Cut(post, "sessionId=")
	p.send = func(ctx context.Context, message []byte) error {
		r, err := w.request(ctx, http.MethodPost, post, "", message)
		if err != nil {
			return err
		}
		status, _, body, err := w.do(r)
		if err == nil && status != http.StatusAccepted {
			err = fmt.Errorf("status %d: %s", status, body)
		}
		return err
	}
	return p, p.greet(ctx)
}
