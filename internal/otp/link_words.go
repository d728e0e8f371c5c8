package otp

import (
	"slices"
	"strings"
)

// classesIn returns the classes of all cues between two offsets.
func (p *page) classesIn(start, end int) class { return p.classesWithout(0, start, end) }

// classesOutsideLinks is classesIn without the labels of other links.
func (p *page) classesOutsideLinks(start, end int) class {
	return p.classesWithout(flagAnchor, start, end)
}

func (p *page) classesWithout(flag uint8, start, end int) class {
	var cl class
	for k := indexAfter(p.cues, start); k < len(p.cues) && p.cues[k].start < end; k++ {
		if p.flags[p.cues[k].start]&flag == 0 {
			cl |= p.cues[k].class
		}
	}
	return cl
}

// linkWords returns the classes of the label and of the words around it. A bare URL is labelled by
// the words before it.
func (p *page) linkWords(a *anchor, l *linkCandidate) (label, context class) {
	seg := p.segOf(a.start)
	if a.bare {
		label, context = p.bareLabel(a, l)
		return label, context | p.questionBefore(seg)
	}
	l.label = p.shown(a.start, a.end)
	label = p.classesIn(a.start, a.end)
	if words().exact[wholeLabel(p.fold[a.start:a.end])]&clLinkLabel != 0 {
		label |= clLinkVerb
	}
	if l.label == "" && a.alt != "" {
		l.label = a.alt
		label = cueClasses(foldRunes(a.alt), p.spoken)
	}
	if isHTTP(l.label) { // the URL itself is printed: the words before it count
		return p.bareLabel(a, l)
	}
	context = p.classesOutsideLinks(p.segs[seg].start, a.start) | p.classesOutsideLinks(a.end, p.segs[seg].end)
	return label, context | p.questionBefore(seg)
}

// questionBefore returns clLinkOther if the question right before a sentence, on its line, makes it
// the answer for who did not do it: "Not you? Recover your account".
func (p *page) questionBefore(seg int) class {
	if seg == 0 || p.segs[seg-1].line != p.segs[seg].line {
		return 0
	}
	q := p.segs[seg-1]
	mark := string(p.form[max(q.end-2, q.start):q.end])
	if q.end-q.start > 40 || !strings.ContainsAny(mark, "?？؟") {
		return 0
	}
	return p.classesOutsideLinks(q.start, q.end) & clLinkOther
}

// bareLabel reads the words before a URL on its line; if there are none, the line above.
func (p *page) bareLabel(a *anchor, l *linkCandidate) (label, context class) {
	start, end := p.lineBounds(a.start)
	from := start
	if seg := p.segs[p.segOf(a.start)]; seg.start > from && hasLetters(p.form[seg.start:a.start]) {
		from = seg.start
	}
	if !hasLetters(p.form[start:a.start]) && start > 0 {
		i := start - 1
		for i > 0 && p.form[i] == '\n' {
			i--
		}
		from, _ = p.lineBounds(i)
		if s := p.segs[p.segOf(i)]; s.start > from {
			from = s.start
		}
	}
	from = max(from, a.start-240) // a line may be a whole document
	l.label = p.shown(from, a.start)
	label = p.classesIn(from, a.start)
	if p.afterOr(a.start) {
		label |= clOrLink
	}
	to := end
	if s := p.segs[p.segOf(a.start)]; s.end < to && s.end > a.end {
		to = s.end
	}
	return label, label | p.classesIn(a.end, min(to, a.end+240))
}

// wordsBefore returns the classes of the words before the only link of a text message, or the only
// button of a mail, beyond its own sentence.
func (p *page) wordsBefore(a *anchor, in intent) class {
	if in.sms && in.links == 1 || a.button && in.buttons == 1 {
		return p.classesOutsideLinks(max(0, a.start-300), a.start) & (clLinkVerb | clLinkSignIn)
	}
	return 0
}

func hasLetters(s []rune) bool { return slices.ContainsFunc(s, isLetter) }

// wholeLabel is a label without punctuation: "Yes, it's me!" is the entry "yes it's me".
func wholeLabel(label []rune) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r == ',' || r == '.' || r == '!' || r == '、' || r == '，' || r == '،' {
			return -1
		}
		return r
	}, string(label)), " →>»")
}
