package otp

import (
	"strings"
	"unicode"
)

// What a word is worth as evidence, before distance. A value wins with
// threshold points, and when it is margin points ahead of the next.
const (
	worthStrong = 6.0
	worthNoun   = 4.5
	worthAct    = 3.5

	threshold = 4.5
	margin    = 0.9
	// marginLabelled is for two values that both stand at a word for a code.
	marginLabelled = 1.8

	reachLeft  = 260 // runes looked at around a candidate
	reachRight = 160
	reachScene = 240
)

// evidence is what the words around a candidate say.
type evidence struct {
	label    float64 // best word that names a code
	strong   bool    // that word can mean nothing else
	booking  bool    // it may name a booking too
	direct   bool    // it stands directly at the candidate
	act      float64 // best verb
	asked    bool    // that verb stands directly at the candidate
	proves   bool    // it is one of signing in or verifying
	decoy    float64 // points against, from labels of other numbers
	scene    float64
	or       bool
	dead     bool
	old      bool
	decoyTag bool
	hand     bool // it is for a driver, a courier, a shop
}

// scoring holds what is known of the whole message.
type scoring struct {
	global     evidence // from subject and other pages
	hint       bool
	sms        bool
	hashed     bool // made for SMS Retriever
	quiet      bool // no word speaks of another kind of number
	candidates []*candidate
}

// rate scores one candidate.
func (s *scoring) rate(c *candidate) {
	p := c.page
	e := p.around(c)
	if e.old || e.dead {
		c.rejected = "the message calls it old, used or expired"
	}
	framed := p.framed(c)
	score := shapePrior(c)
	label, act := e.label, e.act
	if label == 0 && s.global.label > 0 {
		label = s.global.label
	}
	if act == 0 {
		act = s.global.act
	}
	if label >= act {
		score += label + 0.4*act
	} else {
		score += act + 0.5*label
	}
	switch {
	case c.alone:
		score += 1.5
	case c.sole():
		score++
	}
	if c.emph {
		score++
	}
	if c.boxed {
		score += 0.5
	}
	if framed {
		score += 0.7
		if e.asked && p.means(c) {
			score += 0.5 // "Confirm the change with 77093"
		}
	}
	if e.or {
		score += 3
	}
	if s.hint {
		score += 0.5
		if label == 0 && act == 0 && c.shape <= shapeGrouped {
			score += 1.5 // "551904. Do not share."
		}
	}
	score += s.lone(c, max(label, act))
	if c.end < len(p.form) && (p.form[c.end] == '#' || p.form[c.end] == '*' && !c.boxed) {
		score -= 6 // dialled or keyed in at a door
	}
	scene := e.scene
	if s.global.scene > 0 && !e.strong {
		scene = max(scene, s.global.scene)
	}
	switch {
	case e.booking && c.shape >= shapeMixed && c.sep == 0 && scene > 0:
		score -= 3 // "Confirmation code QX7T2P" of a flight
	case e.strong && e.direct:
		scene *= 0.35
	case e.proves && p.means(c):
		scene *= 0.5 // "Verify with 77093 first"
	}
	if e.hand {
		scene = max(e.scene, 8)
	}
	score -= scene
	score -= e.decoy
	if yearLike(c.code) && c.shape == shapeDigits && !(e.direct && label > 0) && !(e.asked && framed) && !c.alone && !c.named(e) {
		score -= 2.5
	}
	if dateLike(c) {
		score -= 3
	}
	if p.kind == pageHidden {
		score -= 1.5
	}
	if c.heads() {
		score -= 2
	}
	if c.listed && !(e.strong && e.direct) {
		score -= 9
	}
	if needsLabel(c) && !s.vouched(c, e, framed) {
		score -= 4
	}
	c.direct = e.direct && e.label > 0
	c.score = score
	c.note(e, framed)
}

// lone returns points for the one number of a text message in which nothing
// speaks of another kind of number: "Larch: 771823", "(Larch) 771 823 - for
// you". heard is what the words say for it already.
func (s *scoring) lone(c *candidate, heard float64) float64 {
	if !s.sms || c.page.kind != pageText || c.shape > shapeGrouped {
		return 0
	}
	if s.hashed {
		return 3.5
	}
	rest := len(c.page.form) - (c.end - c.start)
	if heard > 4 || !s.quiet || c.uneven || rest > 80 || !c.page.quietAt(c) {
		return 0
	}
	for _, o := range s.candidates {
		if o.code != c.code && o.shape < shapeLetters {
			return 0
		}
	}
	if c.page.atHost(c) {
		return 0 // a line for browsers that was written badly
	}
	placed := c.leads() || c.boxed || c.alone || s.hint
	switch {
	case len(c.code) == 6 && rest <= 24 && (placed || c.page.framed(c)), len(c.code) == 6 && c.shape == shapeGrouped && rest <= 80:
		return 3.2
	case heard > 2.4 && placed && rest <= 48:
		return 1 // "You're almost in! 90317"
	case rest <= 16 && c.page.framed(c) && !yearLike(c.code):
		return 3 // "Larch: 7718"
	case c.page.onlyName(c) && !yearLike(c.code):
		return 3.5 // "Larch 77180"
	case s.hint && c.page.framed(c) && rest <= 60 && !yearLike(c.code):
		return 1.2 // "Do not share: 7718."
	case heard > 2.4 && rest <= 40 && c.page.vouches:
		return 1 // "Connexion Larch 771823"
	case len(c.code) == 6 && c.start == 0 && rest <= 60:
		return 3.1
	case len(c.code) == 6 && rest <= 60 && (placed || c.page.framed(c)):
		return 2.5
	}
	return 0
}

