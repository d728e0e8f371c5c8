package otp

import (
	"encoding/json"
	"math"
	"strings"
)

const linkThreshold = 6.0

// linkCandidate is one URL with all places that show it.
type linkCandidate struct {
	url   string
	label string
	score float64
	notes []string
	no    bool
	pos   int
}

// finishLink finds the link and settles the kind of the verdict.
func (e *extraction) finishLink(v *Verdict, m Message, c Context) {
	best := e.bestLink(v.Code != "" || v.Kind == KindAmbiguous)
	if best != nil {
		v.Link = newLink(best, m, c)
		switch v.Kind {
		case KindNone:
			v.Kind, v.Confidence, v.Reason = KindLink, v.Link.Confidence, v.Link.Reason
		case KindCode:
			v.Kind = KindCodeAndLink
		}
	}
}

func (e *extraction) bestLink(hasCode bool) *linkCandidate {
	intent := e.linkIntent()
	byURL := make(map[string]*linkCandidate)
	var order []*linkCandidate
	for _, p := range e.pages {
		for i := range p.anchors {
			a := &p.anchors[i]
			if len(a.url) > 4096 || !isWeb(a.url) || a.start < len(p.flags) && p.form[min(a.start, len(p.form)-1)] == '\n' && p.flags[min(a.start, len(p.form)-1)]&flagMasked != 0 {
				continue
			}
			l := p.rateLink(a, intent, hasCode)
			if known := byURL[a.url]; known != nil {
				known.merge(l)
				continue
			}
			l.pos = len(order)
			byURL[a.url] = l
			order = append(order, l)
		}
	}
	for _, l := range e.jsonLinks() {
		if byURL[l.url] == nil && isWeb(l.url) {
			order = append(order, l)
		}
	}
	e.links = order
	var best *linkCandidate
	for _, l := range order {
		if !l.no && l.score >= linkThreshold && (best == nil || l.score > best.score) {
			best = l
		}
	}
	return best
}

func isWeb(url string) bool {
	return len(url) > 8 && (strings.EqualFold(url[:7], "http://") || strings.EqualFold(url[:8], "https://"))
}

func (l *linkCandidate) merge(o *linkCandidate) {
	l.no = l.no || o.no
	if o.score > l.score {
		l.score, l.notes = o.score, o.notes
		if o.label != "" {
			l.label = o.label
		}
	}
	l.score += 0.5
}

// intent is what the message as a whole is about.
type intent struct {
	do, signin bool // in the subject
	rsvp       bool
	only       int // number of links
	buttons    int // number of them that are styled as buttons
	sms        bool
}

func (e *extraction) linkIntent() intent {
	in := intent{sms: e.sms}
	for _, p := range e.pages {
		in.only += len(p.anchors)
		for i := range p.anchors {
			if p.anchors[i].button {
				in.buttons++
			}
		}
		for _, h := range p.cues {
			if p.kind == pageSubject {
				in.do = in.do || h.class&clLinkVerb != 0
				in.signin = in.signin || h.class&clLinkSignIn != 0
			}
			if h.class&clEventReply != 0 && (p.fold[h.start] == 'r' || p.flags[h.start]&flagAnchor != 0) {
				in.rsvp = true
			}
		}
	}
	return in
}

// classesIn returns the classes of all cues between two offsets.
func (p *page) classesIn(start, end int) class {
	var cl class
	for k := indexAfter(p.cues, start); k < len(p.cues) && p.cues[k].start < end; k++ {
		cl |= p.cues[k].class
	}
	return cl
}

// prose is classesIn without the labels of other links.
func (p *page) prose(start, end int) class {
	var cl class
	for k := indexAfter(p.cues, start); k < len(p.cues) && p.cues[k].start < end; k++ {
		if p.flags[p.cues[k].start]&flagAnchor == 0 {
			cl |= p.cues[k].class
		}
	}
	return cl
}

