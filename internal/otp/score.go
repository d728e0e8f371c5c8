package otp

import (
	"cmp"
	"slices"
	"unicode"
)

// What a word is worth as evidence, before distance. A value wins with threshold points, and when
// it is margin points ahead of the next.
const (
	worthCodeName = 6.0
	worthCodeNoun = 4.5
	worthCodeVerb = 3.5

	threshold = 4.5
	margin    = 0.9
	// marginLabelled is for two values that both stand at a word for a code.
	marginLabelled = 1.8

	reachLeft  = 260 // runes looked at around a candidate
	reachRight = 160
	reachTopic = 240
)

// scoring holds what is known of the whole message.
type scoring struct {
	global        evidence // from subject and other pages
	hint          bool
	sms           bool
	smsRetriever  bool // made for SMS Retriever
	noOtherNumber bool // no word speaks of another kind of number
	candidates    []*candidate
}

// rate scores one candidate.
func (s *scoring) rate(c *candidate) {
	p := c.page
	e := p.evidenceFor(c)
	if e.outdated || e.expired {
		c.rejected = rejectedExpired
	}
	introduced := p.introduced(c)
	score := shapePrior(c)
	label, verb := cmp.Or(e.label, s.global.label), cmp.Or(e.verb, s.global.verb)
	if label >= verb {
		score += label + 0.4*verb
	} else {
		score += verb + 0.5*label
	}
	switch {
	case c.alone:
		score += 1.5
	case c.isFirstSentence():
		score++
	}
	if c.emph {
		score++
	}
	if c.bracketed {
		score += 0.5
	}
	if introduced {
		score += 0.7
		if e.verbDirect && p.afterWithWord(c) {
			score += 0.5 // "Confirm the change with 77093"
		}
	}
	if e.besideLink {
		score += 3
	}
	if s.hint {
		score += 0.5
		if label == 0 && verb == 0 && c.shape <= shapeGrouped {
			score += 1.5 // "551904. Do not share."
		}
	}
	score += s.loneNumber(c, max(label, verb))
	if c.end < len(p.form) && (p.form[c.end] == '#' || p.form[c.end] == '*' && !c.bracketed) {
		score -= 6 // dialled or keyed in at a door
	}
	score = s.minusOtherTopic(score, c, e)
	score -= e.otherNumber
	if yearLike(c.code) && c.shape == shapeDigits && !e.labelDirect &&
		!(e.verbDirect && introduced) && !c.alone && !c.named(e) {
		score -= 2.5
	}
	if dateLike(c) {
		score -= 3
	}
	if p.kind == pageHidden {
		score -= 1.5
	}
	if c.beforeNumber() {
		score -= 2
	}
	if c.afterPrefix && !(e.strong && e.labelDirect) {
		score -= 9
	}
	if needsLabel(c) && !s.inCodePosition(c, e, introduced) {
		score -= 4
	}
	c.direct = e.labelDirect
	c.score = score
	c.note(e, introduced)
}

// minusOtherTopic takes off what speaks of something else: a parcel, a booking.
func (s *scoring) minusOtherTopic(score float64, c *candidate, e evidence) float64 {
	topic := e.otherTopic
	if s.global.otherTopic > 0 && !e.strong {
		topic = max(topic, s.global.otherTopic)
	}
	switch {
	case e.booking && c.shape >= shapeMixed && c.sep == 0 && topic > 0:
		score -= 3 // "Confirmation code QX7T2P" of a ticket
	case e.strong && e.labelDirect:
		topic *= 0.35
	case e.verbSpecific && c.page.afterWithWord(c):
		topic *= 0.5 // "Verify with 77093 first"
	}
	if e.handover {
		topic = max(e.otherTopic, 8)
	}
	return score - topic
}

// loneNumber returns points for the one number of a text message in which nothing speaks of another
// kind of number: "Larch: 771823", "(Larch) 771 823 - for you". score is what the words say for it
// already.
func (s *scoring) loneNumber(c *candidate, score float64) float64 {
	if !s.sms || c.page.kind != pageText || c.shape > shapeGrouped {
		return 0
	}
	if s.smsRetriever {
		return 3.5
	}
	rest := len(c.page.form) - (c.end - c.start)
	if score > 4 || !s.noOtherNumber || c.unequal || rest > 80 || !c.page.noOtherLabel(c) {
		return 0
	}
	rival := func(o *candidate) bool { return o.code != c.code && o.shape < shapeLetters }
	if slices.ContainsFunc(s.candidates, rival) || c.page.atHost(c) {
		return 0
	}
	placed := c.startsSentence() || c.bracketed || c.alone || s.hint
	switch {
	case len(c.code) == 6 && rest <= 24 && (placed || c.page.introduced(c)), len(c.code) == 6 && c.shape == shapeGrouped && rest <= 80:
		return 3.2
	case score > 2.4 && placed && rest <= 48:
		return 1 // "You're almost in! 90317"
	case rest <= 16 && c.page.introduced(c) && !yearLike(c.code):
		return 3 // "Larch: 7718"
	case c.page.onlyName(c) && !yearLike(c.code):
		return 3.5 // "Larch 77180"
	case s.hint && c.page.introduced(c) && rest <= 60 && !yearLike(c.code):
		return 1.2 // "Do not share: 7718."
	case score > 2.4 && rest <= 40 && c.page.aboutSignIn:
		return 1 // "Connexion Larch 771823"
	case len(c.code) == 6 && c.start == 0 && rest <= 60:
		return 3.1
	case len(c.code) == 6 && rest <= 60 && (placed || c.page.introduced(c)):
		return 2.5
	}
	return 0
}

// onlyName reports whether the page holds the number and one capitalised word that is no word of
// the lexicon, or one in brackets: the name of a sender.
func (p *page) onlyName(c *candidate) bool {
	if opening := p.form[0]; (opening == '[' || opening == '【') && len(p.form) <= 24 {
		return c.startsSentence() && c.end == len(p.form)
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

// inCodePosition reports whether a shape that words have too stands where only a code would: at a
// label, alone below one, or grouped where the message asks for it.
func (s *scoring) inCodePosition(c *candidate, e evidence, introduced bool) bool {
	switch {
	case e.labelDirect, c.alone && e.label >= 2, c.named(e):
		return true
	case c.sep == '-' && c.shape == shapeLetters:
		return (c.alone || e.verbDirect) && (s.global.label >= 2 || e.verb > 2)
	case c.shape == shapeMixed && c.sep == 0:
		return e.verbDirect && transitions(c.code) >= 2
	case c.shape == shapeWords:
		return e.verbDirect && introduced && isDigit(rune(c.code[len(c.code)-1]))
	}
	return false
}

// beforeNumber reports a number before a colon and another number: the lease of "PIN for lease
// 2207: 662014".
func (c *candidate) beforeNumber() bool {
	form := c.page.form
	return c.end+2 < len(form) && form[c.end] == ':' && form[c.end+1] == ' ' && isDigit(form[c.end+2])
}

// named reports a candidate that opens a sentence which goes on to say that it is a code: "2048 is
// your Larch code".
func (c *candidate) named(e evidence) bool {
	return e.label >= 0.9*worthCodeNoun && c.startsSentence() && c.page.hitAfter(c.end, clCopula)
}
