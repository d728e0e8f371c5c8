package tool

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"ravi-mcp/internal/fault"
)

// RegistrableDomain cleans what a caller gives as a site to the domain under which Ravi stores a
// credential: scheme, port, path and sub-domains go, case is folded, and international names become
// their ASCII form (docs/ravi-api.md#passwords). An IP address or a single label such as localhost
// stays as it is; an IPv6 address stands in brackets. field is the argument to name in an error.
func RegistrableDomain(field, site string) (string, error) {
	host := strings.TrimSpace(site)
	if strings.ContainsFunc(host, unicode.IsControl) {
		return "", controlCharacters(field, "Pass the site as one line, as in example.com.")
	}
	if ip := net.ParseIP(host); ip != nil { // a bare IPv6 address is no URL
		return address(ip), nil
	}
	if !strings.Contains(host, "://") {
		host = "https://" + strings.TrimPrefix(host, "//")
	}
	u, err := url.Parse(host)
	if err != nil || u.Hostname() == "" {
		return "", badDomain(field)
	}
	host = strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if ip := net.ParseIP(host); ip != nil {
		return address(ip), nil
	}
	if !HostName(host) {
		if host, err = idna.Lookup.ToASCII(host); err != nil || !HostName(host) {
			return "", badDomain(field)
		}
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain, nil
	}
	return host, nil
}

func address(ip net.IP) string {
	if ip.To4() != nil {
		return ip.String()
	}
	return "[" + ip.String() + "]"
}

// HostName reports whether host is made of labels as they occur in practice: underscores, and
// hyphens anywhere, which the rules for registering a name do not allow, but which sub-domains
// have.
func HostName(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func badDomain(field string) error {
	return fault.New(fault.InvalidArgument, fmt.Sprintf("`%s` is not a domain name or URL.", field), "Pass the site as in example.com or https://example.com/login.")
}
