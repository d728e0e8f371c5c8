package otp

import (
	"slices"
	"strings"
)

// mention is the word that says most for a candidate, of those of its kind.
type mention struct {
	finding
	points float64
	where  place
	kind   wordKind
}

// evidence is what the words around a candidate say.
type evidence struct {
	weights      *Weights
	label        mention // best word that names a code
	verb         mention // best verb
	booking      bool    // the label may name a booking too
	labelDirect  bool    // it stands directly at the candidate
	verbDirect   bool    // a verb stands directly at the candidate
	verbSpecific bool    // it is one of signing in or verifying
	other        feature // what labels of other numbers say against it, if otherSaid
	otherSaid    bool
	topic        feature // what words of other topics say against it, if topicSaid
	topicSaid    bool
	besideLink   bool
	expired      bool
	outdated     bool
	handover     bool // it is for a driver, a courier, a shop
}

// strong reports whether the label can mean nothing but a verification code.
func (e *evidence) strong() bool { return e.label.points > 0 && e.label.kind == wordName }

// raise takes a word into account and reports whether it says more than what was there.
func (m *mention) raise(w *Weights, kind wordKind, where place, share float64) bool {
	f := finding{kind.at(where), share}
	points := w[f.feature] * share
	if points <= m.points {
		return false
	}
	*m = mention{f, points, where, kind}
	return true
}

// against notes a feature of another number if it says more than what was there.
func (e *evidence) against(f feature) {
	if !e.otherSaid || e.weights[f] < e.weights[e.other] {
		e.other, e.otherSaid = f, true
	}
}

func (e *evidence) addTopic(f feature) {
	if !e.topicSaid || e.weights[f] < e.weights[e.topic] {
		e.topic, e.topicSaid = f, true
	}
}

// evidenceFor reads the words left and right of a candidate.
func (s *scoring) evidenceFor(c *candidate) evidence {
	e := evidence{weights: s.weights, besideLink: c.page.orLink(c.end)}
	c.page.readLabels(c, &e)
	c.page.readCues(c, &e)
	return e
}

func (p *page) readLabels(c *candidate, e *evidence) {
	first := p.hitIndex(c.start)
	introduced := p.introduced(c)
	codeLabel := false // a word for a code or a verb stands nearer
	for k := first - 1; k >= 0 && first-k <= 16 && c.start-p.hits[k].end <= reachLeft; k-- {
		h := p.hits[k]
		r := p.relate(c, h, introduced)
		switch {
		case h.class&clCodeNoun != 0 && c.shape != shapeGrouped && p.otherKindOfCode(h) || (h.class&clCodeVerb == 0 || r.adjacent) && p.onReceipt(h, c), p.ofMeeting(h):
			if r.sentences == 0 && r.numbers == 0 {
				e.against(featOtherKind)
			}
		case h.class&(clCodeName|clCodeNoun) != 0:
			e.addLabel(c, h, r)
			codeLabel = codeLabel || r.sentences == 0 && r.numbers == 0
		case h.class&clOtherNumber != 0 && p.brandCode(h):
			h.class = clCodeNoun
			e.addLabel(c, h, r)
		case h.class&clOtherNumber != 0 && !p.senderTag(h) && !p.modifiesLabel(k):
			p.addOtherNumber(e, h, r, c, codeLabel, p.codeBefore(h))
		case h.class&clCodeVerb != 0:
			e.verb.raise(e.weights, wordVerb, r.place(c), p.share(c, h, r))
			e.verbDirect = e.verbDirect || r.introduced || r.adjacent
			e.verbSpecific = e.verbSpecific || (r.introduced || r.adjacent) && !generalVerbs[p.word(h)]
			codeLabel = codeLabel || r.sentences == 0 && r.numbers == 0 && (r.adjacent || r.introduced)
		}
	}
	for k := first; k < len(p.hits) && k-first <= 12 && p.hits[k].start-c.end <= reachRight; k++ {
		h := p.hits[k]
		if h.start < c.end {
			continue
		}
		r := p.relate(c, h, false)
		switch {
		case h.class&(clCodeName|clCodeNoun) != 0:
			e.addLabel(c, h, r)
		case h.class&clOtherNumber != 0 && p.brandCode(h):
			h.class = clCodeNoun
			e.addLabel(c, h, r)
		case h.class&clOtherNumber != 0 && r.adjacent && r.numbers == 0 && !p.modifiesLabel(k) && p.refersBack(c.end, h) && !p.labelsNextNumber(h):
			e.against(featOtherBehind)
		case h.class&clCodeVerb != 0:
			e.verb.raise(e.weights, wordVerb, r.place(c), p.share(c, h, r))
		}
	}
}

