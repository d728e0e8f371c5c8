package otp

import (
	"slices"
	"unicode"
)

// hyphenated reads tokens joined by hyphens with letters in them: G-482033, 8Q2-KM7, WDJB-MJHT,
// maple-otter-42.
func (p *page) hyphenated(i int) ([]*candidate, int) {
	n := 1
	for i+n < len(p.tokens) && n < 10 {
		a, b := p.tokens[i+n-1], p.tokens[i+n]
		if b.start-a.end != 1 || p.form[a.end] != '-' {
			break
		}
		n++
	}
	if n == 1 {
		return nil, 0
	}
	parts := p.tokens[i : i+n]
	if p.uuidLike(parts) {
		return nil, n
	}
	if c, used := p.prefixed(i, n); used > 0 {
		return c, used
	}
	c := &candidate{start: parts[0].start, end: parts[n-1].end, sep: '-', code: string(p.form[parts[0].start:parts[n-1].end])}
	digits, letters, widest, narrowest := 0, 0, 0, len(c.code)
	for _, t := range parts {
		digits, letters = digits+t.digits, letters+t.letters
		widest, narrowest = max(widest, t.len()), min(narrowest, t.len())
	}
	upper := !p.anyLower(c.start, c.end)
	switch {
	case n >= 3 && narrowest >= 5 && upper && digits > 0:
		return nil, n // the key of a product
	case digits > 0 && n <= 4 && digits+letters >= 4 && digits+letters <= 16 && widest <= 6 &&
		(upper || transitions(c.code) >= 2):
		c.shape = shapeMixed
	case digits == 0 && upper && n <= 4 && equalLengths(parts) && parts[0].len() >= 3 && parts[0].len() <= 5:
		c.shape = shapeLetters
	case n >= 3 && n <= 6 && digits+letters <= 40 && parts[0].digits == 0 && parts[1].digits == 0, n == 2 && parts[0].digits == 0 && parts[1].letters == 0 && parts[1].len() >= 2:
		c.shape = shapeWords
	default:
		return nil, n
	}
	return []*candidate{c}, n
}

// prefixed reads letters, a hyphen, and at least four digits, grouped or not.
func (p *page) prefixed(i, n int) ([]*candidate, int) {
	head := p.tokens[i]
	used, rest := n, p.tokens[i+1:i+n]
	if head.digits > 0 || slices.ContainsFunc(rest, func(t token) bool { return t.letters > 0 }) {
		return nil, 0
	}
	// "G-482 033": a space may split the digits.
	if len(rest) == 1 && i+2 < len(p.tokens) {
		next := p.tokens[i+2]
		if next.letters == 0 && next.len() == rest[0].len() && next.start-rest[0].end == 1 && p.form[rest[0].end] == ' ' && codeGroups(p.tokens[i+1:i+3]) {
			rest, used = p.tokens[i+1:i+3], 3
		}
	}
	code := p.typed(rest)
	if len(code) < 4 || len(code) > 10 || p.partOfNumber(rest[len(rest)-1], false) || len(rest) > 1 && isoDate(rest) {
		return nil, 0
	}
	name := string(p.fold[head.start:head.end])
	listed := words().exact[name]&clNumberPrefix != 0
	c := &candidate{unequal: listed, afterPrefix: listed && head.len() > 1, start: head.start, end: rest[len(rest)-1].end, shape: shapePrefix, sep: '-', code: code}
	if head.len() > 6 || p.isLabel(head) {
		c.start, c.shape = rest[0].start, shapeDigits // "code-482033": the word is a label
	}
	return []*candidate{c}, used
}

func (p *page) isLabel(t token) bool {
	i := p.hitIndex(t.start)
	return i < len(p.hits) && p.hits[i].start == t.start && p.hits[i].class&(clCodeName|clCodeNoun|clOtherNumber|clCodeVerb) != 0
}

// spacedAlphanumeric joins two or three groups of capitals and digits with spaces between: "7K2
// M9Q". Postcodes look alike, so the place decides later.
func (p *page) spacedAlphanumeric(i int) ([]*candidate, int) {
	n := 1
	for i+n < len(p.tokens) && n < 4 {
		a, b := p.tokens[i+n-1], p.tokens[i+n]
		if b.start-a.end != 1 || p.form[a.end] != ' ' && p.form[a.end] != '\t' || b.len() != a.len() {
			break
		}
		n++
	}
	parts := p.tokens[i : i+n]
	size := parts[0].len()
	if n < 2 || n > 3 || size < 2 || size > 5 || n*size < 5 || p.anyLower(parts[0].start, parts[n-1].end) {
		return nil, 0
	}
	if !slices.ContainsFunc(parts, func(t token) bool { return t.digits > 0 && t.letters > 0 }) {
		return nil, 0
	}
	c := p.grouped(parts, ' ')
	c.shape = shapeMixed
	return []*candidate{c}, n
}

// alphanumericToken reads one token with letters in it.
func (p *page) alphanumericToken(i int) []*candidate {
	t := p.tokens[i]
	if t.len() < 4 || t.digits == 0 && (t.len() > 10 || p.anyLower(t.start, t.end) && !p.behindColon(t)) {
		return nil // most words of a text
	}
	c := &candidate{start: t.start, end: t.end, code: string(p.form[t.start:t.end])}
	switch {
	case t.digits > 0 && p.labelGlued(t, c):
	case t.digits > 0 && t.len() <= 10:
		c.shape = shapeMixed
	case t.digits == 0 && !p.known(t):
		c.shape = shapeLetters
	default:
		return nil
	}
	return []*candidate{c}
}

// behindColon reports a word of at most eight letters that is all that follows a label and a colon:
// "Passcode: mifsuc". One in seven random codes of letters and digits has no digit.
func (p *page) behindColon(t token) bool {
	if t.len() > 8 || !p.sentenceEnds(t.end) {
		return false
	}
	mark, at := p.before(t.start)
	return mark == ':' && p.hitBefore(at, clCodeName|clCodeNoun)
}

// labelGlued handles "code482033" and "OTP482033": a word that names a code, run on into digits.
func (p *page) labelGlued(t token, c *candidate) bool {
	cut := t.start + slices.IndexFunc(p.form[t.start:t.end], isDigit)
	if cut == t.start || t.end-cut < 4 || t.end-cut > 10 || t.digits != t.end-cut {
		return false
	}
	i := p.hitIndex(t.start)
	if i >= len(p.hits) || p.hits[i].end != cut || p.hits[i].class&(clCodeName|clCodeNoun) == 0 {
		return false
	}
	c.start, c.code, c.shape = cut, string(p.form[cut:t.end]), shapeDigits
	return true
}

// known reports whether a token is a word of the lexicon.
func (p *page) known(t token) bool {
	for _, hits := range [...][]hit{p.hits, p.cues} {
		if i := indexAfter(hits, t.start); i < len(hits) && hits[i].start <= t.start && hits[i].end >= t.end {
			return true
		}
	}
	return false
}

func (p *page) anyLower(start, end int) bool {
	return slices.ContainsFunc(p.form[start:end], unicode.IsLower)
}

// uuidLike reports groups of 8-4-4-4-12 and other long identifiers.
func (p *page) uuidLike(parts []token) bool {
	return len(parts) >= 5 && parts[0].len() == 8 || len([]rune(p.typed(parts))) > 44
}
