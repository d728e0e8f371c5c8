package otp

import (
	"slices"
	"strings"
	"unicode"
)

// otherKindOfCode reports whether the word before "code" or "PIN" makes it another kind of code:
// "shed code", "kiosk PIN". Such compounds are without end in English, so the words that do not
// make one are listed (neutral-modifier) instead of those that do. A capitalised word is a sender's
// name, and a message that asks for a sign-in or warns about sharing means a verification code by
// any name.
func (p *page) otherKindOfCode(h hit) bool {
	word := p.word(h)
	if word != "code" && word != "pin" && word != "passcode" || p.aboutSignIn {
		return false
	}
	if p.openLabel(h) {
		return false
	}
	end := h.start - 1
	if end < 0 || p.form[end] != ' ' && p.form[end] != '-' {
		return false
	}
	if p.numberedPlace(end) {
		return true
	}
	start := end
	for start > 0 && isLetter(p.form[start-1]) && end-start < 24 {
		start--
	}
	if end-start < 3 || start > 0 && isWordRune(p.form[start-1]) {
		return false
	}
	if slices.ContainsFunc(p.form[start:end], func(r rune) bool { return r < 'a' || r > 'z' }) ||
		words().exact[string(p.fold[start:end])]&clNeutralModifier != 0 {
		return false
	}
	if (word != "code" || p.form[end] == '-') && !p.english() {
		return false // "dein PIN", "seu PIN", "dein talvik-Code"
	}
	return p.hitAt(start).end < end
}

// english reports whether an English function word stands on the page.
func (p *page) english() bool {
	if p.isEnglish == nil {
		yes := p.readsEnglish()
		p.isEnglish = &yes
	}
	return *p.isEnglish
}

func (p *page) readsEnglish() bool {
	for i := 0; i < len(p.fold) && i < 2000; i++ {
		if !isLetter(p.fold[i]) || i > 0 && isWordRune(p.fold[i-1]) {
			continue
		}
		end := i
		for end < len(p.fold) && isLetter(p.fold[end]) && end-i < 8 {
			end++
		}
		switch string(p.fold[i:end]) {
		case "your", "the", "with", "from", "this", "and", "at", "for":
			return true
		}
	}
	return false
}

// senderTag reports whether "ID" is part of the sender's name that opens the message: "Larkspur ID:
// 482-033".
func (p *page) senderTag(h hit) bool {
	if p.word(h) != "id" || h.start > 24 || h.start < 3 || p.form[h.start-1] != ' ' || p.form[h.start] != 'I' {
		return false
	}
	start := 0
	if p.form[0] == '[' || p.form[0] == '(' {
		start = 1
	}
	name := p.form[start : h.start-1]
	return !slices.ContainsFunc(name, func(r rune) bool { return !isLetter(r) }) && unicode.IsUpper(name[0]) &&
		!p.known(token{start: start, end: h.start - 1})
}

// brandCode reports "Starling Post code": a label of another number whose first word is the end of
// a name.
func (p *page) brandCode(h hit) bool {
	_, tail, _ := strings.Cut(string(p.form[h.start:h.end]), " ")
	if tail != "code" && tail != "passcode" && tail != "PIN" {
		return false
	}
	if h.start < 3 || !unicode.IsUpper(p.form[h.start]) || p.form[h.start-1] != ' ' || !isLetter(p.form[h.start-2]) {
		return false
	}
	at := h.start - 2
	for at > 0 && isLetter(p.form[at-1]) {
		at--
	}
	if word := string(p.fold[at : h.start-1]); word == "your" || word == "the" {
		return false
	}
	return unicode.IsUpper(p.form[at])
}

// numberedPlace reports a label of another kind with a short number at the end: the "door 3" of
// "door 3 code".
func (p *page) numberedPlace(end int) bool {
	at := end
	for at > 0 && isDigit(p.form[at-1]) && end-at < 4 {
		at--
	}
	if at == end || at < 2 || end-at > 3 || p.form[at-1] != ' ' {
		return false
	}
	h := p.hitAt(at - 2)
	return h.end == at-1 && h.class&clOtherNumber != 0
}

// openLabel reports "your NOUN code" and a line that begins "NOUN code:" before six digits, where
// the noun is no word of the lexicon: the name of a sender in lower case.
func (p *page) openLabel(h hit) bool {
	at := h.end
	for n := 0; n < 4 && at < len(p.form) && !isDigit(p.form[at]) && p.form[at] != '\n'; n++ {
		at++
	}
	end := at
	for end < len(p.form) && isDigit(p.form[end]) {
		end++
	}
	if end-at < 4 || end-at > 8 || h.start < 2 || p.form[h.start-1] != ' ' {
		return false
	}
	start := h.start - 1
	for start > 0 && isLetter(p.form[start-1]) {
		start--
	}
	if p.hitAt(start).end > start {
		return false
	}
	const your = "your "
	return start == 0 || start == len(your) && string(p.fold[:start]) == your
}
