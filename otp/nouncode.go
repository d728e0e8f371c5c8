package otp

// otherCode reports whether the word before "code" or "PIN" makes it another
// kind of code: "shed code", "kiosk PIN". Such compounds are without end in
// English, so the words that do not make one are listed (class fore) instead of
// those that do. A capitalised word is a sender's name, and a message that asks
// for a sign-in or warns about sharing means a code of ours by any name.
func (p *page) otherCode(h hit) bool {
	word := string(p.fold[h.start:h.end])
	if word != "code" && word != "pin" && word != "passcode" || p.vouches {
		return false
	}
	end := h.start - 1
	if end < 0 || p.form[end] != ' ' && p.form[end] != '-' {
		return false
	}
	start := end
	for start > 0 && isLetter(p.form[start-1]) && end-start < 24 {
		start--
	}
	if end-start < 3 || start > 0 && isWordRune(p.form[start-1]) {
		return false
	}
	for _, r := range p.form[start:end] {
		if r < 'a' || r > 'z' {
			return false
		}
	}
	if words().exact[string(p.fold[start:end])]&clFore != 0 {
		return false
	}
	if word != "code" && !p.english() {
		return false // "dein PIN", "seu PIN"
	}
	return !p.known(token{start: start, end: end})
}

// english reports whether an English function word stands on the page.
func (p *page) english() bool {
	for i := 0; i < len(p.fold) && i < 2000; i++ {
		if !isLetter(p.fold[i]) || i > 0 && isWordRune(p.fold[i-1]) {
			continue
		}
		end := i
		for end < len(p.fold) && isLetter(p.fold[end]) && end-i < 8 {
			end++
		}
		switch string(p.fold[i:end]) {
		case "your", "the", "with", "from", "this", "and", "at", "for":
			return true
		}
	}
	return false
}

// generalActs ask for a value without saying what for.
var generalActs = map[string]bool{"use": true, "enter": true, "type": true, "type in": true, "key in": true, "input": true, "punch in": true, "reply": true, "reply with": true, "respond with": true, "submit": true, "paste": true, "try": true, "try this": true, "access": true, "continue": true, "complete": true, "finish": true, "proceed": true, "join": true, "quote": true, "quoting": true, "get in": true, "here it is": true, "here you go": true, "here you are": true, "unlock": true, "set up": true, "setup": true, "approval": true, "confirm": true, "approved": true}

// readVouches notes whether the page speaks of signing in, of verifying, or of
// keeping a code to oneself.
func (p *page) readVouches() {
	for _, h := range p.cues {
		p.vouches = p.vouches || h.class&clHint != 0
	}
	for _, h := range p.hits {
		if h.class&clStrong != 0 || h.class&clAct != 0 && !generalActs[string(p.fold[h.start:h.end])] {
			p.vouches = true
		}
	}
}
