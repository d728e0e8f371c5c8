package http_test

import (
	"context"
	"net"
	"sync"
)

// memoryNet is a network inside the process. Unlike sockets it lets the clock of a synctest bubble
// go on.
type memoryNet struct {
	accepted chan net.Conn
	closed   chan struct{}
	close    func()
}

func newMemoryNet() *memoryNet {
	n := &memoryNet{accepted: make(chan net.Conn), closed: make(chan struct{})}
	n.close = sync.OnceFunc(func() { close(n.closed) })
	return n
}

var memoryAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8787}

func (n *memoryNet) Addr() net.Addr { return memoryAddr }

func (n *memoryNet) Close() error {
	n.close()
	return nil
}

func (n *memoryNet) Accept() (net.Conn, error) {
	select {
	case c := <-n.accepted:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// dial is for http.Transport.DialContext.
func (n *memoryNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.accepted <- memoryConn{server}:
		return client, nil
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// memoryConn is the server's end of a connection, with an address as a socket has it.
type memoryConn struct{ net.Conn }

func (memoryConn) LocalAddr() net.Addr  { return memoryAddr }
func (memoryConn) RemoteAddr() net.Addr { return memoryAddr }
