package inbox

import (
	"slices"
	"strings"
	"time"

	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/suspicion"
)

// query is what one wait asks, and where its cursor stands.
type query struct {
	target  Target
	request Request
	filter  filter
	service suspicion.Service
	state   state
	oldest  time.Time // messages created before this do not count; zero: no limit
	now     time.Time // by our clock, for holding back an SMS that is not complete
	final   bool      // the deadline: nothing is held back any longer
	read    func(otp.Message) *content
}

// decision is what a query comes to over the messages that are listed.
type decision struct {
	status     Status
	answers    []logicalMessage // of a Found one: one; of an Ambiguous one: all, newest first per boundFirst
	passed     []logicalMessage // answers, and messages that say the same; newest first
	superseded int
	arrived    Arrived
	recheck    time.Time // when to ask again although nothing came; zero: never
}

// decide applies the rules of the package documentation to what is listed per channel. It is a pure
// function of its arguments: the same cursor over the same lists gives the same answer.
func (q *query) decide(lists [2][]*message) decision {
	d := decision{status: Pending}
	var all []logicalMessage
	for c := range channels {
		if q.request.listens(c) {
			all = append(all, logicalMessages(c, q.unseen(c, lists[c]), q.read)...)
		}
	}
	slices.SortStableFunc(all, func(a, b logicalMessage) int { return b.at.compare(a.at) }) // newest first
	var matched []logicalMessage
	for _, msg := range all {
		d.arrived.add(msg)
		wanted := q.request.Messages || q.wanted(msg)
		passes := q.filter.passes(&msg)
		reasons := q.suspicions(&msg, wanted && passes)
		switch {
		case len(reasons) > 0:
			d.arrived.suspect(msg, reasons)
		case !wanted:
		case !passes:
			d.arrived.Skipped++
		case !q.request.Messages && q.state.replaced(hashSender(msg.channel, msg.sender), msg.at):
		default:
			matched = append(matched, msg)
		}
	}
	matched = q.dropUnbound(matched)
	if q.request.Messages {
		if len(matched) > 0 {
			d.status, d.answers, d.passed = Found, matched[:1], matched[:1]
		}
		return d
	}
	if matched = q.holdPartial(matched, &d); len(matched) == 0 {
		return d
	}
	d.passed, d.superseded = q.newestPerSender(matched)
	d.answers = q.distinct(q.boundFirst(d.passed))
	d.status = Ambiguous
	if len(d.answers) == 1 && !q.hasSeveralCodes(d.answers[0]) {
		d.status = Found
	}
	return d
}

// unseen returns what counts as new in one channel, oldest first.
func (q *query) unseen(c int, list []*message) []*message {
	before := &q.state.seen[c]
	known := make(map[uint64]bool) // copies of mails that were seen or are in out
	for _, m := range list {
		if before.has(m.at) {
			known[m.copyOf] = true
		}
	}
	var out []*message
	for _, m := range list {
		switch {
		case before.has(m.at), m.content == nil, m.forOtherRecipient(q.target):
		case !q.oldest.IsZero() && !m.at.created.IsZero() && m.at.created.Before(q.oldest):
		case m.copyOf != 0 && known[m.copyOf]: // the same mail, delivered twice
		default:
			known[m.copyOf] = true
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b *message) int { return a.at.compare(b.at) })
	return out
}

// wanted reports whether msg holds what the request wants.
func (q *query) wanted(msg logicalMessage) bool {
	code, link := hasCode(msg), msg.verdict.Link != nil
	return code && q.request.Want != WantLink || link && q.request.Want != WantCode
}

// suspicions returns why msg must not end the wait: what it says by itself, and, if it is an answer
// otherwise, that it or its link is not of the service.
func (q *query) suspicions(msg *logicalMessage, answers bool) []suspicion.Reason {
	reasons := msg.reasons
	if q.request.Messages {
		// What is wrong with a code or a link is no reason to keep a message back.
		reasons = slices.DeleteFunc(slices.Clone(reasons), func(r suspicion.Reason) bool {
			return r == suspicion.TrivialCode || r == suspicion.LinkElsewhere
		})
	}
	if !answers {
		return reasons
	}
	sender := msg.senderFacts()
	found := []suspicion.Reason{q.service.Judge(sender)}
	if !q.request.Messages {
		found = append(found, q.service.JudgeLink(msg.verdict.Link, sender))
	}
	for _, why := range found {
		if why != "" && !slices.Contains(reasons, why) {
			reasons = append(slices.Clip(reasons), why)
		}
	}
	return reasons
}

// dropUnbound drops messages that only name the service beside those of the same channel whose
// domain is the service's: no later message from elsewhere replaces the genuine one.
func (q *query) dropUnbound(matched []logicalMessage) []logicalMessage {
	var bound [2]bool
	isBound := func(msg *logicalMessage) bool { return q.service.Binds(msg.senderFacts()) }
	for i := range matched {
		bound[matched[i].channel] = bound[matched[i].channel] || isBound(&matched[i])
	}
	return slices.DeleteFunc(matched, func(msg logicalMessage) bool { return bound[msg.channel] && !isBound(&msg) })
}

