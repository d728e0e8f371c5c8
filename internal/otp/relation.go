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

// place is where the word stands.
func (r relation) place(c *candidate) place {
	switch {
	case r.adjacent && r.left:
		return placeBefore
	case r.adjacent:
		return placeBehind
	case r.sentences == 0 && r.left && r.introduced:
		return placeIntroduced
	case r.sentences == 0 && r.left:
		return placeLeft
	case r.sentences == 0 && c.start == 0 && c.page.kind == pageText:
		return placeOpens
	case r.sentences == 0 && c.startsSentence():
		return placeStarts // "449018 lets you sign in"
	case r.sentences == 0:
		return placeRight
	case r.sentences == 1 && (c.alone || c.isFirstSentence() || r.left && r.lines <= 1 && c.startsSentence()):
		return placeNext
	case r.sentences == 1, r.sentences == 2 && c.alone:
		return placeNear
	}
	return placeElsewhere
}

func (r relation) topic() feature {
	if r.sentences == 0 {
		return featTopicSentence
	}
	return featTopicNear
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
