package otp

import (
	"strings"
	"unicode"
)

// originBound reads a last line "@host #code" (domain-bound codes, as browsers and phones read
// them): the @ is the first rune of the line, exactly one space, then # and the code up to the next
// space. What follows is ignored. It is honoured in text messages, where the format is defined.
func originBound(m Message) (host, code string, ok bool) {
	if m.Channel != SMS {
		return "", "", false
	}
	text, _ := capBytes(stripInvisible(m.Text), MaxInput)
	text = strings.TrimRight(text, "\r\n \t")
	line := text[strings.LastIndexByte(text, '\n')+1:]
	rest, found := strings.CutPrefix(line, "@")
	if !found {
		return "", "", false
	}
	host, rest, found = strings.Cut(rest, " ")
	host, port, _ := strings.Cut(host, ":")
	if !found || !strings.HasPrefix(rest, "#") || !hostLike(host) || port != "" && !isDigits(port) {
		return "", "", false
	}
	code, _, _ = strings.Cut(rest[1:], " ")
	if name, digits, ok := strings.Cut(code, "-"); ok && len(name) <= 4 && len(digits) >= 4 && isDigits(digits) && !strings.ContainsFunc(name, isDigit) {
		code = digits
	}
	if len(code) == 0 || len(code) > 64 || !codeChars(code) {
		return "", "", false
	}
	return strings.ToLower(host), code, true
}

func hostLike(host string) bool {
	return len(host) >= 4 && len(host) <= 253 && strings.Contains(host, ".") && !strings.HasPrefix(host, ".") && !strings.HasSuffix(host, ".") &&
		!strings.ContainsFunc(host, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '.' })
}

// consistsOf reports whether s has only ASCII letters, digits and the given others.
func consistsOf(s, others string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r >= 0x80 || !unicode.IsLetter(r) && !unicode.IsDigit(r)) && !strings.ContainsRune(others, r)
	})
}

// codeChars reports whether s holds only runes that codes are written with.
func codeChars(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !isDigit(r) && !joinsCode(r) && r != '-' })
}

// dropAppHash removes what SMS Retriever adds for the phone: a leading <#> or [#], and the
// 11-character hash of the app at the end.
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

func isAppHash(s string) bool { return len(s) == 11 && consistsOf(s, "+/") }

// mixedHash tells a hash from a word of eleven letters.
func mixedHash(s string) bool {
	upper, lower := strings.ContainsFunc(s, unicode.IsUpper), strings.ContainsFunc(s, unicode.IsLower)
	return upper && lower || (upper || lower) && strings.ContainsAny(s, "0123456789+/")
}
