package suspicion

import (
	"slices"
	"strings"

	"ravi-mcp/internal/host"
)

// orders says what a text asks its reader to do.
type orders struct {
	addresses bool // it speaks to an assistant or a program
	forwards  bool // it asks to send a code, a password or itself
}

// readOrders reads a text in every language by itself: words of one language say nothing in
// another. from is the registrable domain of the sender, "" for none.
func readOrders(text, from string) orders {
	var o orders
	lower := strings.ToLower(text[:min(len(text), maxRead)])
	for _, mark := range words().marks {
		o.addresses = o.addresses || strings.Contains(lower, mark)
	}
	lex := words()
	tokens := tokenize(text)
	matches := make([]found, len(tokens)*lex.languages) // by token and language
	for i, t := range tokens {
		if t.class == none {
			lex.match(tokens[i:], matches[i*lex.languages:(i+1)*lex.languages])
		}
	}
	for l := range lex.languages {
		r := reading{from: from}
		for start := 0; start < len(tokens); {
			end := start
			for end < len(tokens) && tokens[end].class != clStop {
				end++
			}
			r.sentence(tokens[start:end], func(i int) found { return matches[(start+i)*lex.languages+l] })
			start = end + 1
		}
		o.addresses = o.addresses || r.strong || r.weakSigns() >= 2
		o.forwards = o.forwards || r.forwards
	}
	return o
}

// item is one entry in a sentence.
type item struct {
	class      class
	start, end int // tokens
	text       string
}

// reading is what one language finds in a text.
type reading struct {
	from     string
	strong   bool
	forwards bool
	// Signs that are common enough to need another one beside them.
	role, called, rules, orders, user bool
}

func (r *reading) weakSigns() int {
	n := 0
	for _, sign := range []bool{r.role, r.called, r.rules, r.user} {
		if sign {
			n++
		}
	}
	if n > 0 && r.orders {
		n++
	}
	return n
}

// sentence reads one sentence.
func (r *reading) sentence(tokens []token, match func(int) found) {
	var items []item
	words := false
	for i := 0; i < len(tokens); {
		cl, n := tokens[i].class, 1
		if cl == none {
			at := match(i)
			if at.length == 0 {
				i++
				continue
			}
			cl, n, words = at.class, min(at.length, len(tokens)-i), true
		}
		items = append(items, item{cl, i, i + n, tokens[i].text})
		if cl == clLead {
			n = 1 // "to the user" is both a lead and the user
		}
		i += n
	}
	if !words {
		return
	}
	s := sentence{tokens: tokens, items: items, from: r.from}
	r.strong = r.strong || s.has(clMarker) || s.has(clQuiet) || s.takesRulesAway() || s.speaksToAgent() || s.keepsFromUser()
	r.forwards = r.forwards || s.asksToForward()
	r.role = r.role || s.beginsWith(clSystem) && len(tokens) > 3
	r.called = r.called || s.beginsWith(clAgent) || s.beginsWith(clHelper)
	r.rules = r.rules || s.has(clIgnore) && s.has(clRules) && !s.has(clIf) && !s.has(clNever)
	r.user = r.user || s.has(clUser) && (s.has(clTell) || s.has(clNeed)) && !s.has(clIf)
	r.orders = r.orders || s.orders()
}

type sentence struct {
	tokens []token
	items  []item
	from   string
}

func (s *sentence) has(cl class) bool {
	return slices.ContainsFunc(s.items, func(it item) bool { return it.class == cl })
}

// takesRulesAway: "ignore your previous instructions", in any order of the words.
func (s *sentence) takesRulesAway() bool {
	return s.has(clIgnore) && s.has(clRules) && s.has(clPrior)
}

// beginsWith: an entry at the beginning of the sentence, with a comma, a colon or the like behind
// it.
func (s *sentence) beginsWith(cl class) bool {
	return len(s.items) > 1 && s.items[0].class == cl && s.items[0].start == 0 &&
		s.items[1].class == clBreak && s.items[1].start == s.items[0].end && len(s.tokens) > s.items[1].end
}

// orders reports whether the sentence asks for what no mail for people asks for, or says it in
// words that orders are made of.
func (s *sentence) orders() bool {
	for i, it := range s.items {
		switch it.class {
		case clForward, clReply, clSend:
			if s.has(clSecret) && !s.warned(i) {
				return true
			}
		case clPost:
			if (s.has(clSecret) || s.has(clItem)) && s.has(clURL) && !s.warned(i) {
				return true
			}
		}
	}
	return false
}

// speaksToAgent: "Note to AI assistants:", "Dear AI agent,", "you are an AI", "the AI agent must".
func (s *sentence) speaksToAgent() bool {
	directive := s.has(clForward) || s.has(clReply) || s.has(clSend) || s.has(clIgnore) || s.has(clUser) || s.has(clRules) ||
		s.has(clSecret) && (s.has(clOrder) || s.has(clNeed))
	for i, it := range s.items {
		if it.class != clAgent && it.class != clHelper {
			continue
		}
		next, prev := clStop, clStop
		if it.end == len(s.tokens) {
			next = clBreak
		}
		if i+1 < len(s.items) && s.items[i+1].start <= it.end+1 {
			next = s.items[i+1].class
		}
		for k := i - 1; k >= 0 && s.items[k].end >= it.start-2 && prev != clLead; k-- {
			prev = s.items[k].class
		}
		reads := s.around(it, clReads)
		if next == clCustomer || s.has(clIf) || s.warned(i) && prev != clLead && !reads {
			continue
		}
		vocative := it.start == 0 && next == clBreak
		switch {
		case it.class == clAgent && reads && (prev == clLead || vocative || s.has(clBreak)),
			it.class == clAgent && prev == clLead && (directive || next == clBreak && s.items[0].class == clLead && s.items[0].start == 0 && i <= 2),
			it.class == clAgent && (vocative || next == clNeed) && directive,
			it.class == clHelper && (vocative || prev == clLead && next == clBreak && i <= 2) && directive && s.orders(),
			it.class == clHelper && (vocative || prev == clLead) && s.has(clIgnore) && s.has(clRules):
			return true
		}
	}
	return false
}

