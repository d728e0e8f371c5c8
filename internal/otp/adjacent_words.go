package otp

import (
	"slices"
	"strings"
)

// boundToHost reports a line "@host #482033" that is not quite the usual.
func (p *page) boundToHost(c *candidate) bool {
	start, end := p.lineBounds(c.start)
	if end-c.end > 8 || p.form[start] != '@' || p.form[c.start-1] != '#' {
		return false
	}
	return !slices.ContainsFunc(p.form[start+1:c.start-1], func(r rune) bool { return r != maskRune && r != ' ' && r != ':' && !isDigit(r) })
}

// afterWithWord reports "... with 482033": what the sentence named before is not what the number
// is.
func (p *page) afterWithWord(c *candidate) bool {
	_, at := p.before(c.start)
	end := at + 1
	for at >= 0 && p.form[at] != ' ' && end-at < 9 {
		at--
	}
	return end > 0 && words().exact[string(p.fold[at+1:end])]&clWithWord != 0
}

// orLink reports whether only an "or" stands between a code and a bare URL.
func (p *page) orLink(end int) bool {
	i := end
	for i < len(p.form) && i-end < 4 && strings.ContainsRune(" ,\n.-，/", p.form[i]) {
		i++
	}
	from := i
	for i < len(p.form) && i-from < 8 && p.form[i] > ' ' && p.form[i] != ':' {
		i++
	}
	if words().exact[string(p.fold[from:i])]&clOrWord == 0 {
		return false
	}
	for i < len(p.form) && strings.ContainsRune(" :\n", p.form[i]) {
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
	return end > 0 && words().exact[string(p.fold[i+1:end])]&clOrWord != 0
}

// before returns the first rune that is not a space left of i, on the same line, and its offset.
func (p *page) before(i int) (rune, int) {
	for i--; i >= 0 && p.form[i] == ' '; i-- {
	}
	if i < 0 {
		return 0, -1
	}
	return p.form[i], i
}

func (p *page) after(i int) (rune, int) {
	for ; i < len(p.form) && p.form[i] == ' '; i++ {
	}
	if i >= len(p.form) {
		return 0, -1
	}
	return p.form[i], i
}

func (p *page) plusBefore(i int) bool { return i > 0 && (p.form[i-1] == '+' || p.form[i-1] == '＋') }

// classAt reports whether a word of the class stands directly before or behind the candidate.
func (p *page) classAt(c *candidate, cl class) bool {
	return p.hitBefore(c.start, cl) || p.hitAfter(c.end, cl)
}

func (p *page) hitBefore(i int, cl class) bool {
	before, at := p.before(i)
	if before == '.' { // "Rs. 4500"
		at--
	}
	h := p.hitAt(at)
	return h.end <= i && h.class&cl != 0
}

func (p *page) hitAfter(i int, cl class) bool {
	after, at := p.after(i)
	if after == '-' && at == i { // "5-minute"
		at++
	}
	h := p.hitAt(at)
	if h.start != at || h.class&cl == 0 {
		return false
	}
	// One letter is a unit only where it is glued on: "e" and "a" are words.
	return at == i || h.end-at > 1 || !joinsCode(p.form[at])
}

// unitAfter reports a unit, currency or noun of quantity behind i.
func (p *page) unitAfter(i int) bool { return p.hitAfter(i, clUnit|clMoney) }
