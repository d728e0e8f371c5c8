package otp

import (
	"slices"
	"strings"
)

// oneRuneTokens joins a row of at least four one-character tokens: one digit per cell, span or
// line.
func (p *page) oneRuneTokens(i int) ([]*candidate, int) {
	n, digits := 1, p.tokens[i].digits
	sep := rune(0)
	for i+n < len(p.tokens) && p.tokens[i+n].len() == 1 {
		g := p.gapRune(p.tokens[i+n-1], p.tokens[i+n])
		if g != ' ' && g != '\t' && g != '\n' && g != '-' {
			break
		}
		if sep == 0 {
			sep = g
		}
		digits += p.tokens[i+n].digits
		n++
	}
	if n > 10 {
		return nil, n // a table of figures
	}
	if n < 4 || digits == 0 {
		return nil, 0
	}
	first, last := p.tokens[i], p.tokens[i+n-1]
	if p.partOfNumber(first, true) || p.partOfNumber(last, false) {
		return nil, 0
	}
	c := p.grouped(p.tokens[i:i+n], sep)
	if !isDigits(c.code) {
		c.shape = shapeMixed
	}
	return []*candidate{c}, n
}

// partOfNumber reports whether a digit token is part of a larger number, time or date on its left
// or right: 14:20, 48.19, 1,200, 05/01/2027.
func (p *page) partOfNumber(t token, left bool) bool {
	at, beyond := t.end, t.end+1
	if left {
		at, beyond = t.start-1, t.start-2
	}
	if at < 0 || at >= len(p.form) || beyond < 0 || beyond >= len(p.form) || !isDigit(p.form[beyond]) {
		return false
	}
	switch p.form[at] {
	case ':', '/', '.', ',', '\'', '*', '×', '+', '=':
		return true
	}
	return false
}

// dottedGroups reads even groups alone on their line, or behind a label, with a mark between that
// elsewhere separates sentences or thousands: "482.913", "48 · 29 · 13".
func (p *page) dottedGroups(i int) ([]*candidate, int) {
	n := 1
	for i+n < len(p.tokens) && p.tokens[i+n].letters == 0 && p.tokens[i+n].len() == p.tokens[i].len() &&
		strings.ContainsRune(".·|•・", p.gapRune(p.tokens[i+n-1], p.tokens[i+n])) {
		n++
	}
	chain := p.tokens[i : i+n]
	if n < 2 || !codeGroups(chain) || !p.lineAlone(chain[0].start, chain[n-1].end) &&
		!(p.hitBefore(chain[0].start, clCodeName|clCodeNoun) && p.sentenceEnds(chain[n-1].end)) {
		return nil, 0
	}
	return []*candidate{p.grouped(chain, ' ')}, n
}

// digitChain reads digit groups with one kind of separator and splits them into candidates.
func (p *page) digitChain(i int) ([]*candidate, int) {
	if c, n := p.dottedGroups(i); n > 0 {
		return c, n
	}
	n, mixed := 1, false
	sep := rune(0)
	for i+n < len(p.tokens) && n < 14 {
		prev, next := p.tokens[i+n-1], p.tokens[i+n]
		g := p.gapRune(prev, next)
		if next.letters > 0 || g != ' ' && g != '-' && g != '\t' || p.partOfNumber(next, false) || p.partOfNumber(prev, false) {
			break
		}
		if sep == 0 {
			sep = g
		}
		mixed = mixed || g != sep
		n++
	}
	// Letters glued to the last group by a hyphen: 1234-ABCD.
	if last := i + n - 1; n == 1 && last+1 < len(p.tokens) && p.gapRune(p.tokens[last], p.tokens[last+1]) == '-' && p.tokens[last+1].letters > 0 {
		if c, used := p.hyphenated(i); used > 0 {
			return c, used
		}
	}
	chain := p.tokens[i : i+n]
	for len(chain) > 1 && p.unitAfter(chain[len(chain)-1].end) && sep == ' ' {
		chain = chain[:len(chain)-1]
	}
	return p.splitChain(chain, sep, mixed), n
}

func (p *page) splitChain(chain []token, sep rune, mixed bool) []*candidate {
	if len(chain) == 1 {
		return p.digitSingle(chain[0])
	}
	whole := p.grouped(chain, sep)
	total := len(whole.code)
	if p.plusBefore(whole.start) || mixed && total >= 7 {
		return nil // a telephone number
	}
	if equalLengths(chain) && codeGroups(chain) {
		return []*candidate{whole}
	}
	whole.unequal = true
	switch {
	case sep == '-' && (total > 10 || total < 4 || isoDate(chain)):
		return nil
	case total > 10 && (equalLengths(chain) && chain[0].len() >= 3 || phoneLike(chain)):
		return nil
	case sep != '\t' && total <= 10 && !p.severalNumbers(chain):
		return []*candidate{whole} // or a telephone number, and never a part of it
	}
	// Numbers side by side.
	var out []*candidate
	for _, t := range chain {
		out = append(out, p.digitSingle(t)...)
	}
	return out
}

// severalNumbers reports whether two groups of a chain are each long enough for a code.
func (p *page) severalNumbers(chain []token) bool {
	long := 0
	for _, t := range chain {
		if t.len() >= 4 {
			long++
		}
	}
	return long > 1
}

// sentenceEnds reports whether a sentence or line ends at i.
func (p *page) sentenceEnds(i int) bool {
	return i >= len(p.form) || p.form[i] == '\n' || p.form[i] == '.' && p.isStop(i)
}

func (p *page) digitSingle(t token) []*candidate {
	if t.len() < 4 || t.len() > 10 || p.partOfNumber(t, true) || p.partOfNumber(t, false) {
		return nil
	}
	return []*candidate{{start: t.start, end: t.end, shape: shapeDigits, code: string(p.form[t.start:t.end])}}
}

func (p *page) grouped(chain []token, sep rune) *candidate {
	return &candidate{
		start: chain[0].start, end: chain[len(chain)-1].end, shape: shapeGrouped, sep: sep, code: p.typed(chain),
	}
}

// typed is the text of tokens without what separates them.
func (p *page) typed(chain []token) string {
	var out []rune
	for _, t := range chain {
		out = append(out, p.form[t.start:t.end]...)
	}
	return string(out)
}

func equalLengths(chain []token) bool {
	return !slices.ContainsFunc(chain, func(t token) bool { return t.len() != chain[0].len() })
}

// codeGroups reports whether even groups make a usual code.
func codeGroups(chain []token) bool {
	n, size := len(chain), chain[0].len()
	switch size {
	case 1:
		return n >= 4 && n <= 10
	case 2:
		return n >= 2 && n <= 5
	case 3:
		return n == 2 || n == 3
	case 4, 5:
		return n == 2
	}
	return false
}

// isoDate reports groups such as 2027-01-05 or 05-01-2027.
func isoDate(chain []token) bool {
	if len(chain) != 3 {
		return false
	}
	a, b, c := chain[0].len(), chain[1].len(), chain[2].len()
	return a == 4 && b <= 2 && c <= 2 || a <= 2 && b <= 2 && c == 4
}

func phoneLike(chain []token) bool {
	return len(chain) >= 3 && chain[0].len() <= 5 && chain[len(chain)-1].len() >= 2
}
