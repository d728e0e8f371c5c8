package otp

import (
	"slices"
	"unicode"
)

// CodeThreshold is how many points a value wins with.
const CodeThreshold = 4.5

const (
	margin = 0.9 // points that it is ahead of the next different one then
	// marginLabelled is for two values that both stand at a word for a code.
	marginLabelled = 1.8

	reachLeft  = 260 // runes looked at around a candidate
	reachRight = 160
	reachTopic = 240

	shareSecond = 0.4 // of the worth of a verb beside a label
	shareStrong = 0.35
	shareHalf   = 0.5
)

// scoring holds what is known of the whole message.
type scoring struct {
	weights       *Weights
	label, verb   mention // the best of subject and other pages
	topic         bool    // the subject speaks of something else
	hint          bool
	percent       bool // the message speaks of percentages
	asks          bool // it asks to sign in or to verify
	offer         bool // the message speaks of money, percentages or offers, and of no sign-in
	dead          bool // a code that the message calls dead was found, and is out of the way
	elsewhere     bool // the message says that the code comes another way
	sms           bool
	smsRetriever  bool // made for SMS Retriever
	noOtherNumber bool // no word speaks of another kind of number
	candidates    []*candidate
}

func (s *scoring) rateAll() {
	for _, c := range s.candidates {
		if c.rejected == "" {
			c.found = c.found[:0]
			s.rate(c)
		}
	}
}

// rate finds the features of one candidate.
func (s *scoring) rate(c *candidate) {
	p := c.page
	e := s.evidenceFor(c)
	if (e.outdated || e.expired) && !s.dead {
		c.rejected = rejectedExpired
	}
	if e.label.points == 0 {
		e.label = s.label
	}
	if e.verb.points == 0 {
		e.verb = s.verb
	}
	introduced := p.introduced(c)
	c.readShape(s.offer)
	if e.label.points >= e.verb.points {
		c.addMention(e.label, 1)
		c.addMention(e.verb, shareSecond)
	} else {
		c.addMention(e.verb, 1)
		c.addMention(e.label, shareHalf)
	}
	c.add(featAlone, c.alone)
	c.add(featFirst, !c.alone && c.isFirstSentence())
	c.add(featEmphasised, c.emph)
	c.add(featBracketed, c.bracketed)
	c.add(featIntroduced, introduced)
	c.add(featAtHost, s.sms && p.boundToHost(c))
	c.add(featBetween, c.between)
	c.add(featQuantity, c.quantity && !e.labelDirect && !c.named(&e) && !(e.verbDirect && s.asks))
	c.add(featMeans, introduced && e.verbDirect && p.afterWithWord(c)) // "Confirm the change with 77093"
	c.add(featOrLink, e.besideLink)
	c.add(featHint, s.hint)
	c.add(featHintAlone, s.hint && e.label.points == 0 && e.verb.points == 0 && c.shape <= shapeGrouped) // "551904. Do not share."
	s.loneNumber(c, &e)
	c.add(featKeyed, !(e.labelDirect && introduced) && c.end < len(p.form) && (p.form[c.end] == '#' || p.form[c.end] == '*' && !c.bracketed))
	s.otherTopic(c, &e)
	if e.otherSaid && !(e.strong() && e.label.where == placeBehind && p.hitAfter(c.end, clCopula)) { // "WhatsApp: 482033 is your login code"
		c.add(e.other, true)
	}
	c.add(featYear, yearLike(c.code) && c.shape == shapeDigits && !e.labelDirect &&
		!(e.verbDirect && introduced) && !c.alone && !c.named(&e))
	c.add(featPercent, s.percent && !s.asks && !s.hint && !e.strong())
	c.add(featElsewhere, s.elsewhere && !(e.label.points > 0 && e.labelDirect))
	c.add(featDate, !e.verbDirect && !e.labelDirect && dateLike(c))
	c.add(featHidden, p.kind == pageHidden)
	c.add(featAfterPrefix, c.afterPrefix && !(e.strong() && e.labelDirect))
	c.add(featNoPosition, needsLabel(c) && !s.inCodePosition(c, &e, introduced))
	c.direct = e.labelDirect
	c.score = s.weights.sum(c.found)
}

func (c *candidate) add(f feature, said bool) {
	if said {
		c.found = append(c.found, finding{f, 1})
	}
}

