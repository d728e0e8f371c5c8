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
	p.aboutSignIn = hasClass(p.cues, clCodeHint) || slices.ContainsFunc(p.hits, func(h hit) bool {
		return h.class&clCodeName != 0 || h.class&clCodeVerb != 0 && !generalVerbs[p.word(h)]
	})
}

// noOtherLabel reports whether no word in the sentence of the candidate, and none directly before
// another number, labels something else.
func (p *page) noOtherLabel(c *candidate) bool {
	return !slices.ContainsFunc(p.hits, func(h hit) bool {
		return h.class&clOtherNumber != 0 && !p.senderTag(h) &&
			(h.start < c.start && p.segOf(h.start) == c.seg || p.labelsNextNumber(h))
	})
}

// receiptWords name a value that the bank gives the shop, when the message is about a payment that
// was made, and one that the reader gives when it asks.
var receiptWords = []string{"approval", "authorizati", "authorisati", "auth code", "autorizaci", "autorizaca",
	"autorisation", "autorizzazion", "autorizad", "aprobad", "aprovad", "approved", "autorise", "approuve",
	"autorisier", "autoryzac", "autoriza", "авториз", "otorisasi", "autorisatie", "godkann", "授权", "授權", "승인"}

func hasStem(word string, stems []string) bool {
	return slices.ContainsFunc(stems, func(stem string) bool { return strings.HasPrefix(word, stem) })
}

func hasPart(word string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(word, part) })
}

// onReceipt reports whether h is "approval code" and the like at a plain number in a message that
// states an amount and asks for nothing.
func (p *page) onReceipt(h hit, c *candidate) bool {
	return p.receipt && c.shape != shapeGrouped && hasPart(p.word(h), receiptWords)
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
		return h.class&(clCodeName|clCodeVerb) != 0 && !hasPart(p.word(h), receiptWords)
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
		return h.class&clCodeVerb != 0 && h.start == 0 && !hasStem(word, receiptWords) && !generalVerbs[word]
	})
}

func setOf(entries ...string) map[string]bool {
	set := make(map[string]bool, len(entries))
	for _, e := range entries {
		set[e] = true
	}
	return set
}
