package inbox

import (
	"slices"
	"strings"
	"time"

	"ravi-mcp/internal/otp"
	"ravi-mcp/ravi/secret"
)

// question is one wait's view of the world: what it asks, and where it stands.
type question struct {
	target  Target
	request Request
	filter  filter
	state   state
	oldest  time.Time // messages created before this do not count; zero: no limit
	now     time.Time // ours, for holding back an SMS that is not complete
	final   bool      // the deadline: nothing is held back any longer
	extract func(otp.Message) otp.Verdict
}

// verdict is what a question comes to over the messages that are listed.
type verdict struct {
	status     Status
	answers    []unit // of a Found one: one; of an Ambiguous one: all, newest first
	passed     []unit // answers, and messages that say the same; newest first
	superseded int
	arrived    Arrived
	recheck    time.Time // when to ask again although nothing came; zero: never
}

// decide applies the rules of DESIGN.md section 6 to what is listed per
// channel. It is a pure function of its arguments: the same cursor over the
// same lists gives the same answer.
func (q *question) decide(lists [2][]*message) verdict {
	v := verdict{status: Pending}
	var all []unit
	for c := range channels {
		if q.request.listens(c) {
			all = append(all, units(c, q.unseen(c, lists[c]), q.extract)...)
		}
	}
	slices.SortStableFunc(all, func(a, b unit) int { return b.at.compare(a.at) }) // newest first
	var matched []unit
	for _, u := range all {
		v.arrived.add(u)
		wanted := q.request.Messages || q.wanted(u)
		switch {
		case !wanted:
		case !q.filter.passes(&u):
			v.arrived.Skipped++
		case !q.request.Messages && q.state.replaced(hashSender(u.channel, u.sender), u.at):
		default:
			matched = append(matched, u)
		}
	}
	if q.request.Messages {
		if len(matched) > 0 {
			v.status, v.answers, v.passed = Found, matched[:1], matched[:1]
		}
		return v
	}
	if matched = q.hold(matched, &v); len(matched) == 0 {
		return v
	}
	v.passed, v.superseded = q.choose(matched)
	v.answers = q.distinct(v.passed)
	v.status = Ambiguous
	if len(v.answers) == 1 && !q.torn(v.answers[0]) {
		v.status = Found
	}
	return v
}

// unseen returns what counts as new in one channel, oldest first.
func (q *question) unseen(c int, list []*message) []*message {
	before := &q.state.seen[c]
	old := make(map[uint64]bool) // Message-IDs of mails that were seen
	for _, m := range list {
		if m.twin != 0 && before.has(m.at) {
			old[m.twin] = true
		}
	}
	var out []*message
	taken := make(map[uint64]bool)
	for _, m := range list {
		switch {
		case before.has(m.at), m.content == nil, m.elsewhere(q.target):
		case !q.oldest.IsZero() && !m.at.created.IsZero() && m.at.created.Before(q.oldest):
		case m.twin != 0 && (old[m.twin] || taken[m.twin]): // the same mail, delivered twice
		default:
			taken[m.twin] = true
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b *message) int { return a.at.compare(b.at) })
	return out
}

// wanted reports whether u holds what the request wants.
func (q *question) wanted(u unit) bool {
	code := u.verdict.Code != "" || u.verdict.Kind == otp.KindAmbiguous
	link := u.verdict.Link != nil
	switch q.request.Want {
	case WantCode:
		return code
	case WantLink:
		return link
	default:
		return code || link
	}
}

// torn reports whether u holds two plausible codes and it is codes that count.
func (q *question) torn(u unit) bool {
	return u.verdict.Kind == otp.KindAmbiguous && q.request.Want != WantLink
}

// choose applies "which one" within each sender: the newest message. units come
// newest first and so do answers.
func (q *question) choose(units []unit) (answers []unit, superseded int) {
	groups := make(map[string][]unit)
	var order []string
	for _, u := range units {
		key := string(channels[u.channel]) + " " + u.sender
		if _, ok := groups[key]; !ok {
			order = append(order, key)
		}
		groups[key] = append(groups[key], u)
	}
	for _, key := range order {
		group := groups[key]
		top := group[0]
		answers = append(answers, top)
		distinct := map[string]bool{q.value(top): true}
		beside := q.request.Want == WantAny && !hasCode(top)
		for _, u := range group[1:] {
			// A newer mail with only a link does not replace a code.
			if beside && hasCode(u) {
				answers, beside = append(answers, u), false
				distinct[q.value(u)] = true
				continue
			}
			if !distinct[q.value(u)] { // the same message delivered twice replaces nothing
				distinct[q.value(u)] = true
				superseded++
			}
		}
	}
	slices.SortStableFunc(answers, func(a, b unit) int { return b.at.compare(a.at) })
	return answers, superseded
}

