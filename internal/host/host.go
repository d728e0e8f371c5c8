// Package host reads the names of hosts and the addresses of mail, in one way for the whole
// program: what is compared, stored or shown was read here.
//
// Text is never lowered before it is mapped. U+0130 lowered is an i with a dot that some
// implementations drop, so that "gİthub.com" would read as another host than a browser opens; UTS
// #46 says what each code point becomes. All functions are pure and safe for concurrent use.
package host

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// uts46 is what browsers do with the host of a URL: domain to ASCII of the URL standard, without
// its check of hyphens, which hosts in use break.
var uts46 = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false),
	idna.CheckHyphens(false), idna.CheckJoiners(true), idna.BidiRule(), idna.VerifyDNSLength(false))

// ASCII returns the form of a host name by which it is compared: mapped by UTS #46, in ASCII and
// lower case, without a dot at the end. An IP address is returned in its usual form, an IPv6 one in
// brackets. ok is false for what is no host name: a label that is empty, longer than 63 bytes or
// holds anything but letters, digits, hyphens and underscores.
func ASCII(name string) (ascii string, ok bool) {
	if ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")); err == nil && ip.Zone() == "" {
		if ip.Is6() && !ip.Is4In6() {
			return "[" + ip.String() + "]", true
		}
		return ip.Unmap().String(), true
	}
	if len(name) > 1024 || !utf8.ValidString(name) {
		return "", false
	}
	ascii, err := uts46.ToASCII(name)
	if err != nil {
		return "", false
	}
	// Mapping can make what mapping refuses.
	if again, err := uts46.ToASCII(ascii); err != nil || again != ascii {
		return "", false
	}
	ascii = strings.TrimSuffix(ascii, ".")
	if ascii == "" || len(ascii) > 253 {
		return "", false
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", false
		}
	}
	last := ascii[strings.LastIndexByte(ascii, '.')+1:]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return "", false // some read it as an IP address
	}
	return ascii, true
}

// OfURL returns the host of an absolute URL as [ASCII] does.
func OfURL(raw string) (ascii string, ok bool) {
	u, err := parse(raw)
	if err != nil {
		return "", false
	}
	return ASCII(u.Hostname())
}

// PortOfURL returns the port of an absolute URL; 0 where it names none, or 80 or 443, which sites
// have by default. ok is false for what is no URL, and for a port that is none.
func PortOfURL(raw string) (port uint16, ok bool) {
	u, err := parse(raw)
	if err != nil {
		return 0, false
	}
	if u.Port() == "" {
		return 0, true
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if n == 80 || n == 443 {
		n = 0
	}
	return uint16(n), err == nil
}

// parse reads a URL. As the URL standard has it, line ends and tabs are nothing, and a backslash is
// a slash.
func parse(raw string) (*url.URL, error) {
	return url.Parse(strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(strings.TrimSpace(raw)))
}

// Domain returns the registrable domain of a host in ASCII, by the public suffix list: the host
// itself where it has none, as an IP address or a public suffix.
func Domain(ascii string) string {
	if domain, err := publicsuffix.EffectiveTLDPlusOne(ascii); err == nil {
		return domain
	}
	return ascii
}

// HasDomain reports whether a host in ASCII has a registrable domain that is not of this machine
// alone, as those below localhost are (RFC 6761, 6.3).
func HasDomain(ascii string) bool {
	_, err := publicsuffix.EffectiveTLDPlusOne(ascii)
	return err == nil && !strings.HasSuffix(ascii, ".localhost")
}

// HasKnownSuffix reports whether a host in ASCII ends in a public suffix that is registered, or
// reserved for examples and tests: whether it is a name at all, and not a word with a dot.
func HasKnownSuffix(ascii string) bool {
	last := ascii[strings.LastIndexByte(ascii, '.')+1:]
	if last == "example" || last == "test" || last == "invalid" {
		return true
	}
	_, known := publicsuffix.PublicSuffix("x." + last)
	return known && last != ascii
}

// Organisation returns the part of a registrable domain that names its owner: "github" of
// "github.co.uk".
func Organisation(domain string) string {
	label, _, _ := strings.Cut(domain, ".")
	return label
}

// Unicode returns a host in ASCII as a person reads it.
func Unicode(ascii string) string {
	shown, err := idna.Punycode.ToUnicode(ascii)
	if err != nil || shown == "" {
		return ascii
	}
	return shown
}
