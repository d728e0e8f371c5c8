package otp

import (
	"cmp"
	"net/url"
	"strings"

	"ravi-mcp/internal/host"
)

// newLink fills in what can be said about a chosen URL.
func newLink(w *Weights, l *linkCandidate) *Link {
	out := &Link{URL: stripInvisible(l.url), Label: cleanLine(l.label, 80), Confidence: linkConfidence(l.score)}
	out.Unwrapped = unwrap(out.URL)
	ascii, _ := host.OfURL(out.URL)
	out.Domain = host.Domain(ascii)
	if out.Host = host.Unicode(ascii); out.Host != ascii {
		out.Punycode = ascii
	}
	out.Reason = w.reasonOf(l.found, true, "the only link that acts")
	return out
}

// hasHost reports whether a URL leads to a host that can be named. Another is no link.
func hasHost(raw string) bool {
	_, ok := host.OfURL(raw)
	return ok
}

// unwrap returns the target of a known wrapper, else "". It is what the wrapper says, and not where
// it leads: nothing may be trusted for it.
func unwrap(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	ascii, _ := host.OfURL(raw)
	domain := host.Domain(ascii)
	var target string
	switch {
	case domain == "outlook.com" && strings.HasSuffix(ascii, ".safelinks.protection.outlook.com"):
		target = u.Query().Get("url")
	case googleDomains[domain] && (ascii == domain || ascii == "www."+domain) && u.Path == "/url":
		target = cmp.Or(u.Query().Get("q"), u.Query().Get("url"))
	}
	if !isHTTP(target) || !hasHost(target) {
		return ""
	}
	return stripInvisible(target)
}

// googleDomains are those under which google.com/url is answered, the larger ones.
var googleDomains = setOf("google.com", "google.ca", "google.ch", "google.co.in", "google.co.jp", "google.co.kr", "google.co.uk",
	"google.com.au", "google.com.br", "google.com.mx", "google.com.tr", "google.de", "google.es", "google.fr", "google.it",
	"google.nl", "google.pl", "google.pt", "google.ru", "google.se")
