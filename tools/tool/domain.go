package tool

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/host"
)

// RegistrableDomain cleans what a caller gives as a site to the domain under which Ravi stores a
// credential: scheme, port, path and sub-domains go, case is folded, and international names become
// their ASCII form (docs/ravi-api.md#passwords). An IP address, or a name without a registrable
// domain such as localhost, stays as it is; an IPv6 address stands in brackets. These keep their
// port, but for 80 and 443: two ports of one machine are two sites. field is the argument to name
// in an error.
func RegistrableDomain(field, site string) (string, error) {
	site = strings.TrimSpace(site)
	if strings.ContainsFunc(site, unicode.IsControl) {
		return "", controlCharacters(field, "Pass the site as one line, as in example.com.")
	}
	var port uint16
	ascii, ok := host.ASCII(site) // a bare IPv6 address is no URL
	if !ok {
		if !strings.Contains(site, "://") {
			site = "https://" + strings.TrimPrefix(site, "//")
		}
		if port, ok = host.PortOfURL(site); ok {
			ascii, ok = host.OfURL(site)
		}
	}
	if !ok {
		return "", badDomain(field)
	}
	if port > 0 && !host.HasDomain(ascii) {
		return host.Domain(ascii) + ":" + strconv.Itoa(int(port)), nil
	}
	return host.Domain(ascii), nil
}

func badDomain(field string) error {
	return fault.New(fault.InvalidArgument, fmt.Sprintf("`%s` is not a domain name or URL.", field), "Pass the site as in example.com or https://example.com/login.")
}
