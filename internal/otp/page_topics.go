package otp

import (
	"slices"
	"strings"
	"unicode"
)

// generalVerbs ask for a value without saying what for.
var generalVerbs = setOf(
	"use", "enter", "type", "type in", "key in", "input", "punch in", "reply", "reply with",
	"respond with", "submit", "paste", "try", "try this", "access", "continue", "complete",
	"finish", "proceed", "join", "quote", "quoting", "get in", "here it is", "here you go",
	"here you are", "unlock", "set up", "setup", "approval", "confirm", "approved",
)

// readAboutSignIn notes whether the page speaks of signing in, of verifying, or of keeping a code
// to oneself.
func (p *page) readAboutSignIn() {
	p.asksSignIn = hasClass(p.cues, clCodeHint) || slices.ContainsFunc(p.hits, func(h hit) bool {
		return h.class&clCodeName != 0 && h.class&clMeetingCode == 0 || h.class&clCodeVerb != 0 && !generalVerbs[p.word(h)]
	})
	p.aboutSignIn = p.asksSignIn || hasClass(p.hits, clCodeName)
}

// noOtherLabel reports whether no word in the sentence of the candidate, and none directly before
// another number, labels something else.
func (p *page) noOtherLabel(c *candidate) bool {
	return !slices.ContainsFunc(p.hits, func(h hit) bool {
		return h.class&clOtherNumber != 0 && !p.senderTag(h) &&
			(h.start < c.start && p.segOf(h.start) == c.seg || p.labelsNextNumber(h))
	})
}

func hasStem(word string, stems []string) bool {
	return slices.ContainsFunc(stems, func(stem string) bool { return strings.HasPrefix(word, stem) })
}

// onReceipt reports whether h names what the bank gave the shop, at a plain number of a message
// that states an amount and asks for nothing. An amount in the same sentence is one to approve,
// unless the message says that it was paid.
func (p *page) onReceipt(h hit, c *candidate) bool {
	if !p.receipt || h.class&clPaymentCode == 0 || c.shape == shapeGrouped {
		return false
	}
	seg := p.segs[c.seg]
	return hasClass(p.cues, clPaid) || h.class&clCodeName == 0 ||
		!slices.ContainsFunc(p.hits, func(m hit) bool { return m.class&clMoney != 0 && m.start >= seg.start && m.end <= seg.end })
}

// readReceipt notes whether the page states an amount and neither asks for anything nor says how
// long a code works.
func (p *page) readReceipt() {
	p.receipt = slices.ContainsFunc(p.form[:min(len(p.form), 20001)], func(r rune) bool {
		return r == '$' || r > 0x80 && unicode.Is(unicode.Sc, r)
	})
	if len(p.form) > 20001 {
		return
	}
	asks := func(h hit) bool {
		return h.class&(clCodeName|clCodeNoun|clCodeVerb) != 0 && h.class&clPaymentCode == 0 && p.classesIn(h.start, h.end)&clPaid == 0
	}
	p.receipt = (p.receipt || hasClass(p.hits, clMoney)) && !hasClass(p.cues, clCodeHint) &&
		!slices.ContainsFunc(p.hits, asks) && !p.saysHowLong()
}

func (p *page) saysHowLong() bool {
	for i := 0; i+5 <= len(p.fold); i++ {
		if p.fold[i] != 'v' && p.fold[i] != 'e' {
			continue
		}
		if w := string(p.fold[i : i+5]); (w == "valid" || w == "expir") && wordStart(p.fold, i) {
			return true
		}
	}
	return false
}

// requestsAction reports a subject such as "Approve your transfer".
func (p *page) requestsAction() bool {
	return slices.ContainsFunc(p.hits, func(h hit) bool {
		word := p.word(h)
		return h.class&clCodeVerb != 0 && h.start == 0 && h.class&clPaymentCode == 0 && !generalVerbs[word]
	})
}

func setOf(entries ...string) map[string]bool {
	set := make(map[string]bool, len(entries))
	for _, e := range entries {
		set[e] = true
	}
	return set
}

// ofMeeting reports whether a label that may name the code of a meeting stands in a message about
// one that asks for no sign-in.
func (p *page) ofMeeting(h hit) bool {
	return p.meeting && !p.asksSignIn && h.class&(clCodeName|clCodeNoun) != 0 && (h.class&clCodeName == 0 || h.class&clMeetingCode != 0)
}

// offers reports whether the page speaks of money, percentages, or a topic such as coupons.
func (p *page) offers() bool {
	return hasClass(p.cues, clOtherTopic) || slices.ContainsFunc(p.hits, p.standsAsMoney) ||
		slices.ContainsFunc(p.form[:min(len(p.form), 20000)], func(r rune) bool {
			return r == '%' || r == '$' || r > 0x80 && unicode.Is(unicode.Sc, r)
		})
}

// standsAsMoney reports a currency that is not part of a code: "USD" of "USD 4", not of "USD4T7".
func (p *page) standsAsMoney(h hit) bool {
	return h.class&clMoney != 0 && (h.start == 0 || !isWordRune(p.form[h.start-1])) && (h.end == len(p.form) || !isWordRune(p.form[h.end]))
}

// asksVerb reports a verb of signing in or verifying.
func (p *page) asksVerb() bool {
	return slices.ContainsFunc(p.hits, func(h hit) bool { return h.class&clCodeVerb != 0 && !generalVerbs[p.word(h)] })
}

func (p *page) hasPercentage() bool {
	for i := 1; i+1 < min(len(p.form), 20000); i++ {
		if p.form[i] == '%' && (isDigit(p.form[i-1]) || p.form[i-1] == ' ' && i > 1 && isDigit(p.form[i-2]) || isDigit(p.form[i+1])) {
			return true
		}
	}
	return false
}
