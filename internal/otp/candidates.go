package otp

import "unicode"

// token is a run of letters that may be typed in a code, and digits.
type token struct {
	start, end      int
	digits, letters int
}

func (t token) len() int { return t.end - t.start }

// shape says what a candidate looks like.
type shape uint8

const (
	shapeDigits  shape = iota // 482033
	shapeGrouped              // 482 033, 48-20-33, one digit per cell
	shapePrefix               // G-482033: only the digits are typed
	shapeMixed                // 7H20KD, 8Q2-KM7
	shapeLetters              // WDJB-MJHT, KXQPTZ
	shapeWords                // apple-river-stone-12
)

// candidate is one place in a page that may show a code.
type candidate struct {
	page       *page
	start, end int // what is shown
	code       string
	shape      shape
	sep        rune // separator of the groups, 0 if none
	uneven     bool // groups of different length
	joined     bool // letters and digits run on from a label: "code482033"
	listed     bool // behind letters that mark other numbers: INV-, FORM-
	seg        int

	alone    bool // on its line, or in its cell
	emph     bool
	boxed    bool // in brackets or quotes
	direct   bool // a word for a code stands directly at it
	score    float64
	rejected string // why it can be no code, "" if it can
	notes    []string
}

// maxTokens bounds the tokens read of one page.
const maxTokens = 60000

// maxFound bounds the candidates scored of one page. Codes stand near the
// top; what is behind that many numbers is a table.
const maxFound = 400

func (p *page) scan() []token {
	out := p.tokens[:0]
	for i := 0; i < len(p.form) && len(out) < maxTokens; {
		if kindOf(p.form[i])&(kindDigit|kindJoins) == 0 {
			i++
			continue
		}
		t := token{start: i}
		for ; i < len(p.form); i++ {
			kind := kindOf(p.form[i])
			if kind&(kindDigit|kindJoins) == 0 {
				break
			}
			if kind&kindDigit != 0 {
				t.digits++
			}
		}
		t.end = i
		t.letters = t.len() - t.digits
		out = append(out, t)
	}
	return out
}

// candidates collects everything on the page that has the shape of a code.
func (p *page) candidates() []*candidate {
	var out []*candidate
	for i := 0; i < len(p.tokens) && len(out) < maxFound; {
		c, used := p.candidateAt(i)
		for _, x := range c {
			x.page = p
			x.seg = p.segOf(x.start)
			p.surroundings(x)
			p.refuse(x)
		}
		out = append(out, c...)
		i += max(used, 1)
	}
	return out
}

// candidateAt reads the candidates that begin with token i and says how many
// tokens they used.
func (p *page) candidateAt(i int) ([]*candidate, int) {
	t := p.tokens[i]
	if t.len() == 1 {
		if c, n := p.singles(i); n > 0 {
			return c, n
		}
	}
	if t.letters == 0 {
		return p.digitChain(i)
	}
	if c, n := p.hyphenated(i); n > 0 {
		return c, n
	}
	if c, n := p.spacedAlnum(i); n > 0 {
		return c, n
	}
	return p.single(i), 1
}

// gapRune returns the one rune between two tokens, or 0 if there is more. A
// hyphen with spaces or cells around it is a hyphen.
func (p *page) gapRune(a, b token) rune {
	switch gap := p.form[a.end:b.start]; len(gap) {
	case 0:
		return 0
	case 1:
		return gap[0]
	case 3:
		if gap[1] == '-' && gap[0] == gap[2] && (gap[0] == ' ' || gap[0] == '\t') {
			return '-'
		}
	}
	return 0
}

// singles joins a row of at least four one-character tokens: one digit per
// cell, span or line.
func (p *page) singles(i int) ([]*candidate, int) {
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
	if p.bound(first, true) || p.bound(last, false) {
		return nil, 0
	}
	c := &candidate{start: first.start, end: last.end, shape: shapeGrouped, sep: sep}
	for k := i; k < i+n; k++ {
		r := p.form[p.tokens[k].start]
		if !isDigit(r) {
			if unicode.IsLower(r) {
				return nil, 0
			}
			c.shape = shapeMixed
		}
		c.code += string(r)
	}
	return []*candidate{c}, n
}

