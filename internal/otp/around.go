package otp

// around reads the words left and right of a candidate.
func (p *page) around(c *candidate) evidence {
	var e evidence
	first := p.hitIndex(c.start)
	p.look(c, &e, first)
	e.or = p.orLink(c.end)
	p.cuesAround(c, &e)
	return e
}

// relation places a hit against a candidate.
type relation struct {
	left    bool
	touch   bool // nothing but punctuation and frame words between
	framed  bool // touch, or the candidate is framed and in the same sentence
	numbers int  // other numbers between
	segs    int  // sentence borders between
	lines   int
	dist    int
}

func (p *page) relate(c *candidate, h hit, framed bool) relation {
	r := relation{left: h.end <= c.start}
	from, to := h.end, c.start
	if !r.left {
		from, to = c.end, h.start
	}
	if from > to {
		from = to
	}
	r.dist = to - from
	r.touch = r.dist <= 60
	digits := 0
	for i := from; i < to; i++ {
		ch := p.form[i]
		switch {
		case isDigit(ch):
			digits++
			if digits == 3 {
				r.numbers++
			}
			r.touch = false
			continue
		case ch == '\n':
			r.lines++
		case ch == maskRune:
			r.touch = false
		case isLetter(ch) && r.touch:
			k := p.hitIndex(i)
			if k < len(p.hits) && p.hits[k].start <= i && p.hits[k].class&clCopula != 0 && p.hits[k].end <= to {
				i = p.hits[k].end - 1
			} else {
				r.touch = false
			}
		case ch == ',' || ch == '，':
			if !r.left {
				r.touch = false
			}
		}
		digits = 0
	}
	if s := p.segOf(min(h.start, c.start)); s < len(p.segs) {
		r.segs = p.segOf(max(h.start, c.start)) - s
	}
	r.touch = r.touch && r.lines <= 1 && (r.segs == 0 || r.left && r.lines == 1)
	r.framed = r.touch || framed && r.segs == 0 && r.left
	return r
}

// weight is what distance leaves of a word's worth.
func (r relation) weight(c *candidate) float64 {
	w := 0.35
	switch {
	case r.touch && r.left:
		w = 1.15
	case r.touch:
		w = 1.05
	case r.segs == 0 && r.left && r.framed:
		w = 1
	case r.segs == 0 && r.left:
		w = 0.85
	case r.segs == 0 && c.start == 0 && c.page.kind == pageText:
		w = 1.02 // the message opens with it
	case r.segs == 0 && c.leads():
		w = 0.9 // "449018 lets you sign in"
	case r.segs == 0:
		w = 0.8
	case r.segs == 1 && (c.alone || c.sole() || r.left && r.lines <= 1 && c.leads()):
		w = 0.75
	case r.segs == 1:
		w = 0.5
	case r.segs == 2 && c.alone:
		w = 0.55
	case r.segs == 2:
		w = 0.4
	}
	if r.dist > 60 && !r.framed {
		w *= 0.85
	}
	for range min(r.numbers, 3) {
		if r.framed {
			w *= 0.7 // "Confirm card 4418 with 551209"
		} else {
			w *= 0.5
		}
	}
	return w
}

// leads reports whether the candidate is the first word of its sentence. A
// sender's name in brackets before it does not count.
func (c *candidate) leads() bool {
	tag := false
	for _, r := range c.page.form[c.page.segs[c.seg].start:c.start] {
		switch {
		case r == '【' || r == '[':
			tag = true
		case r == '】' || r == ']':
			tag = false
		case !tag && isWordRune(r):
			return false
		}
	}
	return true
}

// sole reports whether the candidate is the whole first sentence of a text.
func (c *candidate) sole() bool {
	return c.start == 0 && c.page.kind == pageText && c.page.segs[0].end <= c.end+1
}

