package otp

import (
	"slices"
	"strings"
	"unicode"
)

// reject marks a candidate that its direct neighbours show to be something else: money, a time, a
// quantity, a masked card, a telephone number.
func (p *page) reject(c *candidate) {
	before, at := p.before(c.start)
	after, _ := p.after(c.end)
	switch {
	case p.ticketKey(c):
		c.rejected = rejectedKey
	case p.plusBefore(c.start):
		c.rejected = "a telephone number"
	case p.afterMask(c, before, at):
		c.rejected = "the end of a masked number"
	case unicode.Is(unicode.Sc, before) || unicode.Is(unicode.Sc, after) || p.classAt(c, clMoney):
		c.rejected = "an amount of money"
	case p.unitAfter(c.end):
		c.rejected = "a quantity, a time or part of an address"
	case p.monthBeside(c):
		c.rejected = "part of a date"
	case c.end < len(p.form) && (p.form[c.end] == '%' || p.form[c.end] == '°' || p.form[c.end] == '@'):
		c.rejected = "a quantity"
	case c.start > 0 && strings.ContainsRune("@/\\_", p.form[c.start-1]) && !c.bracketed,
		c.end+1 < len(p.form) && strings.ContainsRune("/\\_", p.form[c.end]) && isWordRune(p.form[c.end+1]):
		c.rejected = "part of a longer name"
	case p.behindName(c):
		c.rejected = "the value of a setting"
	case p.zipLike(c):
		c.rejected = "a postal code"
	case c.shape == shapeMixed && c.sep == 0 && (p.hasGluedUnit(c) || maskedWithX(c.code)):
		if c.quantity = true; len(c.code) < 5 {
			c.rejected = "a quantity, or the end of a masked number"
		}
	}
}

// ticketKey reports "#4821" in a mail that is not labelled as a code, and "AUTH-4821" at the start
// of a subject or in brackets.
func (p *page) ticketKey(c *candidate) bool {
	if p.kind == pageSubject && c.shape == shapePrefix && len(c.code) < 6 && p.form[c.start] >= 'A' && p.form[c.start+1] != '-' {
		return true
	}
	if p.kind == pageSubject && c.start > 2 && p.form[c.start-1] == '-' && unicode.IsUpper(p.form[c.start-2]) && c.end < len(p.form) && p.form[c.end] == ':' {
		return true
	}
	letters := c.start < c.end && isLetter(p.form[c.start]) && c.sep == '-'
	if letters && p.kind == pageSubject && c.end < len(p.form) && (p.form[c.end] == ':' || p.form[c.end] == ']') {
		return true
	}
	if !p.mail || c.start == 0 || p.form[c.start-1] != '#' {
		return false
	}
	_, at := p.before(c.start - 1)
	return at < 0 || p.hitAt(at).class&(clCodeName|clCodeNoun|clCopula) == 0 && p.form[at] != ':'
}

// afterMask reports "*1234", "...1234", "xx1234" and the like.
func (p *page) afterMask(c *candidate, before rune, at int) bool {
	switch before {
	case 'X', 'x':
		return at > 0 && (p.form[at-1] == before || p.form[at-1] == ' ')
	case '#':
		return false
	case '•', '●', '·', '∗':
		if at != c.start-1 && (at == 0 || p.form[at-1] != before) {
			return false // it separates
		}
		return true
	case '*', '×':
		return c.end >= len(p.form) || p.form[c.end] != '*' || at != c.start-1
	case '…':
		return at == c.start-1
	case '.':
		return at == c.start-1 && at > 0 && p.form[at-1] == '.'
	}
	return false
}

// maskedWithX reports "x4418" and "xx4418".
func maskedWithX(code string) bool {
	digits := strings.TrimLeft(strings.ToLower(code), "x")
	return len(digits) < len(code) && len(digits) <= 5 && isDigits(digits)
}

func isDigits(s string) bool { return s != "" && !strings.ContainsFunc(s, isNoDigit) }

func isNoDigit(r rune) bool { return !isDigit(r) }

// monthBeside reports a month name next to a number that may be a year or a day with one.
func (p *page) monthBeside(c *candidate) bool {
	if c.shape != shapeDigits || len(c.code) > 4 {
		return false
	}
	if p.classAt(c, clMonth) {
		return true
	}
	// "5 January, 2027" and "enero de 2027"
	_, at := p.before(c.start)
	for n := 0; at >= 0 && n < 5 && (p.form[at] == ',' || p.form[at] == '.' || p.form[at] == ' ' || p.fold[at] == 'd' || p.fold[at] == 'e'); n++ {
		at--
	}
	if at < 0 || !yearLike(c.code) {
		return false
	}
	if p.hitAt(at).class&clMonth != 0 {
		return true
	}
	// "Jan 5, 2027": a day stands between.
	for n := 0; at >= 0 && n < 3 && (isDigit(p.form[at]) || p.form[at] == ' '); n++ {
		at--
	}
	return p.hitAt(at).class&clMonth != 0
}

func yearLike(code string) bool {
	return len(code) == 4 && (strings.HasPrefix(code, "19") || strings.HasPrefix(code, "20"))
}

// behindName reports the value of "site-verify=482033": a name with a hyphen or underscore, and an
// equals sign.
func (p *page) behindName(c *candidate) bool {
	i := c.start - 1
	if i < 1 || p.form[i] != '=' {
		return false
	}
	for i--; i >= 0 && c.start-i < 40 && (isWordRune(p.form[i]) || p.form[i] == '-' || p.form[i] == '_'); i-- {
		if p.form[i] == '-' || p.form[i] == '_' {
			return true
		}
	}
	return false
}

// zipLike reports the "TX 78704" of an address.
func (p *page) zipLike(c *candidate) bool {
	s := c.start
	return c.shape == shapeDigits && len(c.code) == 5 && s >= 5 && p.form[s-1] == ' ' &&
		unicode.IsUpper(p.form[s-2]) && unicode.IsUpper(p.form[s-3]) && p.form[s-4] == ' ' && p.form[s-5] == ','
}

// hasGluedUnit reports digits with a unit glued on: 20GB, 5000mAh, 18h30.
func (p *page) hasGluedUnit(c *candidate) bool {
	folded := p.fold[c.start:c.end]
	i := slices.IndexFunc(folded, isNoDigit)
	if i <= 0 {
		return false
	}
	tail := folded[i:]
	labels, _ := words().find(tail, p.spoken, nil, nil)
	return slices.ContainsFunc(labels, func(h hit) bool {
		return h.start == 0 && h.class&(clUnit|clMoney) != 0 && !slices.ContainsFunc(tail[h.end:], isNoDigit)
	})
}