// bound reports whether a digit token is part of a larger number, time or
// date on its left or right: 14:20, 48.19, 1,200, 05/01/2027.
func (p *page) bound(t token, left bool) bool {
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

// digitChain reads digit groups with one kind of separator and splits them
// into candidates.
func (p *page) digitChain(i int) ([]*candidate, int) {
	n, mixed := 1, false
	sep := rune(0)
	for i+n < len(p.tokens) && n < 14 {
		prev, next := p.tokens[i+n-1], p.tokens[i+n]
		g := p.gapRune(prev, next)
		if next.letters > 0 || g != ' ' && g != '-' && g != '\t' || p.bound(next, false) || p.bound(prev, false) {
			break
		}
		if sep == 0 {
			sep = g
		}
		mixed = mixed || g != sep
		n++
	}
	// A hyphen binds tighter than what stands around: 482-033 5.
	if mixed && sep != '-' {
		for k := 1; k < n; k++ {
			if p.gapRune(p.tokens[i+k-1], p.tokens[i+k]) == '-' {
				n = max(k-1, 1)
				if k == 1 {
					n = 1
				}
				break
			}
		}
		if n > 1 {
			mixed = false
		}
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
	total := 0
	for _, t := range chain {
		total += t.len()
	}
	whole := &candidate{start: chain[0].start, end: chain[len(chain)-1].end, shape: shapeGrouped, sep: sep, code: digitsOf(chain, p.form)}
	if p.plusBefore(whole.start) || mixed && total >= 7 {
		return nil // a telephone number
	}
	if even(chain) && codeGroups(chain) {
		return []*candidate{whole}
	}
	if sep == '-' {
		if total > 10 || total < 4 || isoDate(chain) || phoneGroups(chain) {
			return nil
		}
		whole.uneven = true
		return []*candidate{whole}
	}
	if total > 10 && (even(chain) && chain[0].len() >= 3 || phoneLike(chain)) {
		return nil
	}
	if total >= 5 && total <= 10 && p.lineAlone(whole.start, whole.end) && !phoneGroups(chain) {
		whole.uneven = true
		return []*candidate{whole}
	}
	if len(chain) == 2 && sep == ' ' && total >= 6 && total <= 8 && chain[1].len() >= 2 && p.framed(whole) && p.closes(whole.end) {
		whole.uneven = true
		return []*candidate{whole}
	}
	// The longest run of even groups is one candidate, the others stand alone.
	best, at := 0, 0
	for k := 0; k < len(chain); {
		e := k + 1
		for e < len(chain) && chain[e].len() == chain[k].len() {
			e++
		}
		if e-k > best && e-k > 1 && codeGroups(chain[k:e]) {
			best, at = e-k, k
		}
		k = e
	}
	var out []*candidate
	for k := 0; k < len(chain); k++ {
		if best > 0 && k == at {
			run := chain[at : at+best]
			out = append(out, &candidate{start: run[0].start, end: run[best-1].end, shape: shapeGrouped, sep: sep, code: digitsOf(run, p.form)})
			k += best - 1
			continue
		}
		out = append(out, p.digitSingle(chain[k])...)
	}
	return out
}

// closes reports whether a sentence or line ends at i.
func (p *page) closes(i int) bool {
	return i >= len(p.form) || p.form[i] == '\n' || p.form[i] == '.' && p.isStop(i)
}

func (p *page) digitSingle(t token) []*candidate {
	if t.len() < 4 || t.len() > 10 || p.bound(t, true) || p.bound(t, false) {
		return nil
	}
	return []*candidate{{start: t.start, end: t.end, shape: shapeDigits, code: string(p.form[t.start:t.end])}}
}

func digitsOf(chain []token, form []rune) string {
	var out []rune
	for _, t := range chain {
		out = append(out, form[t.start:t.end]...)
	}
	return string(out)
}

func even(chain []token) bool {
	for _, t := range chain[1:] {
		if t.len() != chain[0].len() {
			return false
		}
	}
	return true
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

// phoneGroups reports the groups of telephone numbers: 512-555-0166,
// 555-0166, 0800 123 456.
func phoneGroups(chain []token) bool {
	switch len(chain) {
	case 2:
		return chain[0].len() == 3 && chain[1].len() == 4
	case 3:
		a, b, c := chain[0].len(), chain[1].len(), chain[2].len()
		return a == 3 && b == 3 && c == 4 || a >= 2 && a <= 5 && b >= 3 && c >= 3 || a == 1 && b == 3
	}
	return len(chain) >= 4
}

func phoneLike(chain []token) bool {
	return len(chain) >= 3 && chain[0].len() <= 5 && chain[len(chain)-1].len() >= 2
}