// boundFirst puts messages whose domain is the service's before those that only name it.
func (q *query) boundFirst(messages []logicalMessage) []logicalMessage {
	bound := func(msg logicalMessage) int {
		if q.service.Binds(msg.senderFacts()) {
			return 0
		}
		return 1
	}
	return slices.SortedStableFunc(slices.Values(messages), func(a, b logicalMessage) int { return bound(a) - bound(b) })
}

// senderFacts is what msg shows of where it comes from.
func (msg *logicalMessage) senderFacts() suspicion.Sender {
	return suspicion.Sender{
		SMS: msg.channel == smsIndex, From: msg.from, Domain: msg.domain, OriginHost: msg.verdict.OriginHost,
		Texts: []string{msg.subject, msg.text, msg.otherText},
	}
}

// hasSeveralCodes reports whether msg holds two plausible codes and it is codes that count.
func (q *query) hasSeveralCodes(msg logicalMessage) bool {
	return msg.verdict.Kind == otp.KindAmbiguous && q.request.Want != WantLink
}

// newestPerSender keeps the newest message of each sender and counts those that it replaced.
// messages and answers are newest first.
func (q *query) newestPerSender(messages []logicalMessage) (answers []logicalMessage, superseded int) {
	bySender := grouped(messages, func(msg logicalMessage) string {
		return string(channels[msg.channel]) + " " + msg.sender
	})
	for _, group := range bySender {
		top := group[0]
		answers = append(answers, top)
		distinct := map[string]bool{q.value(top): true}
		beside := q.request.Want == WantAny && !hasCode(top)
		for _, msg := range group[1:] {
			// A newer mail with only a link does not replace a code.
			if beside && hasCode(msg) {
				answers, beside = append(answers, msg), false
				distinct[q.value(msg)] = true
				continue
			}
			if !distinct[q.value(msg)] { // the same message delivered twice replaces nothing
				distinct[q.value(msg)] = true
				superseded++
			}
		}
	}
	slices.SortStableFunc(answers, func(a, b logicalMessage) int { return b.at.compare(a.at) })
	return answers, superseded
}

// grouped puts what has the same key together, in the order of the first of each.
func grouped[T any](list []T, key func(T) string) [][]T {
	var groups [][]T
	index := make(map[string]int)
	for _, x := range list {
		k := key(x)
		i, ok := index[k]
		if !ok {
			i = len(groups)
			index[k], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], x)
	}
	return groups
}

// distinct returns one answer if all senders say the same, else all of them.
func (q *query) distinct(answers []logicalMessage) []logicalMessage {
	if slices.ContainsFunc(answers, func(msg logicalMessage) bool { return q.value(msg) != q.value(answers[0]) }) {
		return answers
	}
	return answers[:1]
}

func hasCode(msg logicalMessage) bool {
	return msg.verdict.Code != "" || msg.verdict.Kind == otp.KindAmbiguous
}

// value is what a person would type or open, for comparing answers.
func (q *query) value(msg logicalMessage) string {
	link := ""
	if msg.verdict.Link != nil {
		link = msg.verdict.Link.URL
	}
	if q.request.Want == WantLink || !hasCode(msg) {
		return "link " + link
	}
	if msg.verdict.Kind == otp.KindAmbiguous {
		codes := make([]string, 0, len(msg.verdict.Candidates))
		for _, c := range msg.verdict.Candidates {
			codes = append(codes, c.Code)
		}
		return "codes " + strings.Join(codes, " ")
	}
	return "code " + msg.verdict.Code
}

// holdPartial takes out answers of SMS that are not complete yet, for a moment, and notes when to
// ask again.
func (q *query) holdPartial(matched []logicalMessage, d *decision) []logicalMessage {
	if q.final {
		return matched
	}
	for _, msg := range matched {
		if until := msg.listed.Add(partialHold); msg.partial && q.now.Before(until) {
			d.recheck = until
			return nil
		}
	}
	return matched
}

// advance returns the state of the chain after an answer: past the messages of the answer and
// everything that reached Ravi before the newest of them, on the channels that the wait listened
// to. passed comes newest first.
func (q *query) advance(passed []logicalMessage, lists [2][]*message) state {
	s := q.state
	s.fruitless = 0
	newest := passed[0]
	for c := range channels {
		if !q.request.listens(c) {
			continue
		}
		// Equal times of different channels have no order: stay before them.
		limit := position{created: newest.at.created.Add(-time.Microsecond), id: endPosition.id}
		for _, msg := range passed {
			if msg.channel == c && msg.at.compare(limit) > 0 {
				limit = msg.at
			}
		}
		s.seen[c] = q.state.seen[c].past(positions(lists[c]), limit)
	}
	if !q.request.Messages {
		for _, msg := range slices.Backward(passed) {
			s.marks = s.marked(hashSender(msg.channel, msg.sender), msg.at)
		}
	}
	return s
}

// positions returns the positions of messages.
func positions(list []*message) []position {
	out := make([]position, 0, len(list))
	for _, m := range list {
		out = append(out, m.at)
	}
	return out
}
