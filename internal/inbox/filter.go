package inbox

import (
	"slices"
	"strings"
	"unicode"
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
	fromAny     fromKind = iota
	fromAddress          // the whole address
	fromDomain           // a domain and its subdomains
	fromPhone            // a number
	fromText             // a part of the From line
)

func newFilter(r Request) filter {
	f := filter{from: strings.TrimSpace(fold(r.From)), contains: normalizeText(r.Contains)}
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

// passes reports whether msg is what the request asks about. Every filter that is set has to agree.
func (f *filter) passes(msg *logicalMessage) bool {
	return f.passesFrom(msg) &&
		(f.service.name == "" || f.service.matches(msg)) &&
		(f.contains == "" || msg.contains(f.contains))
}

func (f *filter) passesFrom(msg *logicalMessage) bool {
	switch f.fromKind {
	case fromAddress:
		return msg.sender == f.from
	case fromDomain:
		_, domain, ok := cutLast(msg.sender, "@")
		return ok && (domain == f.from || strings.HasSuffix(domain, "."+f.from))
	case fromPhone:
		// A number may be given without its country code.
		return isDigits(msg.sender) && (msg.sender == f.fromPhone || len(f.fromPhone) >= 7 && strings.HasSuffix(msg.sender, strings.TrimLeft(f.fromPhone, "0"))) ||
			strings.Contains(fold(msg.from), f.from)
	case fromText:
		return strings.Contains(fold(msg.from), f.from)
	}
	return true
}

// contains reports whether the folded words stand in the subject or the text.
func (msg *logicalMessage) contains(wanted string) bool {
	return slices.ContainsFunc([]string{msg.subject, msg.text, msg.htmlText}, func(text string) bool {
		return strings.Contains(normalizeText(text), wanted)
	})
}

// normalizeText is text folded, with single spaces.
func normalizeText(text string) string { return strings.Join(strings.Fields(fold(text)), " ") }

// isDomain reports whether s has the form of a domain name with a suffix.
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	return len(labels) > 1 && !slices.Contains(labels, "") && !strings.ContainsAny(s, " @<>\"()/\\:,;") &&
		(strings.ContainsFunc(s, unicode.IsLetter) || !isDigits(phone(s)))
}

func isDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
