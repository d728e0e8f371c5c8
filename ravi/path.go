package ravi

import (
	"net/url"
	"regexp"
	"strings"
)

// expand puts escaped identifiers in place of the {…} of a route. It reports false for an
// identifier that cannot be one: an empty one, one with a control character, or one that holds a
// dot segment, which a proxy or a server might resolve even when it is escaped. Every other
// identifier, "<id@host>" and "1_+15559876543" included, stays one segment of the path.
func expand(route string, args []string) (string, bool) {
	var b strings.Builder
	for _, arg := range args {
		before, rest, found := strings.Cut(route, "{")
		_, after, closed := strings.Cut(rest, "}")
		if !found || !closed || !validSegment(arg) {
			return "", false
		}
		b.WriteString(before)
		b.WriteString(escape(arg))
		route = after
	}
	b.WriteString(route)
	return b.String(), true
}

func validSegment(arg string) bool {
	if arg == "" || len(arg) > 1000 || hasControl(arg) {
		return false
	}
	for part := range strings.FieldsFuncSeq(arg, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == "." || part == ".." {
			return false
		}
	}
	return true
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// escape percent-encodes every byte but the unreserved ones, "+" too: legal in a path, but read as
// a space by some servers.
func escape(arg string) string { return strings.ReplaceAll(url.QueryEscape(arg), "+", "%20") }

var identityForm = regexp.MustCompile(`^[0-9A-Za-z_-]+$`)

// validIdentity reports whether a uuid may stand in a header and a query. Ravi's samples use short
// ones ("abc-123"), so only the characters count.
func validIdentity(uuid string) bool { return len(uuid) <= 64 && identityForm.MatchString(uuid) }
