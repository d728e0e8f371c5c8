package otp

import (
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// runeForms are two forms of a rune. form is how it is typed: compatibility forms resolved, digits
// of any script in ASCII, dashes as hyphen-minus, case kept. fold is for comparing words: lower
// case besides, no accents, hyphen as space, Arabic letter variants as one.
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
	if r >= 0x3040 && r <= 0x9FFF || r >= 0xAC00 && r <= 0xD7A3 {
		return runeForms{r, r} // kana, Han, Hangul: nothing to fold
	}
	return computeForms(r)
}

func computeForms(r rune) runeForms {
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
	if compatible := []rune(norm.NFKC.String(string(r))); len(compatible) == 1 {
		r = compatible[0]
	}
	if d, ok := digitValue(r); ok {
		return runeForms{'0' + d, '0' + d}
	}
	return runeForms{r, foldLetter(r)}
}

// baseLetters are those that Unicode does not decompose, and the Arabic letters that languages
// write for one another.
var baseLetters = map[rune]rune{
	'ı': 'i', 'ł': 'l', 'đ': 'd', 'ð': 'd', 'ø': 'o', 'ß': 's', 'ς': 'σ', 'ə': 'e',
	'ي': 'ی', 'ى': 'ی', 'ے': 'ی', 'ئ': 'ی',
	'أ': 'ا', 'إ': 'ا', 'آ': 'ا', 'ٱ': 'ا',
	'ة': 'ه', 'ۀ': 'ه', 'ہ': 'ه', 'ھ': 'ه', 'ە': 'ه',
	'ك': 'ک', 'ؤ': 'و',
}

// foldLetter lowers a letter and drops its accents.
func foldLetter(r rune) rune {
	r = unicode.ToLower(r)
	if base, ok := baseLetters[r]; ok {
		return base
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
	if !unicode.IsDigit(r) {
		return 0, false
	}
	zero := r // Unicode has the digits of a script side by side
	for unicode.IsDigit(zero - 1) {
		zero--
	}
	return (r - zero) % 10, true
}

// foldRunes folds a string the way pages are folded.
func foldRunes(s string) []rune {
	if !norm.NFC.IsNormalString(s) {
		s = norm.NFC.String(limitMarks(s))
	}
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if !dropped(r) {
			out = append(out, formsOf(r).fold)
		}
	}
	return out
}
