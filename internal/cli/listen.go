package cli

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/rs/zerolog"
)

// listen opens the listeners of HOST:PORT. The host localhost stands for 127.0.0.1 and ::1, with
// the same port, because clients resolve the name to either; any other host is that one alone.
// Where the machine has no ::1, 127.0.0.1 is all, with a line in the log; where another program has
// the port of ::1, it is an error, because that program would get the requests of clients.
func listen(addr string, log zerolog.Logger) ([]net.Listener, error) {
	return listenBy(net.Listen, addr, log)
}

// listenBy is listen with the function that opens one listener.
func listenBy(open func(network, addr string) (net.Listener, error), addr string, log zerolog.Logger) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host != "localhost" {
		l, err := open("tcp", addr)
		if err != nil {
			return nil, err
		}
		return []net.Listener{l}, nil
	}
	for range 20 { // the port that is free on 127.0.0.1 may be in use on ::1
		v4, err := open("tcp4", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			return nil, err
		}
		_, chosen, _ := net.SplitHostPort(v4.Addr().String())
		v6, err := open("tcp6", net.JoinHostPort("::1", chosen))
		if err == nil {
			return []net.Listener{v4, v6}, nil
		}
		free, none := open("tcp6", "[::1]:0")
		if none != nil {
			log.Info().Stringer("address", v4.Addr()).Msg("this machine has no ::1, so localhost is 127.0.0.1 alone")
			return []net.Listener{v4}, nil
		}
		_, _ = free.Close(), v4.Close()
		if strings.Trim(port, "0") != "" {
			return nil, fmt.Errorf("%w: clients that resolve localhost to ::1 would reach another program; "+
				"end it, take another port, or give 127.0.0.1:%s to listen there alone", err, port)
		}
	}
	return nil, errors.New("no port is free on both 127.0.0.1 and ::1")
}

// urls are the URLs of a path at every listener.
func urls(scheme string, ls []net.Listener, path string) string {
	all := make([]string, len(ls))
	for i, l := range ls {
		all[i] = scheme + "://" + l.Addr().String() + path
	}
	return strings.Join(all, " and ")
}

func closeAll(ls []net.Listener) {
	for _, l := range ls {
		_ = l.Close()
	}
}
