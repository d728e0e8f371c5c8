package otp

import "strings"

// relation places a hit against a candidate.
type relation struct {
	left       bool
	adjacent   bool // nothing but punctuation and frame words between
	introduced bool // adjacent, or the candidate is introduced and in the same sentence
	numbers    int  // other numbers between
	sentences  int  // sentence borders between
	lines      int
	dist       int
}

func (p *page) relate(c *candidate, h hit, introduced bool) relation {
	r := relation{left: h.end <= c.start}
	from, to := h.end, c.start
	if !r.left {
		from, to = c.end, h.start
	}
	from = min(from, to)
	r.dist = to - from
	r.adjacent = r.dist <= 60
	digits := 0
	for i := from; i < to; i++ {
		ch := p.form[i]
		switch {
		case isDigit(ch):
			digits++
			if digits == 3 {
				r.numbers++
			}
			r.adjacent = false
			continue
		case ch == '\n':
			r.lines++
		case ch == maskRune:
			r.adjacent = false
		case isLetter(ch) && r.adjacent:
			if frame := p.hitAt(i); frame.class&clCopula != 0 && frame.end <= to {
				i = frame.end - 1
			} else {
				r.adjacent = false
			}
		case ch == ',' || ch == '，':
			if !r.left {
				r.adjacent = false
			}
		}
		digits = 0
	}
	r.sentences = p.segOf(max(h.start, c.start)) - p.segOf(min(h.start, c.start))
	r.adjacent = r.adjacent && r.lines <= 1 && (r.sentences == 0 || r.left && r.lines == 1)
	r.introduced = r.adjacent || introduced && r.sentences == 0 && r.left
	return r
}

// weight is what distance leaves of a word's worth.
func (r relation) weight(c *candidate) float64 {
	w := 0.35
	switch {
	case r.adjacent && r.left:
		w = 1.15
	case r.adjacent:
		w = 1.05
	case r.sentences == 0 && r.left && r.introduced:
		w = 1
	case r.sentences == 0 && r.left:
		w = 0.85
	case r.sentences == 0 && c.start == 0 && c.page.kind == pageText:
		w = 1.02 // the message opens with it
	case r.sentences == 0 && c.startsSentence():
		w = 0.9 // "449018 lets you sign in"
	case r.sentences == 0:
		w = 0.8
	case r.sentences == 1 && (c.alone || c.isFirstSentence() || r.left && r.lines <= 1 && c.startsSentence()):
		w = 0.75
	case r.sentences == 1:
		w = 0.5
	case r.sentences == 2 && c.alone:
		w = 0.55
	case r.sentences == 2:
		w = 0.4
	}
	if r.dist > 60 && !r.introduced {
		w *= 0.85
	}
	for range min(r.numbers, 3) {
		if r.introduced {
			w *= 0.7 // "Confirm card 4418 with 551209"
		} else {
			w *= 0.5
		}
	}
	return w
}

// startsSentence reports whether the candidate is the first word of its sentence. A sender's name
// in brackets before it does not count.
func (c *candidate) startsSentence() bool {
	inTag := false
	for _, r := range c.page.form[c.page.segs[c.seg].start:c.start] {
		switch {
		case r == '【' || r == '[':
			inTag = true
		case r == '】' || r == ']':
			inTag = false
		case !inTag && isWordRune(r):
			return false
		}
	}
	return true
}

// isFirstSentence reports whether the candidate is the whole first sentence of a text.
func (c *candidate) isFirstSentence() bool {
	return c.start == 0 && c.page.kind == pageText && c.page.segs[0].end <= c.end+1
}

// introduced reports whether a colon, an equals sign, a dash or a word such as "is" stands directly
// before the candidate.
func (p *page) introduced(c *candidate) bool {
	i := c.start - 1
	for i >= 0 && (p.form[i] <= ' ' || strings.ContainsRune("\"'[(*“「«#", p.form[i])) {
		if i--; c.start-i > 16 {
			return false
		}
	}
	if i < 0 {
		return false
	}
	switch p.form[i] {
	case ':', '=', '→', '⇒', '➜', '»', '>':
		return true
	case '-':
		return i > 0 && p.form[i-1] == ' '
	}
	return p.hitAt(i).class&clCopula != 0
}
