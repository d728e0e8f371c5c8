package otp

import (
	"strings"
	"unicode/utf8"
)

// LinkThreshold is how many points a URL wins with.
const LinkThreshold = 6.0

// linkCandidate is one URL with all places that show it.
type linkCandidate struct {
	url      string
	label    string
	kind     pageKind // of the page that shows it
	score    float64
	found    []finding
	excluded bool
}

// finishLink finds the link and settles the kind of the verdict.
func (e *extraction) finishLink(v *Verdict) {
	best := e.bestLink(v.Code != "" || v.Kind == KindAmbiguous)
	if best == nil {
		return
	}
	v.Link = newLink(e.weights, best)
	switch v.Kind {
	case KindNone:
		v.Kind, v.Confidence, v.Reason = KindLink, v.Link.Confidence, v.Link.Reason
	case KindCode:
		v.Kind = KindCodeAndLink
	}
}

func (e *extraction) bestLink(hasCode bool) *linkCandidate {
	var best *linkCandidate
	for _, l := range e.links(hasCode) {
		if !l.excluded && l.score >= LinkThreshold && (best == nil || l.score > best.score) && hasHost(l.url) {
			best = l
		}
	}
	return best
}

// links rates all URLs of the message.
func (e *extraction) links(hasCode bool) []*linkCandidate {
	intent := e.linkIntent()
	byURL := make(map[string]*linkCandidate)
	var order []*linkCandidate
	for _, p := range e.pages {
		for i := range p.anchors {
			a := &p.anchors[i]
			a.url = lineEnds.Replace(a.url)
			if len(a.url) > 4096 || !isHTTP(a.url) ||
				a.start < len(p.form) && p.form[a.start] == '\n' && p.flags[a.start]&flagMasked != 0 {
				continue
			}
			l := p.rateLink(e.weights, a, intent, hasCode)
			if known := byURL[a.url]; known != nil {
				known.merge(e.weights, l)
				continue
			}
			byURL[a.url] = l
			order = append(order, l)
		}
	}
	for _, l := range e.jsonLinks() {
		if byURL[l.url] == nil && isHTTP(l.url) {
			order = append(order, l)
		}
	}
	return order
}

// lineEnds takes out what a browser takes out of a URL.
var lineEnds = strings.NewReplacer("\n", "", "\r", "", "\t", "")

func isHTTP(url string) bool {
	return len(url) > 8 && (strings.EqualFold(url[:7], "http://") || strings.EqualFold(url[:8], "https://"))
}

func (l *linkCandidate) merge(w *Weights, o *linkCandidate) {
	if l.kind == pageText && o.kind == pageHTML {
		l.kind, l.excluded = o.kind, o.excluded // what the plain part says of it is less than what its button says
	} else {
		l.excluded = l.excluded || o.excluded
	}
	if o.score > l.score {
		l.score, l.found = o.score, o.found
		if o.label != "" {
			l.label = o.label
		}
	}
	l.add(w, featRepeated)
}

// intent is what the message as a whole is about.
type intent struct {
	verb, signin bool  // in the subject
	account      bool  // the subject speaks of an account or address to verify
	starts       bool  // the subject begins with signing in
	subject      class // of all cues of the subject
	eventReply   bool
	links        int // number of links
	buttons      int // number of them that are styled as buttons
	sms          bool
	hint         bool // the message says how long something works, or what to do if it was not asked for
}

func (e *extraction) linkIntent() intent {
	in := intent{sms: e.sms}
	for _, p := range e.pages {
		in.links += len(p.anchors)
		in.hint = in.hint || hasClass(p.cues, clCodeHint)
		for i := range p.anchors {
			if p.anchors[i].button {
				in.buttons++
			}
		}
		in.account = in.account || p.kind == pageSubject && hasClass(p.cues, clAccount) && hasClass(p.cues, clLinkVerb)
		for _, h := range p.cues {
			if p.kind == pageSubject {
				in.verb = in.verb || h.class&clLinkVerb != 0
				in.signin = in.signin || h.class&clLinkSignIn != 0
				in.starts = in.starts || h.class&clLinkSignIn != 0 && h.start == 0
				in.subject |= h.class
			}
			if h.class&clEventReply != 0 && (p.kind == pageSubject || p.fold[h.start] == 'r' || p.flags[h.start]&flagAnchor != 0) {
				in.eventReply = true
			}
		}
	}
	return in
}

