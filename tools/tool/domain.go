package tool

import (
	"fmt"
	"strings"
	"unicode"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/host"
)

// RegistrableDomain cleans what a caller gives as a site to the domain under which Ravi stores a
// credential: scheme, port, path and sub-domains go, case is folded, and international names become
// their ASCII form (docs/ravi-api.md#passwords). An IP address or a single label such as localhost
// stays as it is; an IPv6 address stands in brackets. field is the argument to name in an error.
func RegistrableDomain(field, site string) (string, error) {
	site = strings.TrimSpace(site)
	if strings.ContainsFunc(site, unicode.IsControl) {
		return "", controlCharacters(field, "Pass the site as one line, as in example.com.")
	}
	ascii, ok := host.ASCII(site) // a bare IPv6 address is no URL
	if !ok {
		if !strings.Contains(site, "://") {
			site = "https://" + strings.TrimPrefix(site, "//")
		}
		ascii, ok = host.OfURL(site)
	}
	if !ok {
		return "", badDomain(field)
	}
	return host.Domain(ascii), nil
}

func badDomain(field string) error {
	return fault.New(fault.InvalidArgument, fmt.Sprintf("`%s` is not a domain name or URL.", field), "Pass the site as in example.com or https://example.com/login.")
}
