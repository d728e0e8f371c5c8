package suspicion

import (
	"regexp"
	"strings"

	"ravi-mcp/internal/host"
	"ravi-mcp/internal/otp"
)

// JudgeLink returns why a link of a message is not to be opened by who waits for the service, or
// "".
func (s Service) JudgeLink(l *otp.Link, m Sender) Reason {
	if l == nil {
		return ""
	}
	if ascii, ok := host.OfURL(l.URL); ok && s.imitatesLink(ascii, m.host()) {
		return LinkElsewhere
	}
	return ""
}

// imitatesLink reports whether the host of a link resembles the named service, or the domain at of
// the sender, and is neither's.
func (s Service) imitatesLink(link, at string) bool {
	domain := host.Domain(link)
	if at != "" && domain == host.Domain(at) || s.Owns(link) {
		return false
	}
	if foreignLetters(link) || !s.Owns(at) && s.resembles(link) {
		return true
	}
	if at == "" {
		return false
	}
	sender := NewService(host.Domain(at))
	label := host.Organisation(host.Unicode(domain))
	// The sender's own name under another suffix, or with a neutral word, is often the sender's.
	return sender.heads(link) || label != sender.joined && sender.looksLike(label, false)
}

// shownHost finds a host in the text of a link: a URL, or a name with a dot.
var shownHost = regexp.MustCompile(`(?i)(?:https?://)?((?:[\pL\pN_-]+\.)+[\pL][\pL\pN-]+)(?::\d+)?(?:[/?#\s]|$)`)

// linkElsewhere reports whether a link shows another host than it leads to. Providers that count
// clicks put their host before a link and leave its text as it was. Where only the suffix of a name
// differs, one owner is meant.
func linkElsewhere(l *otp.Link) bool {
	if l == nil {
		return false
	}
	ascii, ok := host.OfURL(l.URL)
	if !ok {
		return false
	}
	_, authority, _ := strings.Cut(l.URL, "://")
	if end := strings.IndexAny(authority, `/?#\`); end >= 0 {
		authority = authority[:end]
	}
	if strings.Contains(authority, "@") { // what stands before it only looks like the host
		return true
	}
	if tracker(ascii) {
		return false
	}
	for _, found := range shownHost.FindAllStringSubmatch(l.Label, -1) {
		shown, ok := host.ASCII(found[1])
		if ok && host.HasKnownSuffix(shown) && host.Organisation(host.Domain(shown)) != host.Organisation(host.Domain(ascii)) {
			return true
		}
	}
	return false
}
