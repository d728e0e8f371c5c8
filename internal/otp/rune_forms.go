package otp

import (
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// runeForms are two forms of a rune. form is how it is typed: compatibility
// forms resolved, digits of any script in ASCII, dashes as hyphen-minus, case
// kept. fold is for comparing words: lower case besides, no accents, hyphen as
// space, Arabic letter variants as one.
type runeForms struct{ form, fold rune }

const tableSize = 0x2100 // covers Latin, Greek, Cyrillic, Arabic, Indic digits, punctuation

var runeTable = sync.OnceValue(func() *[tableSize]runeForms {
	var t [tableSize]runeForms
	for r := range rune(tableSize) {
		t[r] = computeForms(r)
	}
	return &t
})

// asciiForms spares most runes the table.
var asciiForms = func() (t [0x80]runeForms) {
	for r := range rune(len(t)) {
		t[r] = runeForms{r, unicode.ToLower(r)}
	}
	t['-'].fold, t['_'].fold, t['`'].fold = ' ', ' ', '\''
	return t
}()

func formsOf(r rune) runeForms {
	if r >= 0 && r < 0x80 {
		return asciiForms[r]
	}
	if r >= 0 && r < tableSize {
		return runeTable()[r]
	}
	switch {
	case r >= 0x3040 && r <= 0x9FFF, r >= 0xAC00 && r <= 0xD7A3:
		return runeForms{r, r} // kana, Han, Hangul: nothing to fold
	}
	return computeForms(r)
}

func computeForms(r rune) runeForms {
	f := r
	switch r {
	case '\u00A0', '\u2007', '\u202F', '\u3000', '\u205F', '\u1680', '\u2000', '\u2001', '\u2002', '\u2003', '\u2004', '\u2005', '\u2006', '\u2008', '\u2009', '\u200A':
		return runeForms{' ', ' '}
	case '\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2015', '\u2212', '\uFF0D', '\uFE63', '\u05BE', '\u2043', '\uFE58':
		return runeForms{'-', ' '}
	case '-', '_':
		return runeForms{r, ' '}
	case '\u2018', '\u2019', '\u02BC', '\u0060', '\u00B4', '\u02BB':
		return runeForms{r, '\''}
	case '\uFF0C', '\u3001', '\u060C':
		return runeForms{r, ','} // kept apart from the ASCII comma, which may stand inside a number
	}
	if c := onlyRune(norm.NFKC.String(string(r))); c != 0 {
		f = c
	}
	if d, ok := digitValue(f); ok {
		return runeForms{'0' + d, '0' + d}
	}
	return runeForms{f, foldLetter(f)}
}

func onlyRune(s string) rune {
	var out rune
	for i, r := range s {
		if i > 0 {
			return 0
		}
		out = r
	}
	return out
}

// foldLetter lowers a letter and drops its accents.
func foldLetter(r rune) rune {
	r = unicode.ToLower(r)
	switch r {
	case 'ı':
		return 'i'
	case 'ł':
		return 'l'
	case 'đ', 'ð':
		return 'd'
	case 'ø':
		return 'o'
	case 'ß':
		return 's'
	case 'ς':
		return 'σ'
	case 'ə':
		return 'e'
	case 'ي', 'ى', 'ے':
		return 'ی'
	case 'ك':
		return 'ک'
	case 'أ', 'إ', 'آ', 'ٱ':
		return 'ا'
	case 'ة', 'ۀ', 'ہ', 'ھ', 'ە':
		return 'ه'
	case 'ؤ':
		return 'و'
	case 'ئ':
		return 'ی'
	}
	if r < 0x80 || !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic) {
		return r
	}
	for _, base := range norm.NFKD.String(string(r)) {
		return unicode.ToLower(base) // the base letter comes first
	}
	return r
}

// digitValue returns the value of a decimal digit of any script.
func digitValue(r rune) (rune, bool) {
	if r < 0x80 {
		return r - '0', r >= '0' && r <= '9'
	}
	for _, rng := range unicode.Nd.R16 {
		if r >= rune(rng.Lo) && r <= rune(rng.Hi) {
			return (r - rune(rng.Lo)) % 10, true
		}
	}
	for _, rng := range unicode.Nd.R32 {
		if r >= rune(rng.Lo) && r <= rune(rng.Hi) {
			return (r - rune(rng.Lo)) % 10, true
		}
	}
	return 0, false
}

// foldRunes folds a string the way pages are folded.
func foldRunes(s string) []rune {
	s = composed(s)
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if !dropped(r) {
			out = append(out, formsOf(r).fold)
		}
	}
	return out
}