// around reports an entry of a class within a few words of another.
func (s *sentence) around(of item, cl class) bool {
	return slices.ContainsFunc(s.items, func(it item) bool {
		return it.class == cl && it.start-of.end <= 4 && of.start-it.end <= 8
	})
}

// keepsFromUser: "do not tell the user".
func (s *sentence) keepsFromUser() bool {
	if !s.has(clUser) {
		return false
	}
	for _, it := range s.items {
		if it.class == clTell && slices.ContainsFunc(s.items, func(not item) bool {
			return (not.class == clNever || not.class == clAfter) && it.start-not.end <= 3 && not.start-it.end <= 6
		}) {
			return true
		}
	}
	return false
}

// warned reports whether the order at index i is none: "never send", "do not share or forward",
// "wer Sie bittet, …", and in languages that say so behind the verb, "teilen Sie ihn nicht".
func (s *sentence) warned(i int) bool {
	listed := true // only orders, commas and what they are about stand between
	for k := i - 1; k >= 0; k-- {
		switch s.items[k].class {
		case clNever:
			return listed || s.items[i].start-s.items[k].end <= 12 && !s.broken(s.items[k].end, s.items[i].start)
		case clBreak, clForward, clReply, clSend, clPost, clSecret, clItem, clPlace, clIf, clTell, clOther:
		default:
			listed = false
		}
		if s.items[i].start-s.items[k].end > 30 {
			break
		}
	}
	for k := i + 1; k < len(s.items) && s.items[k].start-s.items[i].end <= 10; k++ {
		switch s.items[k].class {
		case clAfter:
			return true
		case clBreak:
			return false
		}
	}
	return false
}

// broken reports a comma or the like between two tokens.
func (s *sentence) broken(from, to int) bool {
	return slices.ContainsFunc(s.tokens[from:to], func(t token) bool { return t.class == clBreak })
}

// asksToForward: an order to pass on, or to answer with, what is secret; an order to send it to an
// address, a number or a place; an order to send the message itself to an unknown address.
func (s *sentence) asksToForward() bool {
	for i, it := range s.items {
		if it.class != clForward && it.class != clReply && it.class != clSend && it.class != clPost || s.warned(i) {
			continue
		}
		secret := s.near(i, clSecret)
		stated := !s.has(clIf)
		switch it.class {
		case clForward, clReply:
			if secret && (stated || s.addressed(i)) && (it.class == clForward || !s.saysCode()) {
				return true
			}
		case clSend:
			// Who calls is often asked to read a code to an agent, which the message then shows. A
			// phone is also verified by sending the code that is shown from it, to a number or a
			// bot.
			if secret && (s.near(i, clMail) || s.near(i, clNumber) && !s.saysCode() ||
				stated && s.near(i, clPlace) && !s.showsCode() && !s.toBot()) {
				return true
			}
		case clPost:
			if secret && s.near(i, clMail) && stated {
				return true
			}
			continue
		}
		if stated && s.near(i, clItem) && (s.elsewhere(i) || it.class == clForward && s.near(i, clNumber)) {
			return true
		}
	}
	return false
}

// saysCode: "reply with code 482913" asks for nothing that it does not say itself.
func (s *sentence) saysCode() bool {
	said := false
	for _, it := range s.items {
		if it.class != clSecret {
			continue
		}
		at := it.end
		if at < len(s.tokens) && s.tokens[at].class == clBreak { // code: 482913
			at++
		}
		if at >= len(s.tokens) || s.tokens[at].class != none || strings.Trim(s.tokens[at].text, "0123456789") != "" {
			return false
		}
		said = true
	}
	return said
}

// toBot reports a bot, as that of a messenger.
func (s *sentence) toBot() bool {
	return slices.ContainsFunc(s.tokens, func(t token) bool { return t.text == "bot" || strings.HasPrefix(t.text, "бот") })
}

// showsCode reports digits that could be the code.
func (s *sentence) showsCode() bool {
	return slices.ContainsFunc(s.tokens, func(t token) bool {
		return t.class == none && len(t.text) >= 4 && strings.Trim(t.text, "0123456789") == ""
	})
}

// near reports an entry of a class within reach of the order at index i: in front of it too, as
// languages do that have the verb at the end.
func (s *sentence) near(i int, cl class) bool {
	for _, it := range s.items {
		before := it.end <= s.items[i].start
		if it.class == cl && it.start-s.items[i].end < 40 && s.items[i].start-it.end < 40 &&
			!(before && cl == clSecret && s.broken(it.end, s.items[i].start)) {
			return true
		}
	}
	return false
}

// addressed reports a mail address or a number to send to.
func (s *sentence) addressed(i int) bool { return s.near(i, clMail) || s.near(i, clNumber) }

// elsewhere reports an address that is not the sender's, nor one for reports of abuse.
func (s *sentence) elsewhere(i int) bool {
	for _, it := range s.items {
		if it.class != clMail || it.start < s.items[i].end-30 {
			continue
		}
		local, ascii, ok := host.Mailbox(it.text)
		if ok && (s.from == "" || host.Domain(ascii) != s.from) && !reportsAbuse[local] {
			return true
		}
	}
	return false
}

var reportsAbuse = map[string]bool{"abuse": true, "phishing": true, "spam": true, "report": true, "reportphishing": true, "stop-spoofing": true}
