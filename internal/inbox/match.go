package inbox

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"
)

// filter is the filters of a request, made ready for many comparisons.
type filter struct {
	from, fromPhone string
	fromKind        fromKind
	service         service
	contains        string
}

type fromKind int

const (
	fromAnybody fromKind = iota
	fromAddress          // the whole address
	fromDomain           // a domain and its subdomains
	fromPhone            // a number
	fromText             // a part of the From line
)

func newFilter(r Request) filter {
	f := filter{from: strings.TrimSpace(fold(r.From)), contains: words(r.Contains)}
	local, domain, at := cutLast(f.from, "@")
	switch {
	case f.from == "":
	case at && local != "" && domain != "" && !strings.ContainsAny(f.from, " <>"):
		f.fromKind, f.from = fromAddress, address(f.from)
	case at && local == "" && domain != "":
		f.fromKind, f.from = fromDomain, domain
	case isDomain(f.from):
		f.fromKind = fromDomain
	case len(phone(f.from)) >= 3 && isDigits(phone(f.from)):
		f.fromKind, f.fromPhone = fromPhone, phone(f.from)
	default:
		f.fromKind = fromText
	}
	if strings.TrimSpace(r.Service) != "" {
		f.service = newService(r.Service)
	}
	return f
}

// passes reports whether u is what the request asks about. Every filter that
// is set has to agree.
func (f *filter) passes(u *unit) bool {
	return f.passesFrom(u) &&
		(f.service.name == "" || f.service.concerns(u)) &&
		(f.contains == "" || u.holds(f.contains))
}

func (f *filter) passesFrom(u *unit) bool {
	switch f.fromKind {
	case fromAddress:
		return u.sender == f.from
	case fromDomain:
		_, domain, ok := cutLast(u.sender, "@")
		return ok && (domain == f.from || strings.HasSuffix(domain, "."+f.from))
	case fromPhone:
		// A number may be given without its country code.
		return isDigits(u.sender) && (u.sender == f.fromPhone || len(f.fromPhone) >= 7 && strings.HasSuffix(u.sender, strings.TrimLeft(f.fromPhone, "0"))) ||
			strings.Contains(fold(u.from), f.from)
	case fromText:
		return strings.Contains(fold(u.from), f.from)
	}
	return true
}

// holds reports whether the folded words stand in the subject or the text.
func (u *unit) holds(wanted string) bool {
	for _, text := range []string{u.subject, u.text, u.more} {
		if text != "" && strings.Contains(words(text), wanted) {
			return true
		}
	}
	return false
}

// words is text folded, with single spaces.
func words(text string) string { return strings.Join(strings.Fields(fold(text)), " ") }

// service is a service as somebody named it.
type service struct {
	name   string // folded, e.g. "github" or "acme bank"
	joined string // without spaces and hyphens
	domain string // registrable domain, if a domain was given
}

// newService takes a name, a domain, or the address of a page.
func newService(s string) service {
	s = strings.TrimSpace(fold(s))
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	host, _, _ := strings.Cut(s, "/")
	if _, after, ok := cutLast(host, "@"); ok {
		host = after
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "www."), ".")
	if isDomain(host) {
		domain, label := registrable(host)
		return service{name: label, joined: join(label), domain: domain}
	}
	name := words(s)
	return service{name: name, joined: join(name)}
}

func join(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '_' || r == '.' {
			return -1
		}
		return r
	}, s)
}

// isDomain reports whether a host belongs to the service: to its domain, or,
// where only a name is known, to a domain of that name under any suffix.
func (s service) isDomain(host string) bool {
	host = strings.TrimSuffix(fold(host), ".")
	if host == "" || s.name == "" {
		return false
	}
	domain, label := registrable(host)
	if s.domain != "" && domain == s.domain {
		return true
	}
	return s.domain == "" && s.joined != "" && join(label) == s.joined
}

// concerns looks at the sender, the origin-bound host, the link, and for the
// name as a word of its own in the sender's name, the subject and the text.
func (s service) concerns(u *unit) bool {
	if _, domain, ok := cutLast(u.sender, "@"); ok && s.isDomain(domain) {
		return true
	}
	if s.isDomain(u.verdict.OriginHost) || u.verdict.Link != nil && s.isDomain(u.verdict.Link.Domain) {
		return true
	}
	for _, text := range []string{displayName(u.from), u.subject, u.text, u.more} {
		folded := words(text)
		if hasWord(folded, s.name) || s.joined != s.name && hasWord(folded, s.joined) || s.domain != "" && hasWord(folded, s.domain) {
			return true
		}
	}
	return false
}

// displayName is a From line without its address, in which any name can stand.
func displayName(from string) string {
	name, _, _ := strings.Cut(from, "<")
	if strings.Contains(name, "@") {
		return ""
	}
	return name
}

// hasWord reports whether word stands in text with no letter or digit of the
// same kind of script right beside it. Scripts without spaces count as apart.
func hasWord(text, word string) bool {
	if word == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		start, stop := from+i, from+i+len(word)
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, _ := utf8.DecodeRuneInString(text[stop:])
		first, _ := utf8.DecodeRuneInString(word)
		last, _ := utf8.DecodeLastRuneInString(word)
		if !(joins(before) && joins(first)) && !(joins(last) && joins(after)) {
			return true
		}
		_, width := utf8.DecodeRuneInString(text[start:])
		from = start + width
	}
}

// joins reports whether r makes one word with a neighbour that joins too.
func joins(r rune) bool {
	if r == utf8.RuneError || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Hangul) {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// registrable returns the registrable domain of a host and its first label,
// e.g. "github.co.uk" and "github".
func registrable(host string) (domain, label string) {
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		domain = host
	}
	label, _, _ = strings.Cut(domain, ".")
	return domain, label
}

// isDomain reports whether s has the form of a domain name with a suffix.
func isDomain(s string) bool {
	if !strings.Contains(s, ".") || strings.ContainsAny(s, " @<>\"()/\\:,;") || isDigits(phone(s)) && phone(s) != "" && !hasLetter(s) {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" {
			return false
		}
	}
	return true
}

func hasLetter(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }

func isDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