// rateLink scores one place of a URL.
func (p *page) rateLink(w *Weights, a *anchor, in intent, hasCode bool) *linkCandidate {
	l := &linkCandidate{url: a.url, kind: p.kind}
	label, context := p.linkWords(a, l)
	wide := p.wordsBefore(a, in)
	says := (label|context|wide)&(clLinkVerb|clLinkSignIn|clLinkClick|clOrLink) != 0 || in.verb || in.signin
	if only := a.button && in.buttons == 1; !says && !only {
		l.excluded = label&clLinkOther != 0
		return l // nothing says that it acts
	}
	u := readURL(a.url)
	if !says && !u.invites {
		l.excluded = label&clLinkOther != 0
		return l
	}
	if (label|context|wide)&(clLinkVerb|clLinkSignIn) == 0 && !in.verb && !in.signin && !u.namesAction && !(hasCode && (label|context)&(clOrLink|clLinkClick) != 0) {
		l.excluded = label&clLinkOther != 0
		return l // "click here" alone may lead anywhere
	}
	l.rateWords(w, a, in, hasCode, label, context, wide, u)
	l.rateURL(w, a, in, hasCode, label, context, u)
	noVerb := label&clLinkVerb == 0
	signs := u.acts && u.token > 0 && (label&(clLinkVerb|clLinkSignIn) != 0 || u.invites) // "Log in to the support portal"
	l.excluded = label&clLinkOther != 0 && !signs || u.neverActs || noVerb && !signs && context&(clLinkOther|clCodeEntryPage) != 0
	if u.other && !u.acts {
		l.add(w, featOtherPath)
	}
	if context&clLinkOther != 0 && !noVerb {
		l.add(w, featRefused)
	}
	if in.eventReply && !u.invites && utf8.RuneCountInString(l.label) <= 14 {
		l.excluded = true // the answer to an invitation to an event
	}
	return l
}

func (l *linkCandidate) add(w *Weights, f feature) {
	l.score += w[f]
	l.found = append(l.found, finding{f, 1})
}

// rateWords scores what the label, the words around it, and those before the only link say.
func (l *linkCandidate) rateWords(w *Weights, a *anchor, in intent, hasCode bool, label, context, wide class, u urlFacts) {
	switch {
	case label&clLinkVerb != 0:
		l.add(w, featLinkVerb)
	case label&clLinkSignIn != 0:
		l.add(w, featLinkSignIn)
	case label&clLinkClick != 0:
		l.add(w, featLinkClick)
	}
	if label&(clLinkVerb|clLinkSignIn) == 0 {
		switch {
		case context&clLinkVerb != 0:
			l.add(w, featAroundVerb)
		case context&clLinkSignIn != 0:
			l.add(w, featAroundSignIn)
		case wide&(clLinkVerb|clLinkSignIn) != 0:
			l.add(w, featBeforeLink)
		}
		if label&(clLinkClick|clLinkOther) == 0 && a.button && in.buttons == 1 {
			l.add(w, featOnlyButton)
		}
	}
	if label&clLinkVerb == 0 && context&clOrLink != 0 && hasCode {
		if label&clLinkClick == 0 {
			l.add(w, featOrOpen) // both
		} else {
			l.add(w, featOrClick)
		}
	}
	if in.verb || in.signin {
		l.add(w, featLinkSubject)
	}
	about := (label | in.subject) & (clAccount | clOtherObject)
	if in.account && about != clOtherObject || in.starts && label&(clLinkClick|clLinkSignIn) != 0 {
		l.add(w, featLinkAccount)
	}
	if about == clOtherObject && !u.invites {
		l.add(w, featLinkObject)
	}
	if hasCode {
		l.add(w, featLinkBesideCode)
	}
}

// rateURL scores the URL itself and how the link is shown.
func (l *linkCandidate) rateURL(w *Weights, a *anchor, in intent, hasCode bool, label, context class, u urlFacts) {
	if u.acts {
		l.add(w, featPathActs)
	}
	if u.namesAction {
		l.add(w, featPathNames)
	}
	if in.hint {
		l.add(w, featLinkHint)
	}
	if !u.acts && !in.sms && !in.account && (label|context)&clLinkVerb == 0 && !(hasCode && label&(clOrLink|clLinkSignIn) != 0) {
		l.add(w, featTracker)
	}
	switch {
	case u.token >= 2:
		l.add(w, featToken)
	case u.token == 1:
		l.add(w, featIdentifier)
	default:
		l.add(w, featNoToken)
	}
	if a.button {
		l.add(w, featButton)
	}
	if in.links == 1 {
		l.add(w, featOnlyLink)
		if in.sms && hasCode && label&(clLinkClick|clOrLink) != 0 {
			l.add(w, featOnlyLinkCode)
		}
	}
}

func linkConfidence(score float64) float64 { return sigmoid((score - LinkThreshold + 0.8) * 0.7) }
