package otp

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// invisible reports whether a person does not see r: format characters (zero width, bidirectional
// controls, soft hyphen, tags), fillers, variation selectors, and control characters other than
// line feed and tab.
func invisible(r rune) bool {
	if r < 0x80 {
		return r < ' ' && r != '\n' && r != '\t' || r == 0x7F
	}
	switch {
	case r < 0xA0:
		return true
	case r == 0x00AD, r == 0x034F, r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5, r == 0x3164, r == 0xFFA0, r == 0x2800:
		return true
	case r >= 0x180B && r <= 0x180F, r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0000 && r <= 0xE0FFF:
		return true
	case r == 0x2028, r == 0x2029, r >= 0xFFF0 && r <= 0xFFFB:
		return true
	case r < 0x600:
		return false
	}
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r)
}

// dropped reports whether a page leaves r out: what is invisible, the frames of keycaps, and vowel
// points and tatweel that would keep words from matching.
func dropped(r rune) bool {
	switch {
	case r == 0x20E3, r == 0x0640, r >= 0x064B && r <= 0x0652, r == 0x0670, r >= 0x0591 && r <= 0x05BD, r == 0x05BF, r == 0x05C1, r == 0x05C2:
		return true
	}
	return invisible(r)
}

// Clean makes inbound text fit to show to a model: invisible and bidirectional control characters
// go, before and after character references are decoded (twice, so that a doubly written one does
// not survive), line ends become \n, invalid UTF-8 becomes U+FFFD. At most limit runes are
// returned, all if limit is 0 or less; truncated says whether anything was cut there or at
// [MaxInput].
func Clean(s string, limit int) (text string, truncated bool) {
	s, truncated = capBytes(s, MaxInput)
	s = stripInvisible(s)
	for range 2 {
		if !strings.ContainsRune(s, '&') {
			break
		}
		s = stripInvisible(html.UnescapeString(s))
	}
	s, cut := capRunes(s, limit)
	return s, truncated || cut
}

// stripInvisible normalises line ends, repairs UTF-8 and removes what a person does not see.
func stripInvisible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 || invisible(r) }) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i, r := range s {
		switch {
		case r == '\r':
			if i+1 >= len(s) || s[i+1] != '\n' {
				b.WriteByte('\n')
			}
		case r == 0x2028, r == 0x2029, r == 0x85:
			b.WriteByte('\n')
		case !invisible(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

func capBytes(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n], true
}

func capRunes(s string, n int) (string, bool) {
	if n <= 0 || len(s) <= n {
		return s, false
	}
	count := 0
	for i := range s {
		if count == n {
			return s[:i], true
		}
		count++
	}
	return s, false
}

// cleanLine is Clean for labels: one line, single spaces.
func cleanLine(s string, limit int) string {
	s, _ = Clean(s, 0)
	s = strings.Join(strings.Fields(s), " ")
	s, _ = capRunes(s, limit)
	return s
}

// composedBytes returns s in NFC, cheaply when it already is.
func composedBytes(s []byte) []byte {
	if norm.NFC.IsNormal(s) {
		return s
	}
	return norm.NFC.Bytes([]byte(limitMarks(string(s))))
}

// limitMarks leaves at most two combining marks on a letter; no language stacks more of them, and
// composing thousands takes long.
func limitMarks(s string) string {
	run := 0
	return strings.Map(func(r rune) rune {
		if r < 0x300 || r >= 0x370 {
			run = 0
			return r
		}
		if run++; run > 2 {
			return -1
		}
		return r
	}, s)
}
