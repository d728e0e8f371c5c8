package otp

import (
	"slices"
	"strings"
	"unicode"
)

// otherCode reports whether the word before "code" or "PIN" makes it another
// kind of code: "shed code", "kiosk PIN". Such compounds are without end in
// English, so the words that do not make one are listed (class fore) instead of
// those that do. A capitalised word is a sender's name, and a message that asks
// for a sign-in or warns about sharing means a code of ours by any name.
func (p *page) otherCode(h hit) bool {
	word := string(p.fold[h.start:h.end])
	if word != "code" && word != "pin" && word != "passcode" || p.vouches {
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
	for _, r := range p.form[start:end] {
		if r < 'a' || r > 'z' {
			return false
		}
	}
	if words().exact[string(p.fold[start:end])]&clFore != 0 {
		return false
	}
	if word != "code" && !p.english() {
		return false // "dein PIN", "seu PIN"
	}
	k := p.hitIndex(start)
	return k >= len(p.hits) || p.hits[k].start > start || p.hits[k].end < end
}

// english reports whether an English function word stands on the page.
func (p *page) english() bool {
	if p.tongue == 0 {
		p.tongue = 1
		if p.readsEnglish() {
			p.tongue = 2
		}
	}
	return p.tongue == 2
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

// generalActs ask for a value without saying what for.
var generalActs = map[string]bool{"use": true, "enter": true, "type": true, "type in": true, "key in": true, "input": true, "punch in": true, "reply": true, "reply with": true, "respond with": true, "submit": true, "paste": true, "try": true, "try this": true, "access": true, "continue": true, "complete": true, "finish": true, "proceed": true, "join": true, "quote": true, "quoting": true, "get in": true, "here it is": true, "here you go": true, "here you are": true, "unlock": true, "set up": true, "setup": true, "approval": true, "confirm": true, "approved": true}

// readVouches notes whether the page speaks of signing in, of verifying, or of
// keeping a code to oneself.
func (p *page) readVouches() {
	for _, h := range p.cues {
		p.vouches = p.vouches || h.class&clHint != 0
	}
	for _, h := range p.hits {
		if h.class&clStrong != 0 || h.class&clAct != 0 && !generalActs[string(p.fold[h.start:h.end])] {
			p.vouches = true
		}
	}
}

// quietAt reports whether no word in the sentence of the candidate, and none
// directly before another number, labels something else.
func (p *page) quietAt(c *candidate) bool {
	for _, h := range p.hits {
		if h.class&clDecoy != 0 && !p.senderTag(h) && (h.start < c.start && p.segOf(h.start) == c.seg || p.labelsNext(h)) {
			return false
		}
	}
	return true
}

// receiptWords name a value that the bank gives the shop, when the message is
// about a payment that was made, and one that the reader gives when it asks.
var receiptWords = [...]string{"approval", "authorizati", "authorisati", "auth code", "autorizaci", "autorizaca", "autorisation", "autorizzazion", "autorizad", "aprobad", "aprovad", "approved", "autorise", "approuve"}

func receiptWord(word string) bool {
	return slices.ContainsFunc(receiptWords[:], func(stem string) bool { return strings.HasPrefix(word, stem) })
}

// onReceipt reports whether h is "approval code" and the like at a plain number
// in a message that states an amount and asks for nothing.
func (p *page) onReceipt(h hit, c *candidate) bool {
	return p.receipt && c.shape != shapeGrouped && receiptWord(string(p.fold[h.start:h.end]))
}

// readReceipt notes whether the page states an amount and neither asks for
// anything nor says how long a code works.
func (p *page) readReceipt() {
	for i, r := range p.form {
		if i > 20000 {
			return
		}
		p.receipt = p.receipt || r > ' ' && unicode.Is(unicode.Sc, r)
	}
	for _, h := range p.hits {
		p.receipt = p.receipt || h.class&clMoney != 0
	}
	if !p.receipt {
		return
	}
	for _, h := range p.cues {
		if h.class&clHint != 0 {
			p.receipt = false
		}
	}
	for _, h := range p.hits {
		if h.class&clStrong != 0 || h.class&clAct != 0 && !receiptWord(string(p.fold[h.start:h.end])) {
			p.receipt = false
		}
	}
	for i := 0; i+5 <= len(p.fold) && i < 20000; i++ {
		if w := string(p.fold[i : i+5]); (w == "valid" || w == "expir") && wordStart(p.fold, i) {
			p.receipt = false
		}
	}
}

// senderTag reports whether "ID" is part of the sender's name that opens the
// message: "Larkspur ID: 482-033".
func (p *page) senderTag(h hit) bool {
	if string(p.fold[h.start:h.end]) != "id" || h.start > 24 || h.start < 3 || p.form[h.start-1] != ' ' || p.form[h.start] != 'I' {
		return false
	}
	start := 0
	if p.form[0] == '[' || p.form[0] == '(' {
		start = 1
	}
	for i := start; i < h.start-1; i++ {
		if !isLetter(p.form[i]) {
			return false
		}
	}
	return unicode.IsUpper(p.form[start]) && !p.known(token{start: start, end: h.start - 1})
}

// atHost reports "@host #482033" that is no origin-bound line.
func (p *page) atHost(c *candidate) bool {
	return c.start > 2 && p.form[c.start-1] == '#' && (p.form[c.start-3] == maskRune || isLetter(p.form[c.start-3]))
}

// meansWords say that what follows is the means to do what was said before.
var meansWords = map[string]bool{"with": true, "using": true, "w/": true, "by": true, "mit": true, "avec": true, "con": true, "com": true, "met": true, "med": true, "per": true, "via": true, "dengan": true, "menggunakan": true, "voi": true, "bang": true, "cu": true, "pomoci": true, "ile": true}

// means reports "... with 482033": what the sentence named before is not what
// the number is.
func (p *page) means(c *candidate) bool {
	_, at := p.before(c.start)
	end := at + 1
	for at >= 0 && p.form[at] != ' ' && end-at < 9 {
		at--
	}
	return end > 0 && meansWords[string(p.fold[at+1:end])]
}

// orWords stand between a code and the link that does the same.
var orWords = map[string]bool{"or": true, "oder": true, "ou": true, "o": true, "oppure": true, "of": true, "lub": true, "albo": true, "eller": true, "tai": true, "nebo": true, "alebo": true, "sau": true, "vagy": true, "или": true, "або": true, "veya": true, "atau": true, "hoac": true, "hoặc": true, "או": true, "أو": true, "یا": true, "या": true, "または": true, "或": true, "또는": true, "หรือ": true, "ή": true, "η": true, "ili": true, "ali": true, "или на": true}

// orLink reports whether only an "or" stands between a code and a bare URL.
func (p *page) orLink(end int) bool {
	i := end
	for i < len(p.form) && i-end < 4 && (p.form[i] == ' ' || p.form[i] == ',' || p.form[i] == '\n' || p.form[i] == '.' || p.form[i] == '-' || p.form[i] == '，' || p.form[i] == '/') {
		i++
	}
	from := i
	for i < len(p.form) && i-from < 8 && p.form[i] > ' ' && p.form[i] != ':' {
		i++
	}
	if !orWords[string(p.fold[from:i])] {
		return false
	}
	for i < len(p.form) && (p.form[i] == ' ' || p.form[i] == ':' || p.form[i] == '\n') {
		i++
	}
	return i < len(p.form) && p.form[i] == maskRune
}

// afterOr reports whether the word before offset i is an "or".
func (p *page) afterOr(i int) bool {
	for i--; i >= 0 && (p.form[i] == ' ' || p.form[i] == ':' || p.form[i] == '\n'); i-- {
	}
	end := i + 1
	for i >= 0 && isLetter(p.form[i]) && end-i < 9 {
		i--
	}
	return end > 0 && orWords[string(p.fold[i+1:end])]
}

// brandCode reports "Starling Post code": a label of another number whose first
// word is the end of a name.
func (p *page) brandCode(h hit) bool {
	space := h.start
	for space < h.end && p.form[space] != ' ' {
		space++
	}
	if tail := string(p.form[min(space+1, h.end):h.end]); tail != "code" && tail != "passcode" && tail != "PIN" {
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

// numberedPlace reports a label of another kind with a short number at the end:
// the "door 3" of "door 3 code".
func (p *page) numberedPlace(end int) bool {
	at := end
	for at > 0 && isDigit(p.form[at-1]) && end-at < 4 {
		at--
	}
	if at == end || at < 2 || end-at > 3 || p.form[at-1] != ' ' {
		return false
	}
	k := p.hitIndex(at - 2)
	return k < len(p.hits) && p.hits[k].end == at-1 && p.hits[k].class&clDecoy != 0
}
