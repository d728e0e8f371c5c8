package otp

import (
	"sort"
	"strings"
	"unicode"
)

// hyphenated reads tokens joined by hyphens with letters in them: G-482033,
// 8Q2-KM7, WDJB-MJHT, maple-otter-42.
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
	digits, letters, widest := 0, 0, 0
	for _, t := range parts {
		digits, letters, widest = digits+t.digits, letters+t.letters, max(widest, t.len())
	}
	upper := !p.anyLower(c.start, c.end)
	switch {
	case digits > 0 && n <= 4 && digits+letters >= 4 && digits+letters <= 16 && widest <= 6 && (upper || p.randomCase(c.start, c.end)):
		c.shape = shapeMixed
	case digits == 0 && upper && n <= 4 && even(parts) && parts[0].len() >= 3 && parts[0].len() <= 5:
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
	if head.digits > 0 || n < 2 {
		return nil, 0
	}
	used, rest := n, p.tokens[i+1:i+n]
	for _, t := range rest {
		if t.letters > 0 {
			return nil, 0
		}
	}
	// "G-482 033": a space may split the digits.
	if len(rest) == 1 && i+2 < len(p.tokens) {
		next := p.tokens[i+2]
		if next.letters == 0 && next.len() == rest[0].len() && next.start-rest[0].end == 1 && p.form[rest[0].end] == ' ' && codeGroups(p.tokens[i+1:i+3]) {
			rest, used = p.tokens[i+1:i+3], 3
		}
	}
	code := digitsOf(rest, p.form)
	if len(code) < 4 || len(code) > 10 || p.bound(rest[len(rest)-1], false) || len(rest) > 1 && isoDate(rest) {
		return nil, 0
	}
	name := string(p.fold[head.start:head.end])
	listed := words().exact[name]&clNumberPrefix != 0
	c := &candidate{uneven: listed, listed: listed && head.len() > 1, start: head.start, end: rest[len(rest)-1].end, shape: shapePrefix, sep: '-', code: code}
	if head.len() > 6 || p.isLabel(head) {
		c.start, c.shape = rest[0].start, shapeDigits // "code-482033": the word is a label
	}
	return []*candidate{c}, used
}

func (p *page) isLabel(t token) bool {
	i := p.hitIndex(t.start)
	return i < len(p.hits) && p.hits[i].start == t.start && p.hits[i].class&(clCodeName|clCodeNoun|clOtherNumber|clCodeVerb) != 0
}

// hitIndex returns the index of the first hit that ends behind offset i.
// Starts and ends of hits both grow, so it can be searched for.
func (p *page) hitIndex(i int) int { return indexAfter(p.hits, i) }

func indexAfter(hits []hit, i int) int {
	return sort.Search(len(hits), func(k int) bool { return hits[k].end > i })
}

// spacedAlnum joins two or three groups of capitals and digits with spaces
// between: "7K2 M9Q". Postcodes look alike, so the place decides later.
func (p *page) spacedAlnum(i int) ([]*candidate, int) {
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
	digits, random := 0, 0
	for _, t := range parts {
		digits += t.digits
		if t.digits > 0 && t.letters > 0 {
			random++
		}
	}
	if digits == 0 || random == 0 {
		return nil, 0
	}
	c := &candidate{start: parts[0].start, end: parts[n-1].end, shape: shapeMixed, sep: ' '}
	for _, t := range parts {
		c.code += string(p.form[t.start:t.end])
	}
	return []*candidate{c}, n
}

// single reads one token with letters in it.
func (p *page) single(i int) []*candidate {
	t := p.tokens[i]
	if t.len() < 4 || t.digits == 0 && (t.len() > 10 || p.anyLower(t.start, t.end)) {
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

// labelGlued handles "code482033" and "OTP482033": a word that names a code,
// run on into digits.
func (p *page) labelGlued(t token, c *candidate) bool {
	cut := t.start
	for cut < t.end && !isDigit(p.form[cut]) {
		cut++
	}
	if cut == t.start || t.end-cut < 4 || t.end-cut > 10 || t.digits != t.end-cut {
		return false
	}
	i := p.hitIndex(t.start)
	if i >= len(p.hits) || p.hits[i].end != cut || p.hits[i].class&(clCodeName|clCodeNoun) == 0 {
		return false
	}
	c.start, c.code, c.shape, c.joined = cut, string(p.form[cut:t.end]), shapeDigits, true
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
	for _, r := range p.form[start:end] {
		if unicode.IsLower(r) {
			return true
		}
	}
	return false
}

// randomCase reports whether letters and digits change places often, as in
// generated codes (e4k71p) but not in words or versions.
func (p *page) randomCase(start, end int) bool {
	return transitions(p.form[start:end]) >= 2
}

func transitions(s []rune) int {
	n, last := 0, 0
	for _, r := range s {
		kind := 0
		switch {
		case isDigit(r):
			kind = 1
		case unicode.IsLetter(r):
			kind = 2
		default:
			continue
		}
		if last != 0 && kind != last {
			n++
		}
		last = kind
	}
	return n
}

// uuidLike reports groups of 8-4-4-4-12 and other long identifiers.
func (p *page) uuidLike(parts []token) bool {
	if len(parts) >= 5 && parts[0].len() == 8 {
		return true
	}
	total := 0
	for _, t := range parts {
		total += t.len()
	}
	return total > 44
}

// surroundings notes how a candidate is set off from the text around it.
func (p *page) surroundings(c *candidate) {
	c.alone = p.lineAlone(c.start, c.end)
	c.emph = p.flags[c.start]&p.flags[c.end-1]&flagEmph != 0
	if c.start > 0 && c.end < len(p.form) {
		if i := strings.IndexRune("([{<«\"'“‘「『【〔（［*`", p.show[c.start-1]); i >= 0 {
			c.boxed = strings.ContainsRune(")]}>»\"'”’」』】〕）］*`", p.show[c.end])
		}
	}
}

// lineAlone reports whether nothing but punctuation shares the line or cell.
func (p *page) lineAlone(start, end int) bool {
	for i := start - 1; i >= 0 && p.form[i] != '\n'; i-- {
		if isWordRune(p.form[i]) || p.form[i] == maskRune || start-i > 12 {
			return p.cellAlone(start, end)
		}
	}
	for i := end; i < len(p.form) && p.form[i] != '\n'; i++ {
		if isWordRune(p.form[i]) || p.form[i] == maskRune || i-end > 12 {
			return p.cellAlone(start, end)
		}
	}
	return true
}

func (p *page) cellAlone(start, end int) bool {
	if p.kind != pageHTML {
		return false
	}
	for n := 0; n < 12 && start > 0 && !isWordRune(p.form[start-1]) && p.form[start-1] != '\t' && p.form[start-1] != '\n'; n++ {
		start--
	}
	for n := 0; n < 12 && end < len(p.form) && !isWordRune(p.form[end]) && p.form[end] != '\t' && p.form[end] != '\n'; n++ {
		end++
	}
	return start > 0 && (p.form[start-1] == '\t' || p.form[start-1] == '\n') && (end == len(p.form) || p.form[end] == '\t' || p.form[end] == '\n')
}