// readCues reads what the message says about a candidate as a whole.
func (p *page) readCues(c *candidate, e *evidence) {
	first := indexAfter(p.cues, c.start)
	for k := first - 1; k >= 0 && first-k <= 24 && c.start-p.cues[k].end <= reachTopic; k-- {
		h := p.cues[k]
		if h.class&(clOtherTopic|clOutdated|clHandover) == 0 || h.end > c.start {
			continue
		}
		r := p.relate(c, h, false)
		if h.class&clOtherTopic != 0 && p.inTag(h) {
			continue
		}
		e.handover = e.handover || h.class&clHandover != 0 && r.sentences <= 1
		if h.class&clOtherTopic != 0 && !p.brandCode(h) {
			e.addTopic(r.topic())
		}
		if h.class&clOutdated != 0 && r.sentences == 0 && r.numbers == 0 && r.dist <= 30 && !p.hasComma(h.end, c.start) && !p.conditional(h) {
			e.outdated = true
		}
	}
	for k := first; k < len(p.cues) && k-first <= 24 && p.cues[k].start-c.end <= reachTopic; k++ {
		h := p.cues[k]
		if h.class&(clOtherTopic|clOrLink|clExpired|clHandover) == 0 || h.start < c.end {
			continue
		}
		r := p.relate(c, h, false)
		e.handover = e.handover || h.class&clHandover != 0 && r.sentences <= 2 && r.numbers == 0
		if h.class&clOtherTopic != 0 {
			e.addTopic(r.topic())
		}
		if h.class&clOrLink != 0 && r.dist <= 3 {
			e.besideLink = true
		}
		if h.class&clExpired != 0 && p.expires(c, h, r, first) {
			e.expired = true
		}
	}
}

// modifiesLabel reports whether a word for a code follows hit k directly: the "LINE" of "LINE
// code". What makes it another kind of code is listed with the code: "locker code".
func (p *page) modifiesLabel(k int) bool {
	return k+1 < len(p.hits) && p.hits[k+1].start == p.hits[k].end+1 && p.form[p.hits[k].end] == ' ' && p.hits[k+1].class&(clCodeName|clCodeNoun) != 0
}

func (e *evidence) addLabel(c *candidate, h hit, r relation) {
	kind := wordNoun
	if h.class&clCodeName != 0 {
		kind = wordName
	}
	if e.label.raise(e.weights, kind, r.place(c), c.page.share(c, h, r)) {
		e.booking = h.class&clBooking != 0
		e.labelDirect = (r.introduced || r.adjacent) && !c.page.ownedByOther(h, c)
	}
}

func (p *page) addOtherNumber(e *evidence, h hit, r relation, c *candidate, codeNearer, codeBefore bool) {
	switch {
	case r.sentences > 0 && !(r.adjacent && r.lines == 1 && p.isHeading(h)) || r.numbers > 0 || codeNearer:
		return
	case r.adjacent && codeBefore:
		e.against(featOtherHead) // "code for order: 482033"
	case r.adjacent && p.afterWithWord(c):
		e.against(featOtherMeans) // "Set up this phone with 77093"
	case r.adjacent:
		e.against(featOtherAt)
	case r.introduced && !codeBefore && r.dist <= 22 && !p.afterWithWord(c):
		e.against(featOtherIntroduced)
	case r.dist <= 25 && !codeBefore && !p.afterWithWord(c):
		e.against(featOtherNear)
	}
}

// isHeading reports whether a label is all or nearly all of its line, so that it can be the heading
// of the next one.
func (p *page) isHeading(h hit) bool {
	for i := h.start; h.start-i <= 16; i-- {
		if i == 0 || p.form[i-1] == '\n' {
			return true
		}
	}
	return false
}

// codeBefore reports whether a word for a code stands shortly before a hit in the same sentence, as
// the head of "code for order".
func (p *page) codeBefore(h hit) bool {
	k := p.hitIndex(h.start) - 1
	for n := 0; k >= 0 && n < 3 && h.start-p.hits[k].end <= 24; k, n = k-1, n+1 {
		if p.hits[k].class&(clCodeName|clCodeNoun) != 0 && p.segOf(p.hits[k].start) == p.segOf(h.start) {
			between := p.form[min(p.hits[k].end, h.start):h.start]
			return !slices.ContainsFunc(between, func(r rune) bool { return isDigit(r) || r == ',' })
		}
	}
	return false
}

