package otp

import (
	"math"
	"slices"
	"sort"
	"strings"
)

// Extract finds the code and the link in one message. It is deterministic,
// reads at most [MaxInput] bytes of each part, and is safe for concurrent use.
func Extract(m Message, c Context) Verdict {
	e := newExtraction(m)
	defer e.release()
	if host, code, ok := originBound(m); ok {
		v := Verdict{Code: code, Display: code, OriginHost: host, Confidence: 1, Kind: KindCode,
			Reason: "the last line binds this code to " + host}
		v.Candidates = []Candidate{{Code: code, Display: code, Reason: v.Reason, Confidence: 1}}
		e.finishLink(&v, m, c)
		return v
	}
	var v Verdict
	e.decide(&v)
	e.finishLink(&v, m, c)
	return v
}

// extraction is the state of one call.
type extraction struct {
	pages  []*page
	links  []*linkCandidate
	ld     []string
	values []*value
	thread threadKind
	sms    bool
	hashed bool // made for SMS Retriever: nothing but codes is
}

// value is all places that show one code.
type value struct {
	code  string
	best  *candidate
	score float64
	seen  int // number of kinds of pages that show it
}

func newExtraction(m Message) *extraction {
	e := &extraction{sms: m.Channel == SMS}
	subject, _ := capBytes(m.Subject, 2<<10)
	e.thread, subject = subjectThread(subject)
	text := m.Text
	if m.Channel == SMS {
		text, e.hashed = dropAppHash(text)
	}
	plain := textPage(pageText, text)
	plain.findWords()
	if e.thread == threadNone && plain.hasForwardLine() {
		e.thread = threadForward
	}
	var seen, hidden *page
	if m.HTML != "" {
		seen, hidden, e.ld = walkHTML(m.HTML, e.thread == threadForward, e.thread == threadReply)
		seen.findWords()
		if e.thread == threadNone && seen.hasForwardLine() {
			e.thread = threadForward
			seen.release()
			hidden.release()
			seen, hidden, e.ld = walkHTML(m.HTML, true, false)
			seen.findWords()
		}
		e.pages = append(e.pages, seen)
	}
	e.pages = append(e.pages, plain)
	if hidden != nil {
		if len(hidden.show) > 0 {
			hidden.findWords()
			e.pages = append(e.pages, hidden)
		} else {
			hidden.release()
		}
	}
	for _, p := range e.pages {
		p.cutQuotes(e.thread)
		p.maskAddresses()
	}
	if subject != "" {
		p := textPage(pageSubject, subject)
		p.findWords()
		p.maskAddresses()
		e.pages = append(e.pages, p)
	}
	asks := false
	for _, p := range e.pages {
		p.read()
		asks = asks || p.kind == pageSubject && p.asks()
	}
	for _, p := range e.pages {
		p.receipt = p.receipt && !asks
	}
	return e
}

// release gives the pages back. The verdict holds copies of what it shows.
func (e *extraction) release() {
	for _, p := range e.pages {
		p.release()
	}
}

// decide scores all candidates and fills in the code part of the verdict.
func (e *extraction) decide(v *Verdict) {
	s := e.scoring()
	for _, c := range s.candidates {
		if c.rejected == "" {
			s.rate(c)
		}
	}
	e.values = rank(s.candidates)
	for _, val := range e.values[:min(len(e.values), MaxCandidates)] {
		if val.score < 0 {
			break // has the shape, and nothing else
		}
		v.Candidates = append(v.Candidates, val.public())
	}
	v.Kind = KindNone
	if len(e.values) == 0 || e.values[0].score < threshold {
		v.Reason = noneReason(s.candidates)
		return
	}
	top := e.values[0]
	v.Confidence = confidence(top.score)
	if rivals := e.rivals(top); rivals > 0 {
		v.Kind = KindAmbiguous
		v.Confidence = math.Min(v.Confidence, 0.5)
		v.Reason = "two or more different values are about equally plausible as the code; see the candidates"
		return
	}
	v.Kind = KindCode
	v.Code, v.Display = top.code, top.best.display()
	v.Reason = top.best.reason()
}