// onlyName reports whether the page holds the number and one capitalised word
// that is no word of the lexicon, or one in brackets: the name of a sender.
func (p *page) onlyName(c *candidate) bool {
	if opening := p.form[0]; (opening == '[' || opening == '【') && len(p.form) <= 24 {
		return c.leads() && c.end == len(p.form)
	}
	if len(p.tokens) != 2 || len(p.form) > 24 {
		return false
	}
	name := p.tokens[0]
	if name.start == c.start {
		name = p.tokens[1]
	}
	return name.digits == 0 && name.letters >= 4 && unicode.IsUpper(p.form[name.start]) && !p.known(name)
}

// vouched reports whether a shape that words have too stands where only a code
// would: at a label, alone below one, or grouped where the message asks for it.
func (s *scoring) vouched(c *candidate, e evidence, framed bool) bool {
	switch {
	case e.direct && e.label > 0, c.alone && e.label >= 2, c.named(e):
		return true
	case c.sep == '-' && c.shape == shapeLetters:
		return (c.alone || e.asked) && (s.global.label >= 2 || e.act > 2)
	case c.shape == shapeMixed && c.sep == 0:
		return e.asked && transitions([]rune(c.code)) >= 2
	case c.shape == shapeWords:
		return e.asked && framed && isDigit(rune(c.code[len(c.code)-1]))
	}
	return false
}

// heads reports a number before a colon and another number: the lease of
// "PIN for lease 2207: 662014".
func (c *candidate) heads() bool {
	form := c.page.form
	return c.end+2 < len(form) && form[c.end] == ':' && form[c.end+1] == ' ' && isDigit(form[c.end+2])
}

// named reports a candidate that opens a sentence which goes on to say that it
// is a code: "2048 is your Larch code".
func (c *candidate) named(e evidence) bool {
	return e.label >= 0.9*worthNoun && c.leads() && c.page.hitAfter(c.end, clCopula)
}

// needsLabel is for shapes that ordinary words have too.
func needsLabel(c *candidate) bool {
	switch c.shape {
	case shapeLetters, shapeWords:
		return true
	case shapeMixed:
		return len(c.code) < 5 || c.sep == ' ' || transitions([]rune(c.code)) < 2
	}
	return false
}

func shapePrior(c *candidate) float64 {
	n := 0
	for _, r := range c.code {
		if isWordRune(r) {
			n++
		}
	}
	switch c.shape {
	case shapeLetters:
		return -1
	case shapeWords:
		return 0
	case shapeMixed:
		switch t := transitions([]rune(c.code)); {
		case t >= 2 || c.sep != 0:
			return 1.5
		case promoLike(c.code):
			if offerLike(c.code) {
				return -4.5
			}
			return -2.5
		}
		return 0
	case shapePrefix:
		if c.uneven {
			return 0.6 // "B-2207" may be a room
		}
		return 2.2
	}
	score := 0.0
	switch n {
	case 6:
		score = 1.5
	case 4, 5, 8:
		score = 1
	case 7:
		score = 0.5
	}
	if c.shape == shapeGrouped {
		score++
		if c.uneven {
			score -= 0.8
		} else if n >= 4 && (c.end-c.start) >= 2*n-1 {
			score++ // one digit at a time
		}
	}
	return score
}

// dateLike reports hyphenated pairs that read as a day and a month (14-02,
// 05-01-27) or as two years (2020-2024).
func dateLike(c *candidate) bool {
	if c.sep != '-' || c.shape != shapeGrouped {
		return false
	}
	two := func(i int) int { return int(c.code[i]-'0')*10 + int(c.code[i+1]-'0') }
	switch groups := c.end - c.start - len(c.code) + 1; {
	case groups == 2 && len(c.code) == 4, groups == 3 && len(c.code) == 6:
		a, b := two(0), two(2)
		return a >= 1 && b >= 1 && (a <= 31 && b <= 12 || a <= 12 && b <= 31)
	case groups == 2 && len(c.code) == 8:
		return yearLike(c.code[:4]) && yearLike(c.code[4:])
	}
	return false
}

// promoLike reports a word with a number at its end: SAVE20, WALD27.
func promoLike(code string) bool {
	letters := 0
	for _, r := range code {
		if isDigit(r) {
			break
		}
		letters++
	}
	return letters >= 3 && len(code)-letters <= 4
}

// offerLike reports a promoLike code whose number is a year, a percentage or a
// sum: BELL2027, TREAT15, SAVE120.
func offerLike(code string) bool {
	tail := strings.TrimLeftFunc(code, func(r rune) bool { return !isDigit(r) })
	if len(code)-len(tail) < 4 || !isDigits(tail) {
		return false
	}
	return yearLike(tail) || len(tail) <= 3 && (tail[len(tail)-1] == '0' || tail[len(tail)-1] == '5')
}

// framed reports whether a colon, an equals sign, a dash or a word such as
// "is" stands directly before the candidate.
func (p *page) framed(c *candidate) bool {
	i := c.start - 1
	for i >= 0 && (p.form[i] <= ' ' || p.form[i] == '"' || p.form[i] == '\'' || p.form[i] == '[' || p.form[i] == '(' || p.form[i] == '*' || p.form[i] == '“' || p.form[i] == '「' || p.form[i] == '«' || p.form[i] == '#') {
		i--
		if c.start-i > 16 {
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
	k := p.hitIndex(i)
	return k < len(p.hits) && p.hits[k].start <= i && p.hits[k].class&clCopula != 0
}
