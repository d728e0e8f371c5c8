package otp

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

func setOf(entries ...string) map[string]bool {
	set := make(map[string]bool, len(entries))
	for _, e := range entries {
		set[e] = true
	}
	return set
}
