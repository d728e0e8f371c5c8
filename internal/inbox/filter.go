package inbox

import (
	"slices"
	"strings"
	"unicode"

	"ravi-mcp/internal/host"
)

// filter is the filters of a request, made ready for many comparisons.
type filter struct {
	from     string
	fromKind fromKind
	contains string
}

type fromKind int

const (
	fromAny     fromKind = iota
	fromAddress          // the whole address of a mail
	fromDomain           // a domain of a mail and its subdomains
	fromPhone            // the number of an SMS, whole
	fromText             // a part of the From line
)

func newFilter(r Request) filter {
	f := filter{from: strings.TrimSpace(r.From), contains: normalizeText(r.Contains)}
	domain, isHost := host.ASCII(strings.TrimPrefix(f.from, "@"))
	switch {
	case f.from == "":
	case len(phone(f.from)) >= 3 && isDigits(phone(f.from)):
		f.fromKind, f.from = fromPhone, phone(f.from)
	case address(f.from) != "" && !strings.ContainsAny(f.from, " <>"):
		f.fromKind, f.from = fromAddress, address(f.from)
	case isHost && (strings.HasPrefix(f.from, "@") || strings.Contains(domain, ".")):
		f.fromKind, f.from = fromDomain, domain
	default:
		f.fromKind, f.from = fromText, fold(f.from)
	}
	return f
}

// passes reports whether msg is what the request asks about. Every filter that is set has to agree.
func (f *filter) passes(msg *logicalMessage) bool {
	return f.passesFrom(msg) && (f.contains == "" || msg.contains(f.contains))
}

func (f *filter) passesFrom(msg *logicalMessage) bool {
	switch f.fromKind {
	case fromAddress:
		return msg.domain != "" && msg.sender == f.from
	case fromDomain:
		return msg.domain == f.from || strings.HasSuffix(msg.domain, "."+f.from)
	case fromPhone:
		return msg.channel == smsIndex && msg.sender == f.from
	case fromText:
		return f.partOf(fold(msg.from), msg.domain)
	}
	return true
}

// partOf reports whether the filter is a part of a folded From line, the suffix of a mail's domain
// left out; of fewer than three letters, a word of it.
func (f *filter) partOf(from, domain string) bool {
	if domain != "" {
		for range strings.Count(host.Domain(domain), ".") {
			from = from[:max(0, strings.LastIndexByte(from, '.'))]
		}
	}
	separates := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	if len(strings.Join(strings.FieldsFunc(f.from, separates), "")) >= 3 { // bytes: 微信 is enough
		return strings.Contains(from, f.from)
	}
	return slices.Contains(strings.FieldsFunc(from, separates), f.from)
}

// contains reports whether the folded words stand in the subject or the text.
func (msg *logicalMessage) contains(wanted string) bool {
	return slices.ContainsFunc([]string{msg.subject, msg.text, msg.otherText}, func(text string) bool {
		return strings.Contains(normalizeText(text), wanted)
	})
}

// normalizeText is text folded, with single spaces.
func normalizeText(text string) string { return strings.Join(strings.Fields(fold(text)), " ") }

func isDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
