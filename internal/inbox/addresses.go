package inbox

import (
	"strings"

	"ravi-mcp/internal/host"
)

// mailbox reads a From value: sender is what senders are told apart by, and domain the ASCII host
// of the address. domain is empty where the value is not exactly one mailbox; such a sender passes
// no filter for an address or a domain.
func mailbox(from string) (sender, domain string) {
	local, domain, ok := host.Mailbox(from)
	if !ok {
		return fold(strings.TrimSpace(from)), ""
	}
	return untagged(local) + "@" + domain, domain
}

// untagged is the part before the @ for comparing: without a +tag, ASCII letters in lower case.
func untagged(local string) string {
	if tag := strings.IndexByte(local, '+'); tag > 0 {
		local = local[:tag]
	}
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, local)
}

// address is the bare address of a value that is one mailbox, else "".
func address(s string) string {
	if sender, domain := mailbox(s); domain != "" {
		return sender
	}
	return ""
}

// addresses reads a To or Cc value as far as it can be read.
func addresses(s string) []string {
	var out []string
	for _, a := range host.List(s) {
		out = append(out, address(a))
	}
	return out
}

// phone is a number as its digits, or an alphanumeric sender folded.
func phone(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789+-(). /\u00a0", r) }) {
		name := fold(strings.TrimSpace(s))
		if isDigits(name) { // digits of another width are no number
			return "=" + name
		}
		return name
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// forOtherRecipient reports whether a message is plainly for another recipient: an SMS to another
// number, or a mail whose readable recipients include addresses of the identity's own domain but
// not the identity. Hidden copies, lists and forwarders name foreign domains and pass.
func (m *message) forOtherRecipient(t Target) bool {
	if m.channel == smsIndex {
		own := phone(t.Phone)
		return own != "" && len(m.to) == 1 && m.to[0] != "" && m.to[0] != own
	}
	own := address(t.Address)
	_, domain, ok := cutLast(own, "@")
	if !ok {
		return false
	}
	neighbour := false
	for _, to := range m.to {
		if to == own {
			return false
		}
		neighbour = neighbour || strings.HasSuffix(to, "@"+domain)
	}
	return neighbour
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
