package inbox

import (
	"net/mail"
	"strings"
)

// address is the bare address of a From or To value, lower-cased and without a +tag; the folded
// text itself if it holds no address.
func address(s string) string {
	bare := s
	if a, err := mail.ParseAddress(s); err == nil {
		bare = a.Address
	} else if i := strings.LastIndexByte(s, '<'); i >= 0 {
		bare, _, _ = strings.Cut(s[i+1:], ">")
	}
	bare = fold(strings.TrimSpace(bare))
	local, domain, ok := cutLast(bare, "@")
	if !ok {
		return bare
	}
	if tag := strings.IndexByte(local, '+'); tag > 0 {
		local = local[:tag]
	}
	return local + "@" + strings.TrimSuffix(domain, ".")
}

// addresses reads a To or Cc value as far as it can be read.
func addresses(s string) []string {
	var out []string
	if list, err := mail.ParseAddressList(s); err == nil {
		for _, a := range list {
			out = append(out, address(a.Address))
		}
		return out
	}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' }) {
		if a := address(part); strings.Contains(a, "@") {
			out = append(out, a)
		}
	}
	return out
}

// phone is a number as its digits, or an alphanumeric sender folded.
func phone(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789+-(). /\u00a0", r) }) {
		return fold(strings.TrimSpace(s))
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
