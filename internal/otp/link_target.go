package otp

import (
	"cmp"
	"net/mail"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// newLink fills in what can be said about a chosen URL.
func newLink(w *Points, l *linkCandidate, m Message, c Context) *Link {
	out := &Link{URL: stripInvisible(l.url), Label: cleanLine(l.label, 80), Confidence: linkConfidence(l.score)}
	out.Unwrapped = unwrap(out.URL)
	out.Host, out.Punycode = hostOf(cmp.Or(out.Unwrapped, out.URL))
	out.Domain = registrable(cmp.Or(out.Punycode, out.Host))
	out.MatchesSender = matches(out.Domain, m.From, c.Service)
	out.Reason = w.reasonOf(l.found, true, "the only link that acts")
	return out
}

// unwrap returns the target of a known wrapper, else "".
func unwrap(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	var target string
	switch {
	case strings.HasSuffix(host, ".safelinks.protection.outlook.com"):
		target = u.Query().Get("url")
	case (host == "google.com" || strings.HasPrefix(host, "www.google.")) && u.Path == "/url":
		target = cmp.Or(u.Query().Get("q"), u.Query().Get("url"))
	}
	if !isHTTP(target) {
		return ""
	}
	return stripInvisible(target)
}

// hostOf returns the host as a person reads it and, if it has labels in other scripts, its ASCII
// form.
func hostOf(raw string) (host, punycode string) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", ""
	}
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	ascii, err := idna.Punycode.ToASCII(name)
	if err != nil {
		ascii = name
	}
	shown, err := idna.Punycode.ToUnicode(ascii)
	if err != nil || shown == "" {
		shown = ascii
	}
	if shown = stripInvisible(shown); shown == ascii {
		return shown, ""
	}
	return shown, ascii
}

func registrable(host string) string {
	d, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return d
}

// matches compares a registrable domain with the sender's and with a named service ("GitHub",
// "github.com").
func matches(domain, from, service string) bool {
	if domain == "" {
		return false
	}
	if addr, err := mail.ParseAddress(from); err == nil {
		from = addr.Address
	}
	if _, host, ok := strings.Cut(from, "@"); ok {
		host = strings.Trim(strings.ToLower(host), " >.")
		if ascii, err := idna.Punycode.ToASCII(host); err == nil && registrable(ascii) == domain {
			return true
		}
	}
	service = strings.ToLower(strings.TrimSpace(service))
	if service == "" {
		return false
	}
	if strings.Contains(service, ".") {
		return registrable(strings.TrimPrefix(service, "www.")) == domain
	}
	name, _, _ := strings.Cut(domain, ".")
	return name == strings.Join(strings.Fields(strings.ReplaceAll(service, "-", " ")), "") || name == strings.ReplaceAll(service, " ", "-")
}
