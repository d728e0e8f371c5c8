package host

import (
	"net/mail"
	"net/netip"
	"strings"
)

// Mailbox returns the address of a From header that is exactly one mailbox, its host as [ASCII]
// does; the part before the @ stays as it is, for only its host may change it. ok is false for
// everything that two readers could understand differently: several addresses, a group, a route, an
// address in a comment, a quoted part before the @, an IP address for a host. A display name may
// hold anything in quotes.
func Mailbox(header string) (local, ascii string, ok bool) {
	header = strings.TrimSpace(header)
	bare := header
	if open := strings.LastIndexByte(header, '<'); open >= 0 {
		name := withoutQuoted(header[:open])
		if strings.ContainsAny(name, "@<>\"") || !strings.HasSuffix(header, ">") {
			return "", "", false
		}
		bare = strings.TrimSpace(header[open+1 : len(header)-1])
	}
	local, name, found := strings.Cut(bare, "@")
	if !found || local == "" || strings.Trim(local, ".") != local || !atoms(local) {
		return "", "", false
	}
	ascii, ok = ASCII(name)
	if _, err := netip.ParseAddr(strings.Trim(ascii, "[]")); !ok || err == nil || len(local)+len(ascii) >= 254 {
		return "", "", false
	}
	return local, ascii, true
}

// withoutQuoted drops the quoted strings of a display name. An open quote stays.
func withoutQuoted(name string) string {
	var b strings.Builder
	for name != "" {
		before, rest, found := strings.Cut(name, `"`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		end := 0
		for end < len(rest) && rest[end] != '"' {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(rest) {
			return b.String() + `"`
		}
		name = rest[end+1:]
	}
	return b.String()
}

// atoms reports whether s needs no quotes before an @ (RFC 5322 3.2.3, RFC 6531 3.3).
func atoms(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || r >= 0x80 && r <= 0xA0 || strings.ContainsRune(`"(),:;<>@[\]`, r) || r == '\uFFFD'
	})
}

// List returns the addresses of a To or Cc header, as [Mailbox] reads them. What cannot be read is
// left out.
func List(header string) []string {
	parts := strings.FieldsFunc(header, func(r rune) bool { return r == ',' || r == ';' })
	if list, err := mail.ParseAddressList(header); err == nil {
		parts = parts[:0]
		for _, a := range list {
			parts = append(parts, a.Address)
		}
	}
	var out []string
	for _, part := range parts {
		if local, ascii, ok := Mailbox(part); ok {
			out = append(out, local+"@"+ascii)
		}
	}
	return out
}
