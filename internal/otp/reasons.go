package otp

import (
	"slices"
	"strings"
)

// rejectedExpired is a reason of [candidate.rejected] that excludes the value wherever it stands.
const rejectedExpired = "the message calls it old, used or expired"

// maxDisplay bounds Display, in runes.
const maxDisplay = 60

func (c *candidate) display() string { return cleanLine(c.page.shown(c.start, c.end), maxDisplay) }

func (v *value) public() Candidate {
	return Candidate{Code: v.code, Display: v.best.display(), Reason: v.best.reason(), Confidence: confidence(v.score)}
}

// note keeps what counted, in words.
func (c *candidate) note(e evidence, introduced bool) {
	add := func(cond bool, s string) {
		if cond {
			c.notes = append(c.notes, s)
		}
	}
	add(e.strong && e.labelDirect, "stands directly at words for a verification code")
	add(!e.strong && e.labelDirect, "stands directly at a word for a code")
	add(e.label > 0 && !e.labelDirect, "a word for a code is near")
	add(e.verb > 2 && !e.labelDirect, "the text asks to enter or use it")
	add(introduced && !e.labelDirect, "introduced by a colon or the like")
	add(c.alone, "alone on its line")
	add(c.emph, "set off in bold or large type")
	add(e.besideLink, "offered beside a link")
	add(c.page.kind == pageSubject, "in the subject")
	add(c.page.kind == pageHidden, "only in text that is not displayed")
	add(e.otherLabel, "labelled as another kind of number")
	add(e.otherTopic > 0, "the message speaks of deliveries, offers or meetings")
	add(len(c.notes) == 0, "has the shape of a code, but nothing names it")
}

func (c *candidate) reason() string { return strings.Join(c.notes, "; ") }

// noneReason says why a message has no code.
func noneReason(found []*candidate) string {
	if len(found) == 0 {
		return "nothing in the message has the shape of a code"
	}
	if slices.ContainsFunc(found, func(c *candidate) bool { return c.rejected == rejectedExpired }) {
		return "the only code is one that the message calls old, used or expired"
	}
	return "no value in the message is plausible enough as a code"
}