func (p *page) look(c *candidate, e *evidence, first int) {
	framed := p.framed(c)
	codeLabel := false // a word for a code or a verb stands nearer
	for k := first - 1; k >= 0 && first-k <= 16 && c.start-p.hits[k].end <= reachLeft; k-- {
		h := p.hits[k]
		r := p.relate(c, h, framed)
		w := r.weight(c)
		if owner := p.ownerOf(h); owner != nil && owner != c {
			w *= 0.3
		}
		switch {
		case h.class&clCodeNoun != 0 && c.shape != shapeGrouped && p.otherCode(h) || h.class&(clCodeNoun|clCodeVerb) != 0 && p.onReceipt(h, c):
			if r.segs == 0 && r.numbers == 0 {
				e.decoy = max(e.decoy, 3)
				e.decoyTag = true
			}
		case h.class&(clCodeName|clCodeNoun) != 0:
			e.addLabel(h, r, w)
			codeLabel = codeLabel || r.segs == 0 && r.numbers == 0
		case h.class&clOtherNumber != 0 && p.brandCode(h):
			h.class = clCodeNoun
			e.addLabel(h, r, w)
		case h.class&clOtherNumber != 0 && !p.senderTag(h):
			p.addDecoy(e, h, r, c, codeLabel, p.codeBefore(h))
		case h.class&clCodeVerb != 0:
			e.act = max(e.act, worthAct*w)
			e.asked = e.asked || r.framed || r.touch
			e.proves = e.proves || (r.framed || r.touch) && !generalActs[string(p.fold[h.start:h.end])]
			codeLabel = codeLabel || r.segs == 0 && r.numbers == 0 && (r.touch || r.framed)
		}
	}
	for k := first; k < len(p.hits) && k-first <= 12 && p.hits[k].start-c.end <= reachRight; k++ {
		h := p.hits[k]
		if h.start < c.end {
			continue
		}
		r := p.relate(c, h, false)
		w := r.weight(c)
		if owner := p.ownerOf(h); owner != nil && owner != c {
			w *= 0.3
		}
		switch {
		case h.class&(clCodeName|clCodeNoun) != 0:
			e.addLabel(h, r, w*0.95)
		case h.class&clOtherNumber != 0 && p.brandCode(h):
			h.class = clCodeNoun
			e.addLabel(h, r, w*0.95)
		case h.class&clOtherNumber != 0 && r.touch && r.numbers == 0 && p.linked(c.end, h) && !p.labelsNext(h):
			e.decoy = max(e.decoy, 5)
		case h.class&clCodeVerb != 0:
			e.act = max(e.act, worthAct*w)
		}
	}
}

// cuesAround reads what the message says about a candidate as a whole.
func (p *page) cuesAround(c *candidate, e *evidence) {
	first := indexAfter(p.cues, c.start)
	for k := first - 1; k >= 0 && first-k <= 24 && c.start-p.cues[k].end <= reachScene; k-- {
		h := p.cues[k]
		if h.class&clForwardedMessage != 0 {
			break // what the one who forwards says is about something else
		}
		if h.class&(clOtherTopic|clOutdated|clHandover) == 0 || h.end > c.start {
			continue
		}
		r := p.relate(c, h, false)
		e.hand = e.hand || h.class&clHandover != 0 && r.segs <= 1
		if h.class&clOtherTopic != 0 && !p.brandCode(h) {
			e.addScene(r)
		}
		if h.class&clOutdated != 0 && r.segs == 0 && r.numbers == 0 && r.dist <= 30 && !p.hasComma(h.end, c.start) {
			e.old = true
		}
	}
	for k := first; k < len(p.cues) && k-first <= 24 && p.cues[k].start-c.end <= reachScene; k++ {
		h := p.cues[k]
		if h.class&(clOtherTopic|clOrLink|clExpired|clHandover) == 0 || h.start < c.end {
			continue
		}
		r := p.relate(c, h, false)
		e.hand = e.hand || h.class&clHandover != 0 && r.segs <= 2 && r.numbers == 0
		if h.class&clOtherTopic != 0 {
			e.addScene(r)
		}
		if h.class&clOrLink != 0 && r.dist <= 3 {
			e.or = true
		}
		if h.class&clExpired != 0 && p.deadFor(c, h, r, first) {
			e.dead = true
		}
	}
}

func (e *evidence) addLabel(h hit, r relation, w float64) {
	worth := worthNoun
	if h.class&clCodeName != 0 {
		worth = worthStrong
	}
	if worth*w > e.label {
		e.label = worth * w
		e.strong = h.class&clCodeName != 0
		e.booking = h.class&clBooking != 0
		e.direct = r.framed || r.touch
	}
}

