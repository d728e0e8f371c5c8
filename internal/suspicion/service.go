package suspicion

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"ravi-mcp/internal/host"
)

// Service is a service as a caller names it. The zero value is none, and binds nothing.
type Service struct {
	name   string // folded, with single spaces: "github", "acme bank"
	joined string // without spaces and hyphens
	domain string // registrable domain, if a domain was given
}

// NewService takes a name, a domain, or the address of a page or a mailbox. An address without a
// registrable domain, as an IP address or localhost, is that of no message: it is no service.
func NewService(s string) Service {
	s, _, _ = strings.Cut(strings.TrimSpace(s), " (")
	s = legalForm.ReplaceAllString(s, "")
	at, address := s, false
	if _, rest, ok := strings.Cut(at, "://"); ok {
		at, address = rest, true
	}
	at, _, _ = strings.Cut(at, "/")
	if i := strings.LastIndexByte(at, '@'); i >= 0 {
		at, address = at[i+1:], true
	}
	if i := strings.LastIndexByte(at, ':'); i > 0 && (at[i-1] == ']' || !strings.Contains(at[:i], ":")) && strings.Trim(at[i:], ":0123456789") == "" {
		at, address = at[:i], true
	}
	if ascii, ok := host.ASCII(at); ok && (address || strings.ContainsAny(strings.Trim(at, "."), ".:") || ascii == "localhost") {
		if _, err := netip.ParseAddr(ascii); err == nil || !host.HasDomain(ascii) {
			return Service{}
		}
		domain := host.Domain(ascii)
		label := host.Organisation(host.Unicode(domain))
		return Service{name: label, joined: compact(label), domain: domain}
	}
	name := folded(s)
	if compact(name) == "" {
		return Service{}
	}
	return Service{name: name, joined: compact(name)}
}

// legalForm is how the name of a company ends and no message has it.
var legalForm = regexp.MustCompile(`(?i),?\s+(?:&\s+co\.?\s+)?(?:inc|llc|ltd|limited|plc|corp|gmbh|ag|kg|s\.?a|s\.?r\.?l|b\.?v|pty)\.?$`)

// Named reports whether there is a service at all.
func (s Service) Named() bool { return s.name != "" }

// Sender is what a message shows of where it comes from.
type Sender struct {
	SMS        bool
	From       string   // as the message has it
	Domain     string   // ASCII host of a mail's one mailbox, else ""
	OriginHost string   // ASCII host of an origin-bound SMS, else ""
	Texts      []string // subject and text, in which a service may be named
	Hidden     string   // what no person sees; it names nothing
	Tagged     bool     // text in characters that nothing shows
}

// host is the one that a mail's sender has, or to which an SMS binds its code; "" for none.
func (m Sender) host() string {
	if m.SMS {
		return m.OriginHost
	}
	return m.Domain
}

// Binds reports whether a domain says that a message is of the service: that of a mail's sender, or
// that of the origin-bound line of an SMS.
func (s Service) Binds(m Sender) bool { return s.Owns(m.host()) }

// Judge returns why a message is not of the service, or "". Where no domain says that it is, its
// name in the text may; a display name is nothing.
func (s Service) Judge(m Sender) Reason {
	at := m.host()
	switch {
	case s.Owns(at):
		return ""
	case at != "" && (foreignLetters(at) || s.resembles(at)) || m.SMS && s.imitatedBy(m.From):
		return LookalikeSender
	case !s.Named():
		return ""
	case m.SMS && m.OriginHost != "" || !m.SMS && s.domain != "":
		return ForeignSender
	}
	texts := m.Texts
	if m.SMS { // a sender in letters is all that an SMS has of a sender
		texts = append(slices.Clone(texts), m.From)
	}
	for _, text := range texts {
		text = folded(text)
		if hasWord(text, s.name) || slices.ContainsFunc(spellings(text), func(text string) bool { return hasJoined(text, s.joined) }) {
			return ""
		}
	}
	imitated := func(text string) bool {
		text, name := skeleton(text), skeleton(s.name)
		return hasWord(text, name) || hasJoined(text, compact(name))
	}
	if len(s.name) >= 3 && slices.ContainsFunc(texts, imitated) {
		return LookalikeSender
	}
	return ForeignSender
}