func (p *page) hasComma(from, to int) bool {
	return strings.ContainsAny(string(p.form[from:to]), ",，;")
}

// assignLabels notes which label belongs to which candidate: the one right behind it.
func (p *page) assignLabels(found []*candidate) {
	p.labelOwners = make(map[int]*candidate, len(found))
	for _, c := range found {
		if c.rejected != "" {
			continue
		}
		for k := p.hitIndex(c.start) - 1; k >= 0 && c.start-p.hits[k].end <= 40; k-- {
			h := p.hits[k]
			if r := p.relate(c, h, false); !r.adjacent {
				break
			}
			if h.class&(clCodeName|clCodeNoun|clCodeVerb) != 0 {
				p.labelOwners[h.start] = c
			}
			if h.class&clCopula == 0 {
				break
			}
		}
	}
}

// findBetween notes the numbers that stand between a label and a value introduced by "is" or a
// colon: the card of "Code for card 7712 is 482033".
func (p *page) findBetween(found []*candidate) {
	for i := 0; i+1 < len(found); i++ {
		a, b := found[i], found[i+1]
		if a.seg != b.seg || a.code == b.code || p.introduced(a) || !p.introduced(b) || b.rejected != "" {
			continue
		}
		seg := p.segs[a.seg]
		first, last := p.hitIndex(seg.start), p.hitIndex(a.start)
		labelled := hasClass(p.hits[first:max(first, last)], clCodeName|clCodeNoun)
		again := p.hitIndex(a.end)
		a.between = labelled && !hasClass(p.hits[again:max(again, p.hitIndex(b.start))], clCodeName|clCodeNoun|clCodeVerb|clOtherNumber)
	}
}

// share is what is left of a word's worth where other numbers or much text stand between, or where
// it belongs to another candidate.
func (p *page) share(c *candidate, h hit, r relation) float64 {
	share := 1.0
	if r.dist > 60 && !r.introduced {
		share = 0.85
	}
	for range min(r.numbers, 3) {
		if r.introduced {
			share *= 0.85 // "Confirm card 4418 with 551209"
		} else {
			share *= 0.5
		}
	}
	if p.ownedByOther(h, c) {
		share *= 0.3
	}
	return share
}

func (p *page) ownedByOther(h hit, c *candidate) bool {
	owner := p.labelOwners[h.start]
	return owner != nil && owner != c
}

// refersBack reports whether a label behind a number speaks of it: a word such as "is" stands
// between, or the label is long enough to be no accident.
func (p *page) refersBack(from int, h hit) bool {
	return h.end-h.start >= 5 || unspaced(p.fold[h.start]) || p.hitAfter(from, clCopula)
}

// labelsNextNumber reports whether a label belongs to the number behind it rather than to the one
// before: "482033 order 7719043".
func (p *page) labelsNextNumber(h hit) bool {
	for i := h.end; i < len(p.form) && i < h.end+4 && !isLetter(p.form[i]) && p.form[i] != '\n'; i++ {
		if isDigit(p.form[i]) {
			return true
		}
	}
	return false
}

// expires reports whether the words at h say that the candidate no longer works: in its own
// sentence, or in the next one without a condition and without naming an older code.
func (p *page) expires(c *candidate, h hit, r relation, first int) bool {
	if r.numbers > 0 || r.sentences > 1 || r.dist > 60 || p.expiresLater(h) {
		return false
	}
	for k := first; k < len(p.cues) && p.cues[k].start < h.start; k++ {
		if p.cues[k].start >= c.end && p.cues[k].class&(clCondition|clOutdated) != 0 {
			return false
		}
	}
	return true
}

// conditional reports whether a condition stands before h in its sentence: "If you did not ask,
// ignore it: 482033 is your code".
func (p *page) conditional(h hit) bool {
	return p.classesIn(p.segs[p.segOf(h.start)].start, h.start)&(clCondition|clCodeHint) != 0
}

// inTag reports whether h is part of the sender's name in brackets that opens a message.
func (p *page) inTag(h hit) bool {
	if open := p.form[0]; open != '[' && open != '【' {
		return false
	}
	end := slices.IndexFunc(p.form, func(r rune) bool { return r == ']' || r == '】' })
	return end > 0 && end < 40 && h.end <= end
}
