package otp

import "slices"

// Extract finds the code and the link in one message. It is deterministic, reads at most [MaxInput]
// bytes of each part, and is safe for concurrent use.
func Extract(m Message) Verdict { return committed().weights.Extract(m) }

// Extract is [Extract] with other weights.
func (w *Weights) Extract(m Message) Verdict {
	v, altDigits := w.extract(m, false)
	if altDigits && v.Code == "" && v.Kind != KindAmbiguous {
		v, _ = w.extract(m, true) // nothing but images shows the code
	}
	return v
}

// extract also reports whether images of the message stand for digits. They are read as such where
// readAlt says so.
func (w *Weights) extract(m Message, readAlt bool) (v Verdict, altDigits bool) {
	e := newExtraction(w, m, readAlt)
	defer e.release()
	v = Verdict{Kind: KindNone}
	if host, code, ok := originBound(m); ok {
		v = Verdict{Code: code, Display: code, OriginHost: host, Confidence: 1, Kind: KindCode,
			Reason: "the last line binds this code to " + host}
		v.Candidates = []Candidate{{Code: code, Display: code, Reason: v.Reason, Confidence: 1}}
	} else if automatic(m) {
		v.Reason = "an automatic answer, or a message that a mail system returned"
		return v, false
	} else {
		e.decide(&v)
	}
	e.finishLink(&v)
	return v, e.altDigits
}

// extraction is the state of one call.
type extraction struct {
	weights      *Weights
	pages        []*page
	jsonLD       []string
	readAlt      bool // images stand for digits
	altDigits    bool // there are such images
	thread       threadKind
	sms          bool
	smsRetriever bool // made for SMS Retriever: nothing but codes is
}

func newExtraction(w *Weights, m Message, readAlt bool) *extraction {
	e := &extraction{weights: w, readAlt: readAlt, sms: m.Channel == SMS}
	subject, _ := capBytes(m.Subject, 2<<10)
	e.thread, subject = subjectThread(subject)
	text := m.Text
	if m.Channel == SMS {
		text, e.smsRetriever = dropAppHash(text)
	}
	plain := textPage(pageText, text)
	e.pages = append(e.pages, plain)
	if m.HTML != "" {
		e.pages = append(e.pages, e.walk(m.HTML)...)
	}
	if subject != "" {
		e.pages = append(e.pages, textPage(pageSubject, subject))
	}
	spoken := words().fit(e.pages)
	for _, p := range e.pages {
		p.findWords(spoken)
	}
	if e.thread == threadNone && slices.ContainsFunc(e.pages, (*page).hasForwardLine) {
		e.thread = threadForward
		e.walkAgain(m.HTML, spoken)
	}
	for _, p := range e.pages {
		if p.kind != pageSubject && !e.sms {
			p.cutQuotes(e.thread)
		}
		p.maskAddresses()
	}
	requested := false
	for _, p := range e.pages {
		p.read()
		requested = requested || p.kind == pageSubject && p.requestsAction()
	}
	meeting := slices.ContainsFunc(e.pages, func(p *page) bool { return hasClass(p.cues, clMeeting) })
	for _, p := range e.pages {
		p.receipt = p.receipt && !requested
		p.meeting = meeting
		p.mail = !e.sms
	}
	return e
}

// walk returns the pages of an HTML part: what a person sees, and what is hidden if anything is.
func (e *extraction) walk(html string) []*page {
	w := walkHTML(html, e.thread == threadForward, e.thread == threadReply, e.readAlt)
	e.jsonLD, e.altDigits = w.jsonLD, w.altDigits
	if len(w.hidden.show) == 0 {
		w.hidden.release()
		return []*page{w.visible.page}
	}
	return []*page{w.visible.page, w.hidden.page}
}

// walkAgain reads the HTML part of what turned out to be a forward with its quotes.
func (e *extraction) walkAgain(html string, spoken languages) {
	e.pages = slices.DeleteFunc(e.pages, func(p *page) bool {
		again := p.kind == pageHTML || p.kind == pageHidden
		if again {
			p.release()
		}
		return again
	})
	if html == "" {
		return
	}
	pages := e.walk(html)
	for _, p := range pages {
		p.findWords(spoken)
	}
	e.pages = append(e.pages, pages...)
}

// release gives the pages back. The verdict holds copies of what it shows.
func (e *extraction) release() {
	for _, p := range e.pages {
		p.release()
	}
}

// decide scores all candidates and fills in the code part of the verdict.
func (e *extraction) decide(v *Verdict) {
	s := e.rated()
	values := s.rank()
	for _, val := range values[:min(len(values), MaxCandidates)] {
		if val.score < 0 {
			break // has the shape, and nothing else
		}
		v.Candidates = append(v.Candidates, s.public(val))
	}
	if len(values) == 0 || values[0].score < CodeThreshold {
		v.Reason = noneReason(s.candidates)
		return
	}
	top := values[0]
	v.Confidence = confidence(top.score)
	if slices.ContainsFunc(values[1:], func(other *value) bool { return other.rivals(top) }) {
		v.Kind = KindAmbiguous
		v.Confidence = min(v.Confidence, 0.5)
		v.Reason = "two or more different values are about equally plausible as the code; see the candidates"
		return
	}
	v.Kind = KindCode
	v.Code, v.Display = top.code, top.best.display()
	v.Reason = v.Candidates[0].Reason
}

// rated is scoring with the features of all candidates.
func (e *extraction) rated() *scoring {
	s := e.scoring()
	s.rateAll()
	for _, c := range s.candidates {
		if c.rejected == rejectedExpired {
			s.dead = true
			c.page.mask(c.start, c.end, maskRune)
		}
	}
	if s.dead {
		s.rateAll() // a dead code between a label and a live one does not count
	}
	return s
}

// scoring collects the candidates of all pages and what the message as a whole says.
func (e *extraction) scoring() *scoring {
	s := &scoring{weights: e.weights, sms: e.sms, smsRetriever: e.smsRetriever, noOtherNumber: true}
	for _, p := range e.pages {
		where := placeElsewhere
		if p.kind == pageSubject {
			where = placeSubject
		}
		for _, h := range p.hits {
			switch {
			case h.class&clCodeName != 0:
				s.label.raise(s.weights, wordName, where, 1)
			case h.class&clCodeNoun != 0:
				s.label.raise(s.weights, wordNoun, where, 1)
			case h.class&clCodeVerb != 0:
				s.verb.raise(s.weights, wordVerb, where, 1)
			}
		}
		s.offer = s.offer || p.offers()
		s.asks = s.asks || p.asksVerb()
		s.percent = s.percent || p.hasPercentage()
		s.hint = s.hint || hasClass(p.cues, clCodeHint)
		s.elsewhere = s.elsewhere || hasClass(p.cues, clElsewhere)
		s.noOtherNumber = s.noOtherNumber && !hasClass(p.hits, clMoney) &&
			!hasClass(p.cues, clOtherTopic|clExpired|clOutdated)
		s.topic = s.topic || p.kind == pageSubject && hasClass(p.cues, clOtherTopic)
		if p.kind == pageSubject && e.thread == threadReply {
			continue // the subject of a reply is older than the reply
		}
		found := p.candidates()
		dropLists(found)
		dropWords(found)
		p.assignLabels(found)
		p.findBetween(found)
		s.candidates = append(s.candidates, found...)
	}
	s.offer = s.offer && !s.asks && !s.hint
	return s
}
