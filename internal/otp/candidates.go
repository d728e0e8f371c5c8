package otp

import "strings"

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
	page        *page
	start, end  int // what is shown
	code        string
	shape       shape
	sep         rune // separator of the groups, 0 if none
	unequal     bool // groups of different length
	afterPrefix bool // behind letters that mark other numbers: INV-, FORM-
	seg         int

	alone     bool // on its line, or in its cell
	emph      bool
	bracketed bool // in brackets or quotes
	direct    bool // a word for a code stands directly at it
	score     float64
	quantity  bool   // may be one with its unit, or a masked number
	between   bool   // stands between a label and the value that the label introduces
	rejected  string // why it can be no code, "" if it can
	found     []finding
}

// maxTokens bounds the tokens read of one page.
const maxTokens = 60000

// maxFound bounds the candidates scored of one page. Codes stand near the top; what is behind that
// many numbers is a table.
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
			p.readSurroundings(x)
			p.reject(x)
		}
		out = append(out, c...)
		i += max(used, 1)
	}
	return out
}

// candidateAt reads the candidates that begin with token i and says how many tokens they used.
func (p *page) candidateAt(i int) ([]*candidate, int) {
	t := p.tokens[i]
	if t.len() == 1 {
		if c, n := p.oneRuneTokens(i); n > 0 {
			return c, n
		}
	}
	if t.letters == 0 {
		return p.digitChain(i)
	}
	if c, n := p.hyphenated(i); n > 0 {
		return c, n
	}
	if c, n := p.spacedAlphanumeric(i); n > 0 {
		return c, n
	}
	return p.alphanumericToken(i), 1
}

// gapRune returns the one rune between two tokens, or 0 if there is more. A hyphen with spaces or
// cells around it is a hyphen.
func (p *page) gapRune(a, b token) rune {
	switch gap := p.form[a.end:b.start]; len(gap) {
	case 0:
		return 0
	case 1:
		return gap[0]
	case 3:
		if strings.ContainsRune("-.·|•・", gap[1]) && gap[0] == gap[2] && (gap[0] == ' ' || gap[0] == '\t') {
			return gap[1]
		}
	}
	return 0
}

// readSurroundings notes how a candidate is set off from the text around it.
func (p *page) readSurroundings(c *candidate) {
	c.alone = p.lineAlone(c.start, c.end)
	c.emph = p.flags[c.start]&p.flags[c.end-1]&flagEmph != 0
	if c.start > 0 && c.end < len(p.form) {
		if i := strings.IndexRune("([{<«\"'“‘「『【〔（［*`_~", p.show[c.start-1]); i >= 0 {
			c.bracketed = strings.ContainsRune(")]}>»\"'”’」』】〕）］*`_~", p.show[c.end])
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
