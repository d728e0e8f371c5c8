package mail

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"html"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"

	"ravi-mcp/internal/otp"
)

// haystack is a text in all the ways in which it can be read.
type haystack struct {
	texts    []string // as it is, and with its encodings undone
	compact  []string // the same without white space
	squeezed string   // letters and digits only, in lower case, for hexadecimal and base32
	raw      string   // the bytes of a file
	file     bool     // a short number has to stand alone
}

// add adds a way to read the text, if it is a new one.
func (h *haystack) add(s string) {
	if !slices.Contains(h.texts, s) {
		h.texts = append(h.texts, s)
		h.compact = append(h.compact, compact(s))
	}
}

// newHaystack reads texts each by itself, and one after the other in both orders, as a value can be
// split over subject and body.
func newHaystack(texts []string) haystack {
	var h haystack
	var all strings.Builder
	joined := strings.Join(texts, "")
	back := slices.Clone(texts)
	slices.Reverse(back)
	for _, t := range append(slices.Clone(texts), joined, strings.Join(back, "")) {
		visible := t
		if strings.Contains(t, "<") {
			visible, _ = otp.Text(t, 0)
		}
		plain, _ := otp.Clean(t, 0)
		for _, form := range []string{t, visible, plain, html.UnescapeString(t)} {
			h.add(form)
			h.add(norm.NFKC.String(form))
			h.add(percentDecoded(form))
			all.WriteString(form)
			all.WriteString("\n")
		}
	}
	h.squeezed = squeeze(all.String())
	return h
}

func compact(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) || unicode.Is(unicode.Cf, c) {
			return -1
		}
		return c
	}, s)
}

func squeeze(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, s)
}

// percentDecoded undoes every %XX, whatever stands around it.
func percentDecoded(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if b, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				out = append(out, b[0])
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

// holds reports whether a value stands in the text: as it is, in two parts, backwards, in base64,
// base32, hexadecimal or percent-encoded. A value of less than six characters, which only a code
// can be, has to stand alone.
func (h haystack) holds(value string) bool {
	value = strings.TrimSpace(value)
	bare := compact(value)
	if bare == "" {
		return false
	}
	if utf8.RuneCountInString(bare) < shortestProtected || h.file && isCode(bare) {
		for _, text := range h.texts {
			if standsAlone(text, value) || standsAlone(text, backwards(value)) {
				return true
			}
		}
	} else {
		if h.contains(bare) || h.contains(backwards(bare)) || h.parts(bare) {
			return true
		}
		if code := squeeze(value); !h.file && code == strings.ToLower(value) && strings.Contains(h.squeezed, code) { // 123-456
			return true
		}
	}
	if strings.Contains(h.squeezed, hex.EncodeToString([]byte(value))) {
		return true
	}
	return slices.ContainsFunc(inBase64(value), h.contains) ||
		slices.ContainsFunc(inBase32(value), func(s string) bool { return strings.Contains(h.squeezed, s) }) ||
		h.file && !isCode(bare) && slices.ContainsFunc(wide(value), func(s string) bool { return strings.Contains(h.raw, s) })
}

// parts reports whether a value stands in the text in two parts, each long enough not to be there
// by chance.
func (h haystack) parts(bare string) bool {
	runes := []rune(bare)
	for i := shortestProtected; i <= len(runes)-shortestProtected && h.contains(string(runes[:i])); i++ {
		if h.contains(string(runes[i:])) {
			return true
		}
	}
	return false
}

func (h haystack) contains(bare string) bool {
	return slices.ContainsFunc(h.compact, func(text string) bool { return strings.Contains(text, bare) })
}

func standsAlone(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(text[:from+i])
		after, _ := utf8.DecodeRuneInString(text[from+i+len(word):])
		inWord := func(c rune) bool { return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsDigit(c)) }
		if !inWord(before) && !inWord(after) {
			return true
		}
		from += i + len(word)
	}
}

func backwards(s string) string {
	runes := []rune(s)
	slices.Reverse(runes)
	return string(runes)
}

// inBase64 returns what every base64 text that holds the value has in it, wherever in its groups of
// three bytes the value begins.
func inBase64(value string) []string {
	var out []string
	for shift := range 3 {
		padded := append(make([]byte, shift), value...)
		first, last := (8*shift+5)/6, 8*len(padded)/6 // the characters that depend on nothing else
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			out = append(out, encoding.EncodeToString(padded)[first:last])
		}
	}
	return out
}

// inBase32 is inBase64 for base32, in lower case: groups of five bytes, and both alphabets of RFC
// 4648.
func inBase32(value string) []string {
	var out []string
	for shift := range 5 {
		padded := append(make([]byte, shift), value...)
		first, last := (8*shift+4)/5, 8*len(padded)/5
		for _, encoding := range []*base32.Encoding{base32.StdEncoding, base32.HexEncoding} {
			out = append(out, strings.ToLower(encoding.WithPadding(base32.NoPadding).EncodeToString(padded)[first:last]))
		}
	}
	return out
}

// wide returns a value as it stands in files that are not in UTF-8: in UTF-16 and UTF-32 of both
// orders, and in Latin-1. They are looked for byte by byte, so that neither a mark nor an odd byte
// before them matters.
func wide(value string) []string {
	var out [4][]byte
	for _, c := range value {
		for _, unit := range utf16.Encode([]rune{c}) {
			out[0] = binary.LittleEndian.AppendUint16(out[0], unit)
			out[1] = binary.BigEndian.AppendUint16(out[1], unit)
		}
		out[2] = binary.LittleEndian.AppendUint32(out[2], uint32(c))
		out[3] = binary.BigEndian.AppendUint32(out[3], uint32(c))
	}
	all := []string{string(out[0]), string(out[1]), string(out[2]), string(out[3])}
	if latin, err := charmap.ISO8859_1.NewEncoder().String(value); err == nil {
		all = append(all, latin)
	}
	return all
}

// longestCode is the length of the longest number that counts as a code: in a file full of numbers,
// a shorter one is found within others by chance.
const longestCode = 10

// fileHaystack is a file in the ways in which it can be read: as other texts, without what only a
// mail program would undo, and byte by byte. Without its zero bytes UTF-16 and UTF-32 read like
// UTF-8, but for characters beyond ASCII. What is compressed or encrypted is not looked into.
func fileHaystack(content []byte) haystack {
	h := haystack{file: true, raw: string(content)}
	text := strings.ToValidUTF8(strings.ReplaceAll(h.raw, "\x00", ""), "\uFFFD")
	h.add(text)
	h.add(norm.NFKC.String(text))
	h.add(percentDecoded(text))
	h.add(html.UnescapeString(text))
	h.squeezed = squeeze(strings.Join(h.texts, "\n"))
	return h
}

func isCode(value string) bool {
	return len(value) <= longestCode && !strings.ContainsFunc(value, func(c rune) bool { return c < '0' || c > '9' })
}