// distinct returns one answer if all senders say the same, else all of them.
func (q *question) distinct(answers []unit) []unit {
	for _, u := range answers[1:] {
		if q.value(u) != q.value(answers[0]) {
			return answers
		}
	}
	return answers[:1]
}

func hasCode(u unit) bool { return u.verdict.Code != "" || u.verdict.Kind == otp.KindAmbiguous }

// value is what a person would type or open, for comparing answers.
func (q *question) value(u unit) string {
	link := ""
	if u.verdict.Link != nil {
		link = u.verdict.Link.URL
	}
	if q.request.Want == WantLink || !hasCode(u) {
		return "link " + link
	}
	if u.verdict.Kind == otp.KindAmbiguous {
		codes := make([]string, 0, len(u.verdict.Candidates))
		for _, c := range u.verdict.Candidates {
			codes = append(codes, c.Code)
		}
		return "codes " + strings.Join(codes, " ")
	}
	return "code " + u.verdict.Code
}

// hold takes out answers of SMS that are not complete yet, for a moment, and
// notes when to ask again.
func (q *question) hold(matched []unit, v *verdict) []unit {
	if q.final {
		return matched
	}
	for _, u := range matched {
		if until := u.listed.Add(partialHold); u.partial && q.now.Before(until) {
			v.recheck = until
			return nil
		}
	}
	return matched
}

// next returns the state of the chain after an answer: past the messages of the
// answer and everything that reached Ravi before the newest of them, on the
// channels that the wait listened to. passed comes newest first.
func (q *question) next(passed []unit, lists [2][]*message) state {
	s := q.state
	s.fruitless = 0
	newest := passed[0]
	for c := range channels {
		if !q.request.listens(c) {
			continue
		}
		// Equal times of different channels have no order: stay before them.
		limit := point{created: newest.at.created.Add(-time.Microsecond), id: end.id}
		for _, u := range passed {
			if u.channel == c && u.at.compare(limit) > 0 {
				limit = u.at
			}
		}
		s.seen[c] = q.state.seen[c].past(points(lists[c]), limit)
	}
	if !q.request.Messages {
		for _, u := range slices.Backward(passed) {
			s.marks = s.marked(hashSender(u.channel, u.sender), u.at)
		}
	}
	return s
}

// points returns where the messages stand.
func points(list []*message) []point {
	out := make([]point, 0, len(list))
	for _, m := range list {
		out = append(out, m.at)
	}
	return out
}

// add counts one message that came since the cursor.
func (a *Arrived) add(u unit) {
	a.Count++
	if u.locked {
		a.Locked++
	}
	if len(a.Senders) < 10 && u.from != "" && !slices.Contains(a.Senders, u.from) {
		a.Senders = append(a.Senders, u.from)
	}
}

// answersOf turns a unit into what the result shows: one answer, or one for
// each of several plausible codes.
func (q *question) answersOf(u unit) []Answer {
	base := Answer{
		Message: Message{
			Channel: channels[u.channel], ID: u.at.id, Parts: u.parts, From: u.from, Subject: u.subject,
			Created: u.at.created, Locked: u.locked,
		},
		Code: secret.New(u.verdict.Code), Display: secret.New(u.verdict.Display), Link: fromOTPLink(u.verdict.Link, q.request.Service),
		OriginHost: u.verdict.OriginHost, Confidence: u.verdict.Confidence, Why: u.verdict.Reason,
	}
	if q.request.Messages {
		base.Message.Text, base.Message.Truncated = secret.New(u.text), u.truncated
	}
	if !q.torn(u) || q.request.Messages {
		return []Answer{base}
	}
	var out []Answer
	for _, c := range u.verdict.Candidates {
		a := base
		a.Code, a.Display, a.Confidence, a.Why = secret.New(c.Code), secret.New(c.Display), c.Confidence, c.Reason
		out = append(out, a)
	}
	if len(out) == 0 {
		out = append(out, base)
	}
	return out
}
