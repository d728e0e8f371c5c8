package mail

import (
	"bytes"
	"encoding/binary"
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// longestCode is the length of the longest number that counts as a code: in a
// file full of numbers, a shorter one is found within others by chance.
const longestCode = 10

// fileHaystack is a file in the ways in which it can be read: a text as other
// texts, without what only a mail program would undo, and anything else byte by
// byte. What is compressed or encrypted is not looked into.
func fileHaystack(content []byte) haystack {
	h := haystack{file: true}
	text, isText := textOf(content)
	if !isText {
		h.compact = []string{string(content)}
		return h
	}
	h.add(text)
	h.add(norm.NFKC.String(text))
	h.add(percentDecoded(text))
	h.add(html.UnescapeString(text))
	h.squeezed = squeeze(strings.Join(h.texts, "\n"))
	return h
}

// textOf returns the text of a file in UTF-8, or in UTF-16 with its mark, and
// whether it is one.
func textOf(content []byte) (string, bool) {
	for mark, order := range map[string]binary.ByteOrder{"\xff\xfe": binary.LittleEndian, "\xfe\xff": binary.BigEndian} {
		if rest, marked := bytes.CutPrefix(content, []byte(mark)); marked && len(rest)%2 == 0 {
			units := make([]uint16, len(rest)/2)
			for i := range units {
				units[i] = order.Uint16(rest[2*i:])
			}
			return string(utf16.Decode(units)), true
		}
	}
	if bytes.IndexByte(content, 0) >= 0 || !utf8.Valid(content) {
		return "", false
	}
	return string(content), true
}

// isCode reports whether a value is a short number.
func isCode(value string) bool {
	return len(value) <= longestCode && !strings.ContainsFunc(value, func(c rune) bool { return c < '0' || c > '9' })
}