func (c *candidate) addMention(m mention, share float64) {
	if m.points > 0 {
		c.found = append(c.found, finding{m.feature, m.share * share})
	}
}

// otherTopic notes what speaks of something else: a parcel, a booking.
func (s *scoring) otherTopic(c *candidate, e *evidence) {
	if s.topic && !e.strong() {
		e.addTopic(featTopicSubject)
	}
	switch {
	case e.handover:
		c.add(featHandover, true)
	case !e.topicSaid:
	case e.booking && c.shape >= shapeMixed && c.sep == 0:
		c.add(featBooking, true) // "Confirmation code QX7T2P" of a ticket
		c.add(e.topic, true)
	case e.strong() && e.labelDirect:
		c.found = append(c.found, finding{e.topic, shareStrong})
	case e.verbSpecific && c.page.afterWithWord(c):
		c.found = append(c.found, finding{e.topic, shareHalf}) // "Verify with 77093 first"
	default:
		c.add(e.topic, true)
	}
}

// loneNumber notes the one number of a text message in which nothing speaks of another kind of
// number: "Larch: 771823", "(Larch) 771 823 - for you".
func (s *scoring) loneNumber(c *candidate, e *evidence) {
	p := c.page
	if !s.sms || p.kind != pageText || c.shape > shapeGrouped {
		return
	}
	if s.smsRetriever {
		c.add(featRetriever, true)
		return
	}
	rest := len(p.form) - (c.end - c.start)
	certain := e.label.points > 0 && (e.label.where < placeLeft || e.label.where == placeOpens || e.strong() && e.label.where <= placeNext)
	if certain || e.verb.points > 0 && e.verb.where == placeBefore || !s.noOtherNumber || c.unequal || rest > 80 || !p.noOtherLabel(c) {
		return
	}
	rival := func(o *candidate) bool { return o.code != c.code && o.shape < shapeLetters }
	if slices.ContainsFunc(s.candidates, rival) {
		return
	}
	near := e.label.points > 0 && e.label.where <= placeNext || e.verb.points > 0 && e.verb.where <= placeNext ||
		e.strong() && e.label.where != placeElsewhere
	placed := c.startsSentence() || c.bracketed || c.alone || s.hint
	introduced := p.introduced(c)
	switch {
	case len(c.code) == 6 && rest <= 24 && (placed || introduced), len(c.code) == 6 && c.shape == shapeGrouped:
		c.add(featLoneShort, true)
	case near && placed && rest <= 48:
		c.add(featLoneSentence, true) // "You're almost in! 90317"
	case rest <= 16 && introduced && !yearLike(c.code):
		c.add(featLoneAfterName, true) // "Larch: 7718"
	case p.onlyName(c) && !yearLike(c.code):
		c.add(featLoneName, true) // "Larch 77180"
	case s.hint && introduced && rest <= 60 && !yearLike(c.code):
		c.add(featLoneHint, true) // "Do not share: 7718."
	case near && rest <= 40 && p.aboutSignIn:
		c.add(featLoneSignIn, true) // "Connexion Larch 771823"
	case len(c.code) == 6 && c.start == 0 && rest <= 60:
		c.add(featLoneFirst, true)
	case len(c.code) == 6 && rest <= 60 && (placed || introduced):
		c.add(featLoneSix, true)
	}
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
func (s *scoring) inCodePosition(c *candidate, e *evidence, introduced bool) bool {
	switch {
	case e.labelDirect, c.alone && e.label.points > 0 && e.label.where < placeElsewhere, c.named(e):
		return true
	case c.sep == '-' && c.shape == shapeLetters:
		return (c.alone || e.verbDirect) && (s.label.points > 0 || e.verb.points > 0 && e.verb.where < placeNear)
	case c.shape == shapeMixed && c.sep == 0:
		return e.verbDirect && len(c.code) <= 8
	case c.shape == shapeGrouped:
		return e.verbDirect || c.alone || introduced
	case c.shape == shapeWords:
		return e.verbDirect && introduced && isDigit(rune(c.code[len(c.code)-1]))
	}
	return false
}

// named reports a candidate that opens a sentence which goes on to say that it is a code: "2048 is
// your Larch code".
func (c *candidate) named(e *evidence) bool {
	return e.label.points > 0 && e.label.where <= placeRight && c.startsSentence() && c.page.hitAfter(c.end, clCopula)
}