// rivals counts values that are plausible and not clearly behind the best.
func (e *extraction) rivals(top *value) int {
	n := 0
	for _, val := range e.values[1:] {
		room := margin
		if top.best.direct && val.best.direct {
			room = marginLabelled
		}
		if val.score >= threshold && top.score-val.score < room && !strings.Contains(top.code, val.code) && !strings.Contains(val.code, top.code) {
			n++
		}
	}
	return n
}

// scoring collects the candidates of all pages and what the message as a
// whole says.
func (e *extraction) scoring() *scoring {
	s := &scoring{sms: e.sms, hashed: e.hashed, quiet: true}
	for _, p := range e.pages {
		weight := 0.35
		if p.kind == pageSubject {
			weight = 0.45
		}
		for _, h := range p.hits {
			switch {
			case h.class&clCodeName != 0:
				s.global.label = math.Max(s.global.label, worthStrong*weight)
			case h.class&clCodeNoun != 0:
				s.global.label = math.Max(s.global.label, worthNoun*weight)
			case h.class&clCodeVerb != 0:
				s.global.act = math.Max(s.global.act, worthAct*weight)
			}
			s.quiet = s.quiet && h.class&clMoney == 0
		}
		for _, h := range p.cues {
			s.hint = s.hint || h.class&clCodeHint != 0
			s.quiet = s.quiet && h.class&(clOtherTopic|clExpired|clOutdated) == 0
			if p.kind == pageSubject && h.class&clOtherTopic != 0 {
				s.global.scene = 1.5
			}
		}
		if p.kind == pageSubject && e.thread == threadReply {
			continue // the subject of a reply is older than the reply
		}
		found := p.candidates()
		dropLists(found)
		p.own(found)
		s.candidates = append(s.candidates, found...)
	}
	return s
}

// dropLists refuses candidates of one shape that stand alone on four or more
// lines in a row: recovery codes.
func dropLists(found []*candidate) {
	for i := 0; i < len(found); {
		j := i + 1
		for j < len(found) && found[j].alone && found[i].alone && len(found[j].code) == len(found[i].code) && found[j].code != found[i].code && found[j].start-found[j-1].end < 12 {
			j++
		}
		if j-i >= 4 {
			for _, c := range found[i:j] {
				c.rejected = "one of a list of codes"
			}
		}
		i = j
	}
}

// rank sums the places of each value and sorts the values.
func rank(found []*candidate) []*value {
	byCode := make(map[string]*value)
	var out []*value
	kinds := make(map[string]map[pageKind]bool)
	dead := make(map[string]bool)
	for _, c := range found {
		if c.rejected != "" {
			if strings.HasPrefix(c.rejected, "the message calls") {
				dead[c.code] = true
			}
			continue
		}
		val := byCode[c.code]
		if val == nil {
			val = &value{code: c.code, best: c, score: c.score}
			byCode[c.code] = val
			kinds[c.code] = make(map[pageKind]bool)
			out = append(out, val)
		}
		if c.score > val.score {
			val.best, val.score = c, c.score
		}
		kinds[c.code][c.page.kind] = true
	}
	out = slices.DeleteFunc(out, func(v *value) bool { return dead[v.code] })
	for _, val := range out {
		k := kinds[val.code]
		val.seen = len(k)
		if k[pageSubject] && len(k) > 1 {
			val.score += 1.5
		}
		if k[pageText] && k[pageHTML] {
			val.score += 0.3
		}
	}
	// Hidden text speaks only where nothing that is seen does.
	seen := slices.ContainsFunc(out, func(v *value) bool { return v.best.page.kind != pageHidden && v.score >= threshold })
	for _, val := range out {
		if seen && len(kinds[val.code]) == 1 && kinds[val.code][pageHidden] {
			val.score = min(val.score, threshold) - 3
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].score > out[j].score })
	return out
}

// confidence maps a score to 0..1, with 0.5 at the threshold.
func confidence(score float64) float64 {
	c := 1 / (1 + math.Exp(-(score-threshold)*0.75))
	return math.Round(math.Min(c, 0.99)*100) / 100
}
