package otp

import "unicode"

// What kind of rune something is, one bit each. Reading text asks this for every rune several
// times, so the runes of most alphabets have a table.
const (
	kindDigit    uint8 = 1 << iota // ASCII digit; digits of all scripts are typed as these
	kindLetter                     // letter or mark
	kindJoins                      // letter that may be part of a typed code
	kindUnspaced                   // of a script written without spaces
	kindName                       // may be in a host or mailbox name
	kindAddress                    // tells an address from a word: dot, at, slash, colon
	kindEndsURL                    // no bare URL goes on behind it

	kindWord = kindDigit | kindLetter
)

const kindTableSize = 0x1000 // Latin to Thai and Tibetan

var kindTable = func() (t [kindTableSize]uint8) {
	for r := range rune(kindTableSize) {
		t[r] = computeKind(r)
	}
	return t
}()

func kindOf(r rune) uint8 {
	if uint32(r) < kindTableSize {
		return kindTable[r]
	}
	return rareKind(r)
}

func rareKind(r rune) uint8 {
	if r >= 0x4E00 && r <= 0x9FFF || r >= 0x3041 && r <= 0x3096 ||
		r >= 0x30A1 && r <= 0x30FA || r >= 0xAC00 && r <= 0xD7A3 {
		return kindLetter | kindUnspaced // Han, kana, Hangul
	}
	return computeKind(r)
}

func computeKind(r rune) uint8 {
	var k uint8
	if r >= '0' && r <= '9' {
		k |= kindDigit | kindName
	}
	if unicode.IsLetter(r) || unicode.IsMark(r) || r >= 0x400 && r < 0x482 {
		k |= kindLetter
	}
	// Cased alphabets only, so that digits next to Han, Thai or Arabic stand alone.
	if (r < 0x0590 || r >= 0x1E00 && r <= 0x1FFF) && unicode.IsLetter(r) {
		k |= kindJoins | kindName
	}
	switch r {
	case '-', '_', '+':
		k |= kindName
	case '.', '@', '/', ':':
		k |= kindAddress
	case '<', '>', '"', '\\', '^', '`', '{', '}', maskRune,
		'「', '」', '『', '』', '【', '】', '《', '》', '（', '）', '。', '，', '、', '！', '？', '；', '：', '“', '”', '‘', '’', '…', '«', '»':
		k |= kindEndsURL
	}
	if writtenUnspaced(r) {
		k |= kindUnspaced
	}
	return k
}

// writtenUnspaced reports whether r belongs to a script that is written without spaces between
// words, or whose words take endings freely (Hangul).
func writtenUnspaced(r rune) bool {
	return r >= 0x0E00 && r <= 0x0EFF || // Thai, Lao
		r >= 0x1000 && r <= 0x109F || // Myanmar
		r >= 0x1780 && r <= 0x17FF || // Khmer
		r >= 0xAC00 && r <= 0xD7A3 || // Hangul
		r >= 0x2E80 && r <= 0x9FFF || r >= 0xF900 && r <= 0xFAFF || // kana, Han
		r >= 0xFF66 && r <= 0xFF9F || r >= 0x20000 && r <= 0x323AF
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isLetter(r rune) bool { return kindOf(r)&kindLetter != 0 }

func isWordRune(r rune) bool { return kindOf(r)&kindWord != 0 }

func unspaced(r rune) bool { return kindOf(r)&kindUnspaced != 0 }

// joinsCode reports whether a letter may be part of a typed code.
func joinsCode(r rune) bool { return kindOf(r)&kindJoins != 0 }

// nameRune reports whether r may be in a host or mailbox name.
func nameRune(r rune) bool { return kindOf(r)&kindName != 0 }