// rateLink scores one place of a URL.
func (p *page) rateLink(a *anchor, in intent, hasCode bool) *linkCandidate {
	l := &linkCandidate{url: a.url}
	label, context := p.linkWords(a, l)
	wide := p.wordsBefore(a, in)
	if (label|context|wide)&(clLinkVerb|clLinkSignIn|clLinkClick|clOrLink) == 0 && !in.do && !in.signin {
		l.no = label&clLinkOther != 0
		return l // nothing says that it acts
	}
	u := readURL(a.url)
	if (label|context|wide)&(clLinkVerb|clLinkSignIn) == 0 && !in.do && !in.signin && !u.named && !(hasCode && (label|context)&(clOrLink|clLinkClick) != 0) {
		l.no = label&clLinkOther != 0
		return l // "click here" alone may lead anywhere
	}
	add := func(points float64, note string) {
		l.score += points
		if note != "" {
			l.notes = append(l.notes, note)
		}
	}
	switch {
	case label&clLinkVerb != 0:
		add(6, "its label says to verify, confirm, activate, reset, accept or approve")
	case label&clLinkSignIn != 0:
		add(4, "its label says to sign in")
	case label&clLinkClick != 0:
		add(2, "")
	}
	if label&(clLinkVerb|clLinkSignIn) == 0 {
		switch {
		case context&clLinkVerb != 0:
			add(3, "the words around it say to verify or confirm")
		case context&clLinkSignIn != 0:
			add(2.5, "the words around it speak of signing in")
		case wide&(clLinkVerb|clLinkSignIn) != 0:
			add(2.5, "the words before it speak of verifying or signing in")
		}
		if label&(clLinkClick|clLinkOther) == 0 && a.button && in.buttons == 1 {
			add(2, "the only button")
		}
	}
	if label&clLinkVerb == 0 && context&clOrLink != 0 && hasCode {
		points := 2.0
		if label&clLinkClick == 0 {
			points = 4 // "or open" is both
		}
		add(points, "offered instead of the code")
	}
	if in.do || in.signin {
		add(1.5, "")
	}
	if hasCode {
		add(0.5, "")
	}
	if u.do {
		add(1.5, "its path names the action")
	}
	switch {
	case u.token >= 2:
		add(2.5, "it carries a token")
	case u.token == 1:
		add(1.5, "it carries an identifier")
	default:
		add(-4, "")
	}
	if a.button {
		add(0.5, "")
	}
	if in.only == 1 {
		add(0.5, "")
		if in.sms && hasCode && label&(clLinkClick|clOrLink) != 0 {
			add(1, "the only link beside a code")
		}
	}
	if label&clLinkOther != 0 || u.no && label&clLinkVerb == 0 || u.no && u.never || u.no && a.bare && !u.do || context&clLinkOther != 0 && label&clLinkVerb == 0 || context&clCodeEntryPage != 0 && label&clLinkVerb == 0 {
		l.no = true
	}
	if context&clLinkOther != 0 && label&clLinkVerb != 0 {
		add(-7, "")
	}
	if in.rsvp && len([]rune(l.label)) <= 14 {
		l.no = true // the answer to an invitation to an event
	}
	return l
}

// linkWords returns the classes of the label and of the words around it. A
// bare URL is labelled by the words before it.
func (p *page) linkWords(a *anchor, l *linkCandidate) (label, context class) {
	seg := p.segOf(a.start)
	from, to := p.segs[seg].start, p.segs[seg].end
	if !a.bare {
		l.label = p.shown(a.start, a.end)
		label = p.classesIn(a.start, a.end)
		if strings.TrimSpace(l.label) == "" && a.alt != "" {
			l.label = a.alt
			label = cueClasses(foldRunes(a.alt))
		}
		if isWeb(l.label) {
			label = 0 // the URL itself is printed: the words before it count
			return p.bareLabel(a, l)
		}
		context = p.prose(from, a.start) | p.prose(a.end, to) | p.askedBefore(seg)
		return label, context
	}
	label, context = p.bareLabel(a, l)
	return label, context | p.askedBefore(seg)
}

// askedBefore returns clLinkOther if the question right before a sentence, on its
// line, makes it the answer for who did not do it: "Not you? Recover your
// account".
func (p *page) askedBefore(seg int) class {
	if seg == 0 || p.segs[seg-1].line != p.segs[seg].line {
		return 0
	}
	q := p.segs[seg-1]
	if q.end-q.start > 40 {
		return 0
	}
	for _, r := range p.form[max(q.end-2, q.start):q.end] {
		if r == '?' || r == '？' || r == '؟' {
			return p.prose(q.start, q.end) & clLinkOther
		}
	}
	return 0
}

// bareLabel reads the words before a URL on its line; if there are none, the
// line above.
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

// wordsBefore returns the classes of the words before the only link of a text
// message, or the only button of a mail, beyond its own sentence.
func (p *page) wordsBefore(a *anchor, in intent) class {
	if in.sms && in.only == 1 || a.button && in.buttons == 1 {
		return p.prose(max(0, a.start-300), a.start) & (clLinkVerb | clLinkSignIn)
	}
	return 0
}

func hasLetters(s []rune) bool {
	for _, r := range s {
		if isLetter(r) {
			return true
		}
	}
	return false
}

// jsonLinks reads one-click actions from JSON-LD. They are weak: a link that
// a person can see comes first.
func (e *extraction) jsonLinks() []*linkCandidate {
	var out []*linkCandidate
	for _, doc := range e.ld {
		var v any
		if json.Unmarshal([]byte(doc), &v) != nil {
			continue
		}
		walkJSON(v, 0, func(obj map[string]any) {
			typ, _ := obj["@type"].(string)
			if typ != "ConfirmAction" {
				return
			}
			url, _ := obj["url"].(string)
			if url == "" {
				if h, ok := obj["handler"].(map[string]any); ok {
					url, _ = h["url"].(string)
				}
			}
			if url != "" && readURL(url).token > 0 && !readURL(url).no {
				name, _ := obj["name"].(string)
				out = append(out, &linkCandidate{url: url, label: name, score: linkThreshold, notes: []string{"a one-click confirmation in the data of the mail"}})
			}
		})
	}
	return out
}

func walkJSON(v any, depth int, visit func(map[string]any)) {
	if depth > 12 {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			walkJSON(x, depth+1, visit)
		}
	case map[string]any:
		visit(v)
		for _, key := range sortedKeys(v) {
			walkJSON(v[key], depth+1, visit)
		}
	}
}

func linkConfidence(score float64) float64 {
	c := 1 / (1 + math.Exp(-(score-linkThreshold+0.8)*0.7))
	return math.Round(math.Min(c, 0.99)*100) / 100
}
