package http

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// gatekeeper decides by a request's head alone: where it was meant to go, and from where in a browser it comes.
type gatekeeper struct {
	hosts   map[string]bool
	origins map[string]bool
	cross   map[string]bool
}

func newGatekeeper(h *Server) gatekeeper {
	set := func(lists ...[]string) map[string]bool {
		m := make(map[string]bool)
		for _, list := range lists {
			for _, v := range list {
				m[strings.ToLower(v)] = true
			}
		}
		return m
	}
	return gatekeeper{hosts: set(h.Hosts), origins: set(h.Origins, h.CrossOrigins), cross: set(h.CrossOrigins)}
}

// refusal is an answer of the guard.
type refusal struct {
	status  int
	message string
	retry   bool // the same request may succeed in a second
}

var (
	refuseHost   = &refusal{status: http.StatusForbidden, message: "this Host is not served here; the operator adds it with --public-url"}
	refuseOrigin = &refusal{status: http.StatusForbidden, message: "pages of this Origin may not use this server; the operator allows one with --allow-origin"}
	refuseQuery  = &refusal{status: http.StatusBadRequest, message: "a credential never belongs into a URL; send it as Authorization: Bearer"}
)

// head checks Host, Origin and the query; nil lets the request pass.
func (g *gatekeeper) head(r *http.Request) *refusal {
	// net/http puts the host of an absolute-form target into r.Host, and "" where there is none.
	if !g.hosts[strings.ToLower(r.Host)] {
		return refuseHost
	}
	origins := r.Header["Origin"]
	switch len(origins) {
	case 0:
		// A browser says where a request comes from even where it sends no Origin, e.g. for an image.
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
			return refuseOrigin
		}
	case 1:
		if !g.origins[strings.ToLower(origins[0])] {
			return refuseOrigin
		}
	default:
		return refuseOrigin
	}
	if r.URL.RawQuery != "" && holdsCredential(r.URL.RawQuery) {
		return refuseQuery
	}
	return nil
}

// credentialNames are the query parameters that people try to pass a credential with.
var credentialNames = []string{"token", "access_token", "api_key", "apikey", "key", "auth", "authorization", "bearer", "secret", "password"}

func holdsCredential(query string) bool {
	values, err := url.ParseQuery(query)
	if err != nil {
		return true // what cannot be read is not let through
	}
	for name := range values {
		if slices.Contains(credentialNames, strings.ToLower(strings.ReplaceAll(name, "-", "_"))) {
			return true
		}
	}
	return false
}

// crossOrigin answers a preflight of an allowed page, and tells such a page that it may read the answer. It reports
// whether the request is done with.
func (g *gatekeeper) crossOrigin(w http.ResponseWriter, r *http.Request) bool {
	if len(g.cross) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !g.cross[strings.ToLower(origin)] {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Mcp-Session-Id, Retry-After, WWW-Authenticate")
	h["Cross-Origin-Resource-Policy"] = valueCrossOrigin
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Last-Event-ID, Mcp-Method, Mcp-Name, Mcp-Protocol-Version, Mcp-Session-Id, X-Ravi-Identity")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// The values of headers that every answer has, shared by all of them.
var (
	valueNosniff     = []string{"nosniff"}
	valueNoStore     = []string{"no-store"}
	valueSameOrigin  = []string{"same-origin"}
	valueCrossOrigin = []string{"cross-origin"}
	valueNoContent   = []string{"default-src 'none'; frame-ancestors 'none'"}
	valueNoReferrer  = []string{"no-referrer"}
	valueHSTS        = []string{"max-age=31536000"}
	valueClose       = []string{"close"}
	valueJSON        = []string{"application/json"}
	valueEvents      = []string{"text/event-stream"}
	valueUnbuffered  = []string{"no"}
)

func (s *site) secure(h http.Header) {
	h["X-Content-Type-Options"] = valueNosniff
	h["Cache-Control"] = valueNoStore
	h["Cross-Origin-Resource-Policy"] = valueSameOrigin
	h["Content-Security-Policy"] = valueNoContent
	h["Referrer-Policy"] = valueNoReferrer
	if s.TLS {
		h["Strict-server.Transport-Security"] = valueHSTS
	}
}

// LocalNames returns the values of Host under which a listener on addr can be reached on its own machine, and, where it
// listens on one address only, that address; and the origins of the same names. secure says that it speaks TLS.
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
	port := ":" + portOf(bound)
	for _, name := range names {
		hosts, origins = append(hosts, name+port), append(origins, scheme+name+port)
		if bound.Port() == standard {
			hosts, origins = append(hosts, name), append(origins, scheme+name)
		}
	}
	return hosts, origins
}

func portOf(a netip.AddrPort) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
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
