package http

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// originPolicy decides by a request's head alone: where it was meant to go, and from where in a
// browser it comes.
type originPolicy struct {
	hosts   map[string]bool
	origins map[string]bool
	cross   map[string]bool
}

func newOriginPolicy(h *Server) originPolicy {
	set := func(lists ...[]string) map[string]bool {
		m := make(map[string]bool)
		for _, list := range lists {
			for _, v := range list {
				m[canonical(v)] = true
			}
		}
		return m
	}
	return originPolicy{hosts: set(h.Hosts), origins: set(h.Origins, h.CrossOrigins), cross: set(h.CrossOrigins)}
}

// canonical returns an origin as it is compared. Those of web pages are written in lower case (RFC
// 6454 section 6.2); what an extension or a desktop shell calls its own is compared as it is.
func canonical(origin string) string {
	if lower := strings.ToLower(origin); strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://") {
		return lower
	}
	return origin
}

// check looks at Host, Origin and the query; nil lets the request pass.
func (p *originPolicy) check(r *http.Request) *refusal {
	// net/http puts the host of an absolute-form target into r.Host, and "" where there is none.
	if !p.hosts[strings.ToLower(r.Host)] {
		return refuseHost
	}
	if origins := r.Header["Origin"]; len(origins) > 0 {
		if len(origins) > 1 || !p.origins[canonical(origins[0])] {
			return refuseOrigin
		}
	} else if from := r.Header.Get("Sec-Fetch-Site"); from != "" && from != "same-origin" && from != "none" {
		// A browser says where a request comes from even where it sends no Origin, e.g. for an
		// image.
		return refuseOrigin
	}
	if r.URL.RawQuery != "" && holdsCredential(r.URL.RawQuery) {
		return refuseQuery
	}
	return nil
}

// forwarding are the headers that proxies, tunnels and content networks add to what they forward;
// one that ends with "-" stands for all that begin so. No MCP client sends any of them.
var forwarding = []string{
	"Forwarded", "Via", "Cdn-Loop", "Client-Ip", "True-Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Scheme", "X-Cloud-Trace-Context",
	"X-Forwarded-", "X-Original-", "X-Real-", "Front-End-", "X-Envoy-", "X-Arr-", "X-Varnish", // proxies
	"Cf-", "Fly-", "Ngrok-", "Tailscale-", "Fastly-", "Akamai-", "X-Amz-Cf-", "X-Amzn-", "X-Appengine-", "X-Azure-", "X-Nf-", "X-Railway-", "X-Vercel-",
}

// forwarded reports whether a request shows that a proxy stands in front. Debian's nginx adds
// nothing unless it is told to, but speaks HTTP/1.0, as no MCP client does.
func forwarded(r *http.Request) bool {
	if !r.ProtoAtLeast(1, 1) {
		return true
	}
	for name := range r.Header {
		if slices.ContainsFunc(forwarding, func(f string) bool { return name == f || strings.HasSuffix(f, "-") && strings.HasPrefix(name, f) }) {
			return true
		}
	}
	return false
}

// credentialNames are the query parameters that credentials are passed with by mistake.
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

// crossOrigin answers a preflight of an allowed page, and tells such a page that it may read the
// answer. It reports whether the request is done with.
func (p *originPolicy) crossOrigin(w http.ResponseWriter, r *http.Request) bool {
	if len(p.cross) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !p.cross[canonical(origin)] {
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