// Owns reports whether a host in ASCII belongs to the service: to its domain, or, where only a name
// is known, to a domain of that name under any suffix.
func (s Service) Owns(ascii string) bool {
	if ascii == "" || !s.Named() {
		return false
	}
	domain := host.Domain(ascii)
	if s.domain != "" {
		return domain == s.domain
	}
	label := host.Organisation(host.Unicode(domain))
	return label == s.joined || label == strings.ReplaceAll(s.name, " ", "-")
}

// Relation is how the domain of a link stands to the sender's.
type Relation string

// The relations.
const (
	SameDomain  Relation = "same_domain"  // the link's domain is the sender's
	SameService Relation = "same_service" // it belongs to the named service
	Different   Relation = "different"
)

// Relate compares the host of a link, in ASCII, with the sender and with the service, and says in
// one sentence what that means. Where a wrapper leads plays no part.
func (s Service) Relate(link string, m Sender) (r Relation, why string) {
	at := m.host()
	shown := host.Unicode(host.Domain(link))
	switch {
	case at != "" && host.Domain(at) == host.Domain(link):
		return SameDomain, "the link's domain is that of the sender"
	case s.Owns(link):
		return SameService, "the link's domain belongs to the named service"
	case s.imitatesLink(link, at):
		return Different, fmt.Sprintf("%s resembles the sender or the service and is another: do not open it", shown)
	case tracker(link):
		return Different, fmt.Sprintf("%s counts clicks for senders of mail and leads on to where it does not show", shown)
	case at == "":
		return Different, fmt.Sprintf("the sender shows no domain to compare %s with", shown)
	}
	return Different, fmt.Sprintf("the link leads to %s and not to the sender's domain: a provider that sends mail and counts clicks, or another site", shown)
}

// folded is text without regard to case and width, with single spaces.
func folded(text string) string {
	return strings.Join(strings.Fields(cases.Fold().String(norm.NFKC.String(text))), " ")
}

// compact is s without what separates the words of a name.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if !wordRune(r) {
			return -1
		}
		return r
	}, s)
}

// spellings are the ways in which a domain can have the words of a folded text.
func spellings(text string) []string {
	return []string{text, withoutAccents(text), withoutAccents(spelledOut.Replace(text))}
}

var spelledOut = strings.NewReplacer("&", " and ", "ä", "ae", "ö", "oe", "ü", "ue", "å", "aa")

// withoutAccents is text with Latin letters as a domain in ASCII has them.
func withoutAccents(text string) string {
	var b strings.Builder
	latin := false
	for _, r := range norm.NFD.String(text) {
		switch {
		case unicode.Is(unicode.Mn, r) && latin:
			continue
		case r == 'ø':
			r = 'o'
		case r == 'ł':
			r = 'l'
		}
		latin = unicode.Is(unicode.Latin, r)
		b.WriteRune(r)
	}
	return norm.NFC.String(b.String())
}

// maxNameWords is how many words a name has.
const maxNameWords = 6

// hasJoined reports whether words of text that follow each other make name, as "Bank of America"
// makes "bankofamerica".
func hasJoined(text, name string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return !wordRune(r) })
	for i := range words {
		rest := name
		for _, word := range words[i:min(i+maxNameWords, len(words))] {
			var ok bool
			if rest, ok = strings.CutPrefix(rest, word); !ok {
				break
			}
			if rest == "" {
				return true
			}
		}
	}
	return false
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
		if !(spaced(before) && spaced(first)) && !(spaced(last) && spaced(after)) {
			return true
		}
		_, width := utf8.DecodeRuneInString(text[start:])
		from = start + width
	}
}

// spaced reports whether r makes one word with a neighbour that is spaced too.
func spaced(r rune) bool {
	if r == utf8.RuneError || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Hangul) {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}
