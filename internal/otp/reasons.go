package otp

import "slices"

// rejectedExpired is a reason of [candidate.rejected] that excludes the value wherever it stands.
const rejectedExpired = "the message calls it old, used or expired"

// rejectedKey excludes the value wherever it stands, too.
const rejectedKey = "the key of a ticket"

// maxDisplay bounds Display, in runes.
const maxDisplay = 60

func (c *candidate) display() string { return cleanLine(c.page.shown(c.start, c.end), maxDisplay) }

func (s *scoring) public(v *value) Candidate {
	return Candidate{Code: v.code, Display: v.best.display(), Confidence: confidence(v.score),
		Reason: s.weights.reasonOf(v.found, v.score >= CodeThreshold, "has the shape of a code, but nothing names it")}
}

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
