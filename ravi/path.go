package ravi

import "strings"

// expand puts escaped identifiers in place of the {…} of a route. It reports
// false for an identifier that cannot be one: an empty one, one with a control
// character, or one that holds a dot segment, which a proxy or a server might
// resolve even when it is escaped. Every other identifier, "<id@host>" and
// "1_+15559876543" included, stays one segment of the path.
func expand(route string, args []string) (string, bool) {
	if len(args) == 0 {
		return route, true
	}
	var b strings.Builder
	for _, arg := range args {
		before, rest, found := strings.Cut(route, "{")
		_, after, closed := strings.Cut(rest, "}")
		if !found || !closed || !validSegment(arg) {
			return "", false
		}
		b.WriteString(before)
		escapeTo(&b, arg)
		route = after
	}
	b.WriteString(route)
	return b.String(), true
}

func validSegment(arg string) bool {
	if arg == "" || len(arg) > 1000 {
		return false
	}
	for _, c := range []byte(arg) {
		if c < 0x20 || c == 0x7f {
			return false
		}
	}
	for part := range strings.FieldsFuncSeq(arg, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == "." || part == ".." {
			return false
		}
	}
	return true
}

// escapeTo percent-encodes every byte but the unreserved ones, "+" too: legal
// in a path, but read as a space by some servers.
func escapeTo(b *strings.Builder, arg string) {
	const hex = "0123456789ABCDEF"
	for _, c := range []byte(arg) {
		if unreserved(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '~'
}

// validIdentity reports whether a uuid may stand in a header and a query.
// Ravi's samples use short ones ("abc-123"), so only the characters count.
func validIdentity(uuid string) bool {
	if uuid == "" || len(uuid) > 64 {
		return false
	}
	for _, c := range []byte(uuid) {
		if !unreserved(c) || c == '.' || c == '~' {
			return false
		}
	}
	return true
}