func (p *page) addDecoy(e *evidence, h hit, r relation, c *candidate, codeNearer, codeBefore bool) {
	switch {
	case r.segs > 0 && !(r.touch && r.lines == 1 && p.heads(h)) || r.numbers > 0 || codeNearer:
		return
	case r.touch && codeBefore:
		e.decoy = max(e.decoy, 1.5) // "code for order: 482033"
	case r.touch && p.means(c):
		e.decoy = max(e.decoy, 1) // "Set up this phone with 77093"
	case r.touch:
		e.decoy = max(e.decoy, 9)
		e.decoyTag = true
	case r.framed && !codeBefore && r.dist <= 22 && !p.means(c):
		e.decoy = max(e.decoy, 4)
		e.decoyTag = true
	case r.dist <= 25 && !codeBefore && !p.means(c):
		e.decoy = max(e.decoy, 2)
	}
}

// heads reports whether a label is all or nearly all of its line, so that it
// can be the heading of the next one.
func (p *page) heads(h hit) bool {
	for i := h.start; h.start-i <= 16; i-- {
		if i == 0 || p.form[i-1] == '\n' {
			return true
		}
	}
	return false
}

// codeBefore reports whether a word for a code stands shortly before a hit in
// the same sentence, as the head of "code for order".
func (p *page) codeBefore(h hit) bool {
	k := p.hitIndex(h.start) - 1
	for n := 0; k >= 0 && n < 3 && h.start-p.hits[k].end <= 24; k, n = k-1, n+1 {
		if p.hits[k].class&(clCodeName|clCodeNoun) != 0 && p.segOf(p.hits[k].start) == p.segOf(h.start) {
			for i := p.hits[k].end; i < h.start; i++ {
				if isDigit(p.form[i]) || p.form[i] == ',' {
					return false
				}
			}
			return true
		}
	}
	return false
}

func (e *evidence) addScene(r relation) {
	if r.segs == 0 {
		e.scene = max(e.scene, 4.5)
	} else {
		e.scene = max(e.scene, 3)
	}
}

func (p *page) hasComma(from, to int) bool {
	for i := from; i < to && i < len(p.form); i++ {
		if p.form[i] == ',' || p.form[i] == '，' || p.form[i] == ';' {
			return true
		}
	}
	return false
}

// own notes which label belongs to which candidate: the one right behind it.
func (p *page) own(found []*candidate) {
	p.owners = make(map[int]*candidate, len(found))
	for _, c := range found {
		if c.rejected != "" {
			continue
		}
		for k := p.hitIndex(c.start) - 1; k >= 0 && c.start-p.hits[k].end <= 40; k-- {
			h := p.hits[k]
			if r := p.relate(c, h, false); !r.touch {
				break
			}
			if h.class&(clCodeName|clCodeNoun|clCodeVerb) != 0 {
				p.owners[h.start] = c
			}
			if h.class&clCopula == 0 {
				break
			}
		}
	}
}

func (p *page) ownerOf(h hit) *candidate { return p.owners[h.start] }

// linked reports whether a label behind a number speaks of it: a word such as
// "is" stands between, or the label is long enough to be no accident.
func (p *page) linked(from int, h hit) bool {
	return h.end-h.start >= 5 || unspaced(p.fold[h.start]) || p.hitAfter(from, clCopula)
}

// labelsNext reports whether a label belongs to the number behind it rather
// than to the one before: "482033 order 7719043".
func (p *page) labelsNext(h hit) bool {
	i := h.end
	for n := 0; i < len(p.form) && n < 4 && !isLetter(p.form[i]) && p.form[i] != '\n'; n++ {
		if isDigit(p.form[i]) {
			return true
		}
		i++
	}
	return false
}

// deadFor reports whether the words at h say that the candidate no longer
// works: in its own sentence, or in the next one without a condition and
// without naming an older code.
func (p *page) deadFor(c *candidate, h hit, r relation, first int) bool {
	if r.numbers > 0 || r.segs > 1 || r.dist > 60 {
		return false
	}
	for k := first; k < len(p.cues) && p.cues[k].start < h.start; k++ {
		if p.cues[k].start >= c.end && p.cues[k].class&(clCondition|clOutdated) != 0 {
			return false
		}
	}
	return true
}
