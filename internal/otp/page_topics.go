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

// readAboutSignIn notes whether the page speaks of signing in, of verifying, or of
// keeping a code to oneself.
func (p *page) readAboutSignIn() {
	for _, h := range p.cues {
		p.aboutSignIn = p.aboutSignIn || h.class&clCodeHint != 0
	}
	for _, h := range p.hits {
		if h.class&clCodeName != 0 || h.class&clCodeVerb != 0 && !generalVerbs[p.word(h)] {
			p.aboutSignIn = true
		}
	}
}

// noOtherLabel reports whether no word in the sentence of the candidate, and none
// directly before another number, labels something else.
func (p *page) noOtherLabel(c *candidate) bool {
	for _, h := range p.hits {
		if h.class&clOtherNumber != 0 && !p.senderTag(h) && (h.start < c.start && p.segOf(h.start) == c.seg || p.labelsNextNumber(h)) {
			return false
		}
	}
	return true
}

// receiptWords name a value that the bank gives the shop, when the message is
// about a payment that was made, and one that the reader gives when it asks.
var receiptWords = [...]string{"approval", "authorizati", "authorisati", "auth code", "autorizaci", "autorizaca", "autorisation", "autorizzazion", "autorizad", "aprobad", "aprovad", "approved", "autorise", "approuve"}

func receiptWord(word string) bool {
	return slices.ContainsFunc(receiptWords[:], func(stem string) bool { return strings.HasPrefix(word, stem) })
}

// onReceipt reports whether h is "approval code" and the like at a plain number
// in a message that states an amount and asks for nothing.
func (p *page) onReceipt(h hit, c *candidate) bool {
	return p.receipt && c.shape != shapeGrouped && receiptWord(p.word(h))
}

// readReceipt notes whether the page states an amount and neither asks for
// anything nor says how long a code works.
func (p *page) readReceipt() {
	for _, r := range p.form[:min(len(p.form), 20001)] {
		if r == '$' || r > 0x80 && unicode.Is(unicode.Sc, r) {
			p.receipt = true
			break
		}
	}
	if len(p.form) > 20001 {
		return
	}
	for _, h := range p.hits {
		p.receipt = p.receipt || h.class&clMoney != 0
	}
	if !p.receipt {
		return
	}
	for _, h := range p.cues {
		if h.class&clCodeHint != 0 {
			p.receipt = false
		}
	}
	for _, h := range p.hits {
		if h.class&clCodeName != 0 || h.class&clCodeVerb != 0 && !receiptWord(p.word(h)) {
			p.receipt = false
		}
	}
	for i := 0; i+5 <= len(p.fold) && i < 20000; i++ {
		if p.fold[i] != 'v' && p.fold[i] != 'e' {
			continue
		}
		if w := string(p.fold[i : i+5]); (w == "valid" || w == "expir") && wordStart(p.fold, i) {
			p.receipt = false
		}
	}
}

// requestsAction reports a subject such as "Approve your transfer".
func (p *page) requestsAction() bool {
	return slices.ContainsFunc(p.hits, func(h hit) bool {
		word := p.word(h)
		return h.class&clCodeVerb != 0 && h.start == 0 && !receiptWord(word) && !generalVerbs[word]
	})
}

func setOf(entries ...string) map[string]bool {
	set := make(map[string]bool, len(entries))
	for _, e := range entries {
		set[e] = true
	}
	return set
}
