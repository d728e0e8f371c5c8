package otp

import "strings"

// originBound reads a last line "@host #code" (domain-bound codes, as browsers
// and phones read them): the @ is the first rune of the line, exactly one
// space, then # and the code up to the next space. What follows is ignored.
// It is honoured in text messages, where the format is defined.
func originBound(m Message) (host, code string, ok bool) {
	if m.Channel != SMS {
		return "", "", false
	}
	text, _ := capBytes(m.Text, MaxInput)
	text = strings.TrimRight(text, "\r\n \t")
	line := text[strings.LastIndexByte(text, '\n')+1:]
	rest, found := strings.CutPrefix(line, "@")
	if !found {
		return "", "", false
	}
	host, rest, found = strings.Cut(rest, " ")
	if !found || !strings.HasPrefix(rest, "#") || !hostLike(host) {
		return "", "", false
	}
	code, _, _ = strings.Cut(rest[1:], " ")
	if len(code) == 0 || len(code) > 64 || !codeChars(code) {
		return "", "", false
	}
	return strings.ToLower(host), code, true
}

func hostLike(host string) bool {
	if len(host) < 4 || len(host) > 253 || !strings.Contains(host, ".") || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") {
		return false
	}
	for i := 0; i < len(host); i++ {
		c := host[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

// codeChars reports whether s holds only runes that codes are written with.
func codeChars(s string) bool {
	for _, r := range s {
		if !isDigit(r) && !joinsCode(r) && r != '-' {
			return false
		}
	}
	return s != ""
}

// dropAppHash removes what SMS Retriever adds for the phone: a leading <#> or
// [#], and the 11-character hash of the app at the end.
func dropAppHash(text string) (rest string, found bool) {
	trimmed := strings.TrimRight(text, " \t\r\n")
	head := strings.TrimLeft(trimmed, " \t\r\n\u200b\ufeff")
	marked := strings.HasPrefix(head, "<#>") || strings.HasPrefix(head, "[#]")
	if marked {
		head = head[3:]
	}
	i := strings.LastIndexAny(head, " \t\r\n")
	last := head[i+1:]
	ownLine := i >= 0 && (head[i] == '\n' || head[i] == '\r')
	if i >= 0 && isAppHash(last) && (marked || ownLine && mixedHash(last)) {
		return head[:i], true
	}
	return head, false
}

func isAppHash(s string) bool {
	if len(s) != 11 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/') {
			return false
		}
	}
	return true
}

// mixedHash tells a hash from a word of eleven letters.
func mixedHash(s string) bool {
	var upper, lower, other bool
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			upper = true
		default:
			other = true
		}
	}
	return upper && lower || upper && other || lower && other
}
