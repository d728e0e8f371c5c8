package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// RoundTripper reaches the server in memory, without a socket: bodies stream, and cancelling the
// request's context or closing the body ends the handler. It works inside testing/synctest bubbles
// if the server was made there. Each request runs in a goroutine of its own, which ends with the
// request.
func (s *Server) RoundTripper() http.RoundTripper { return memoryTransport{s} }

type memoryTransport struct{ handler http.Handler }

// errCut is what a client sees of a connection that was cut.
var errCut = fmt.Errorf("sandbox: connection cut: %w", io.ErrUnexpectedEOF)

func (t memoryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		closeBody(req)
		return nil, err
	}
	ctx, cancel := context.WithCancel(req.Context())
	in := req.Clone(ctx)
	in.RequestURI = req.URL.RequestURI()
	in.RemoteAddr = "sandbox"
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := &memoryResponse{req: req, header: http.Header{}, ready: make(chan struct{}), body: newPipe(cancel)}
	stop := context.AfterFunc(ctx, func() { out.body.end(ctx.Err()) })
	go func() {
		defer cancel()
		defer stop()
		defer closeBody(req)
		defer out.finish()
		t.handler.ServeHTTP(out, in)
	}()
	select {
	case <-out.ready:
		if out.failed != nil {
			return nil, out.failed
		}
		return out.response(), nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// memoryResponse is the handler's side of one exchange.
type memoryResponse struct {
	req    *http.Request
	header http.Header
	body   *pipe

	once   sync.Once
	ready  chan struct{} // closed when the head is complete, or never will be
	status int
	head   http.Header // as it was when the status was written
	failed error
}

func (m *memoryResponse) Header() http.Header { return m.header }

func (m *memoryResponse) WriteHeader(status int) {
	if m.status == 0 {
		m.status = status
		m.head = m.header.Clone()
	}
}

func (m *memoryResponse) Write(b []byte) (int, error) {
	m.WriteHeader(http.StatusOK)
	return m.body.Write(b)
}

// Flush implements http.Flusher: from here on the client sees the answer.
func (m *memoryResponse) Flush() {
	m.WriteHeader(http.StatusOK)
	m.once.Do(func() { close(m.ready) })
}

// finish ends the exchange when the handler returned or gave up.
func (m *memoryResponse) finish() {
	err := m.req.Context().Err() // a handler that gave up because the client did has no proper end
	if err == nil {
		err = io.EOF
	}
	if p := recover(); p != nil {
		err = errCut
		if cause, is := p.(error); !is || !errors.Is(cause, http.ErrAbortHandler) {
			err = fmt.Errorf("sandbox: handler panicked: %v", p)
		}
	}
	m.body.end(err)
	m.once.Do(func() {
		if !errors.Is(err, io.EOF) {
			m.failed = err
		}
		m.WriteHeader(http.StatusOK)
		close(m.ready)
	})
}

func (m *memoryResponse) response() *http.Response {
	length := int64(-1)
	if n, err := strconv.ParseInt(m.head.Get("Content-Length"), 10, 64); err == nil {
		length = n
	}
	return &http.Response{
		Status:     strconv.Itoa(m.status) + " " + http.StatusText(m.status),
		StatusCode: m.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: m.head, Body: m.body, ContentLength: length, Request: m.req,
	}
}

// pipe is an unbounded buffer between a handler and a client.
type pipe struct {
	cancel context.CancelFunc
	mu     sync.Mutex
	cond   *sync.Cond
	buf    bytes.Buffer
	err    error // of reads, once the buffer is empty
	closed bool  // by the reader
}

func newPipe(cancel context.CancelFunc) *pipe {
	p := &pipe{cancel: cancel}
	p.cond = sync.NewCond(&p.mu)
	return p
}

// Write implements io.Writer; it never blocks.
func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.err != nil {
		return 0, io.ErrClosedPipe
	}
	p.cond.Broadcast()
	return p.buf.Write(b)
}

func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.closed:
			return 0, http.ErrBodyReadAfterClose
		case errors.Is(p.err, context.Canceled) || errors.Is(p.err, context.DeadlineExceeded):
			return 0, p.err
		case p.buf.Len() > 0:
			return p.buf.Read(b)
		case p.err != nil:
			return 0, p.err
		}
		p.cond.Wait()
	}
}

// Close implements io.Closer and ends the handler, whose answer is not read any more.
func (p *pipe) Close() error {
	p.mu.Lock()
	p.closed = true
	p.cond.Broadcast()
	p.mu.Unlock()
	p.cancel()
	return nil
}

// end says what a reader gets after the buffer; the first call counts.
func (p *pipe) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
		p.cond.Broadcast()
	}
}
