package otp

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Excerpt returns what stands around the code or the link of a verdict in a text of the message, as
// one line of at most limit characters. The text is one that [Clean] or [Text] made. found is false
// where neither stands in it: then it is not the part that decided.
func Excerpt(text string, v Verdict, limit int) (excerpt string, found bool) {
	line := strings.Join(strings.Fields(text), " ")
	wanted := []string{v.Display, v.Code}
	if l := v.Link; l != nil && v.Code == "" {
		wanted = append(wanted, l.URL, strings.TrimSuffix(l.Label, "…"))
	}
	for _, w := range wanted {
		w = strings.Join(strings.Fields(w), " ")
		if at := indexWhole(line, w); w != "" && at >= 0 {
			return around(line, at, at+len(w), limit), true
		}
	}
	return "", false
}

// indexWhole finds the first place where no letter or digit touches what is looked for, else the
// first one at all.
func indexWhole(line, wanted string) int {
	for from := 0; wanted != ""; {
		i := strings.Index(line[from:], wanted)
		if i < 0 {
			break
		}
		before, _ := utf8.DecodeLastRuneInString(line[:from+i])
		after, _ := utf8.DecodeRuneInString(line[from+i+len(wanted):])
		if !isAlnum(before) && !isAlnum(after) {
			return from + i
		}
		from += i + 1
	}
	return strings.Index(line, wanted)
}

// isAlnum reports whether r makes one number or word with ASCII beside it; scripts without spaces
// do not.
func isAlnum(r rune) bool {
	return unicode.IsDigit(r) || unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek)
}

// around cuts a line to what stands around [start, end), at spaces where there are some near.
func around(line string, start, end, limit int) string {
	room := max(0, limit-utf8.RuneCountInString(line[start:end]))
	from, n := start, 0
	for from > 0 && n < room*3/5 {
		_, size := utf8.DecodeLastRuneInString(line[:from])
		from -= size
		n++
	}
	if space := strings.IndexByte(line[from:start], ' '); from > 0 && space >= 0 && space < 20 {
		from += space + 1
	}
	out, cut := capRunes(line[from:], limit)
	if space := strings.LastIndexByte(out, ' '); cut && space > end-from && len(out)-space < 20 {
		out = out[:space]
	}
	return out
}
