package inbox

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"
)

// service is a service as a request names it.
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
		return service{name: label, joined: compact(label), domain: domain}
	}
	name := normalizeText(s)
	return service{name: name, joined: compact(name)}
}

func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '_' || r == '.' {
			return -1
		}
		return r
	}, s)
}

// ownsDomain reports whether a host belongs to the service: to its domain, or, where only a name is
// known, to a domain of that name under any suffix.
func (s service) ownsDomain(host string) bool {
	host = strings.TrimSuffix(fold(host), ".")
	if host == "" || s.name == "" {
		return false
	}
	domain, label := registrable(host)
	if s.domain != "" && domain == s.domain {
		return true
	}
	return s.domain == "" && s.joined != "" && compact(label) == s.joined
}

// matches looks at the sender, the origin-bound host, the link, and for the name as a word of its
// own in the sender's name, the subject and the text.
func (s service) matches(msg *logicalMessage) bool {
	if _, domain, ok := cutLast(msg.sender, "@"); ok && s.ownsDomain(domain) {
		return true
	}
	if s.ownsDomain(msg.verdict.OriginHost) || msg.verdict.Link != nil && s.ownsDomain(msg.verdict.Link.Domain) {
		return true
	}
	for _, text := range []string{displayName(msg.from), msg.subject, msg.text, msg.htmlText} {
		folded := normalizeText(text)
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

// registrable returns the registrable domain of a host and its first label, e.g. "github.co.uk" and
// "github".
func registrable(host string) (domain, label string) {
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		domain = host
	}
	label, _, _ = strings.Cut(domain, ".")
	return domain, label
}

// hasWord reports whether word stands in text with no letter or digit of the same kind of script
// right beside it. Scripts without spaces count as apart.
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
		if !(isWordRune(before) && isWordRune(first)) && !(isWordRune(last) && isWordRune(after)) {
			return true
		}
		_, width := utf8.DecodeRuneInString(text[start:])
		from = start + width
	}
}

// isWordRune reports whether r makes one word with a neighbour that joins too.
func isWordRune(r rune) bool {
	if r == utf8.RuneError || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Hangul) {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}
