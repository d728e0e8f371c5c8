package cli

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeLoopback is a machine on which the ports of ::1 that are given are in use, or which has no
// ::1. Free ports of 127.0.0.1 begin at 1001.
type fakeLoopback struct {
	noIPv6 bool
	taken  func(port int) bool

	next int
	open []string
}

type fakeListener struct {
	net.Listener
	machine *fakeLoopback
	addr    *net.TCPAddr
}

func (l fakeListener) Addr() net.Addr { return l.addr }
func (l fakeListener) Close() error {
	l.machine.open = slices.DeleteFunc(l.machine.open, func(a string) bool { return a == l.addr.String() })
	return nil
}

func (m *fakeLoopback) listen(network, addr string) (net.Listener, error) {
	at, err := net.ResolveTCPAddr(network, addr)
	switch {
	case err != nil:
		return nil, err
	case at.IP.To4() == nil && m.noIPv6:
		return nil, errors.New("cannot assign requested address")
	case at.Port == 0:
		m.next++
		at.Port = 1000 + m.next
	case at.IP.To4() == nil && m.taken(at.Port):
		return nil, errors.New("address already in use")
	}
	m.open = append(m.open, at.String())
	return fakeListener{machine: m, addr: at}, nil
}

func TestPortIsFreeOnBothLoopbacks(t *testing.T) {
	t.Parallel()
	some := &fakeLoopback{taken: func(port int) bool { return port < 1005 }}
	ls, err := listenBy(some.listen, "localhost:0", zerolog.Nop())
	require.NoError(t, err)
	require.Len(t, ls, 2)
	assert.Equal(t, []string{"127.0.0.1:1005", "[::1]:1005"}, some.open, "and nothing of the attempts before")

	all := &fakeLoopback{taken: func(int) bool { return true }}
	for _, addr := range []string{"localhost:0", "localhost:8787"} {
		_, err = listenBy(all.listen, addr, zerolog.Nop())
		require.Error(t, err)
		assert.Empty(t, all.open)
	}
	assert.ErrorContains(t, err, "127.0.0.1:8787 to listen there alone")
}

func TestLoopbackWithoutIPv6IsIPv4Alone(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"localhost:0", "localhost:8787"} {
		var said bytes.Buffer
		m := &fakeLoopback{noIPv6: true}
		ls, err := listenBy(m.listen, addr, zerolog.New(&said).Level(zerolog.InfoLevel))
		require.NoError(t, err)
		require.Len(t, ls, 1)
		assert.Equal(t, []string{ls[0].Addr().String()}, m.open)
		assert.Equal(t, 1, bytes.Count(said.Bytes(), []byte("\n")))
		assert.Contains(t, said.String(), "this machine has no ::1")
	}
}
