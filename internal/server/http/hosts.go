package http

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// LocalNames returns the values of Host under which a listener on addr can be reached on its own
// machine, and, where it listens on one address only, that address; and the origins of the same
// names. secure says that it speaks TLS.
func LocalNames(addr net.Addr, secure bool) (hosts, origins []string) {
	bound, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return nil, nil
	}
	scheme, standard := "http://", uint16(80)
	if secure {
		scheme, standard = "https://", 443
	}
	names := []string{"localhost", "127.0.0.1", "[::1]"}
	if ip := bound.Addr().Unmap().WithZone(""); !ip.IsUnspecified() && !ip.IsLoopback() {
		names = []string{"localhost", ip.String()}
		if ip.Is6() {
			names[1] = "[" + names[1] + "]"
		}
	} else if ip.IsLoopback() && ip.Is4() && ip.String() != "127.0.0.1" {
		names = append(names, ip.String())
	}
	port := ":" + strconv.Itoa(int(bound.Port()))
	for _, name := range names {
		hosts, origins = append(hosts, name+port), append(origins, scheme+name+port)
		if bound.Port() == standard {
			hosts, origins = append(hosts, name), append(origins, scheme+name)
		}
	}
	return hosts, origins
}

// PublicNames returns the values of Host and Origin of a public URL of the endpoint.
func PublicNames(u *url.URL) (hosts, origins []string) {
	host := strings.ToLower(u.Host)
	hosts = []string{host}
	standard := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	switch {
	case u.Port() == "":
		hosts = append(hosts, host+":"+standard)
	case u.Port() == standard:
		host = strings.TrimSuffix(host, ":"+standard)
		hosts = append(hosts, host)
	}
	return hosts, []string{u.Scheme + "://" + host}
}
