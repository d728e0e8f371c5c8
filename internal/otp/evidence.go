package otp

import (
	"slices"
	"strings"
)

// evidence is what the words around a candidate say.
type evidence struct {
	label        float64 // best word that names a code
	strong       bool    // that word can mean nothing else
	booking      bool    // it may name a booking too
	labelDirect  bool    // it stands directly at the candidate
	verb         float64 // best verb
	verbDirect   bool    // that verb stands directly at the candidate
	verbSpecific bool    // it is one of signing in or verifying
	otherNumber  float64 // points against, from labels of other numbers
	otherTopic   float64
	besideLink   bool
	expired      bool
	outdated     bool
	otherLabel   bool
	handover     bool // it is for a driver, a courier, a shop
}

// evidenceFor reads the words left and right of a candidate.
func (p *page) evidenceFor(c *candidate) evidence {
	e := evidence{besideLink: p.orLink(c.end)}
	p.readLabels(c, &e)
	p.readCues(c, &e)
	return e
}

func (p *page) readLabels(c *candidate, e *evidence) {
	first := p.hitIndex(c.start)
	introduced := p.introduced(c)
	codeLabel := false // a word for a code or a verb stands nearer
	for k := first - 1; k >= 0 && first-k <= 16 && c.start-p.hits[k].end <= reachLeft; k-- {
		h := p.hits[k]
		r := p.relate(c, h, introduced)
		w := p.labelWeight(h, r, c)
		switch {
		case h.class&clCodeNoun != 0 && c.shape != shapeGrouped && p.otherKindOfCode(h) || h.class&(clCodeNoun|clCodeVerb) != 0 && p.onReceipt(h, c):
			if r.sentences == 0 && r.numbers == 0 {
				e.otherNumber = max(e.otherNumber, 3)
				e.otherLabel = true
			}
		case h.class&(clCodeName|clCodeNoun) != 0:
			e.addLabel(h, r, w)
			codeLabel = codeLabel || r.sentences == 0 && r.numbers == 0
		case h.class&clOtherNumber != 0 && p.brandCode(h):
			h.class = clCodeNoun
			e.addLabel(h, r, w)
		case h.class&clOtherNumber != 0 && !p.senderTag(h):
			p.addOtherNumber(e, h, r, c, codeLabel, p.codeBefore(h))
		case h.class&clCodeVerb != 0:
			e.verb = max(e.verb, worthCodeVerb*w)
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
		w := p.labelWeight(h, r, c)
		switch {
		case h.class&(clCodeName|clCodeNoun) != 0:
			e.addLabel(h, r, w*0.95)
		case h.class&clOtherNumber != 0 && p.brandCode(h):
			h.class = clCodeNoun
			e.addLabel(h, r, w*0.95)
		case h.class&clOtherNumber != 0 && r.adjacent && r.numbers == 0 && p.refersBack(c.end, h) && !p.labelsNextNumber(h):
			e.otherNumber = max(e.otherNumber, 5)
		case h.class&clCodeVerb != 0:
			e.verb = max(e.verb, worthCodeVerb*w)
		}
	}
}

// readCues reads what the message says about a candidate as a whole.
func (p *page) readCues(c *candidate, e *evidence) {
	first := indexAfter(p.cues, c.start)
	for k := first - 1; k >= 0 && first-k <= 24 && c.start-p.cues[k].end <= reachTopic; k-- {
		h := p.cues[k]
		if h.class&clForwardedMessage != 0 {
			break // what the one who forwards says is about something else
		}
		if h.class&(clOtherTopic|clOutdated|clHandover) == 0 || h.end > c.start {
			continue
		}
		r := p.relate(c, h, false)
		e.handover = e.handover || h.class&clHandover != 0 && r.sentences <= 1
		if h.class&clOtherTopic != 0 && !p.brandCode(h) {
			e.addOtherTopic(r)
		}
		if h.class&clOutdated != 0 && r.sentences == 0 && r.numbers == 0 && r.dist <= 30 && !p.hasComma(h.end, c.start) {
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
			e.addOtherTopic(r)
		}
		if h.class&clOrLink != 0 && r.dist <= 3 {
			e.besideLink = true
		}
		if h.class&clExpired != 0 && p.expires(c, h, r, first) {
			e.expired = true
		}
	}
}

func (e *evidence) addLabel(h hit, r relation, w float64) {
	worth := worthCodeNoun
	if h.class&clCodeName != 0 {
		worth = worthCodeName
	}
	if worth*w > e.label {
		e.label = worth * w
		e.strong = h.class&clCodeName != 0
		e.booking = h.class&clBooking != 0
		e.labelDirect = r.introduced || r.adjacent
	}
}

func (p *page) addOtherNumber(e *evidence, h hit, r relation, c *candidate, codeNearer, codeBefore bool) {
	switch {
	case r.sentences > 0 && !(r.adjacent && r.lines == 1 && p.isHeading(h)) || r.numbers > 0 || codeNearer:
		return
	case r.adjacent && codeBefore:
		e.otherNumber = max(e.otherNumber, 1.5) // "code for order: 482033"
	case r.adjacent && p.afterWithWord(c):
		e.otherNumber = max(e.otherNumber, 1) // "Set up this phone with 77093"
	case r.adjacent:
		e.otherNumber = max(e.otherNumber, 9)
		e.otherLabel = true
	case r.introduced && !codeBefore && r.dist <= 22 && !p.afterWithWord(c):
		e.otherNumber = max(e.otherNumber, 4)
		e.otherLabel = true
	case r.dist <= 25 && !codeBefore && !p.afterWithWord(c):
		e.otherNumber = max(e.otherNumber, 2)
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

func (e *evidence) addOtherTopic(r relation) {
	worth := 3.0
	if r.sentences == 0 {
		worth = 4.5
	}
	e.otherTopic = max(e.otherTopic, worth)
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

// labelWeight is what is left of a label's worth; little if it belongs to another candidate.
func (p *page) labelWeight(h hit, r relation, c *candidate) float64 {
	if owner := p.labelOwners[h.start]; owner != nil && owner != c {
		return r.weight(c) * 0.3
	}
	return r.weight(c)
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
