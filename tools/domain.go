package tools

import (
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"ravi-mcp/fault"
)

// registrableDomain cleans what a caller gives as a site to the domain under
// which Ravi stores a credential: scheme, port, path and sub-domains go, case
// is folded, and international names become their ASCII form (API.md section
// 2.6). An IP address or a single label such as localhost stays as it is.
func registrableDomain(site string) (string, error) {
	host := strings.TrimSpace(site)
	if !strings.Contains(host, "://") {
		host = "https://" + strings.TrimPrefix(host, "//")
	}
	u, err := url.Parse(host)
	if err != nil || u.Hostname() == "" {
		return "", badDomain()
	}
	host = strings.TrimSuffix(u.Hostname(), ".")
	if ip := net.ParseIP(host); ip != nil {
		return ip.String(), nil
	}
	host, err = idna.Lookup.ToASCII(host)
	if err != nil || host == "" || len(host) > 253 {
		return "", badDomain()
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain, nil
	}
	return host, nil
}

func badDomain() error {
	return fault.New(fault.InvalidArgument, "`domain` is not a domain name or URL.", "Pass the site as in example.com or https://example.com/login.")
}
