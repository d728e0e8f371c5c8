package inbox_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"ravi-mcp/internal/inbox"
)

// The reference: the rules of the package documentation over plain sets of messages, without
// floors, caches, streams and reads.

type messageKey struct {
	channel int
	id      int64
}

// String keeps the report of a failure readable.
func (l fakeMessage) String() string {
	return fmt.Sprintf("%d/%d %s %s created %s visible %s", l.channel, l.id, l.from, l.code, l.created.Format("15:04:05.000"), l.visible.Format("15:04:05.000"))
}

func (l fakeMessage) key() messageKey { return messageKey{l.channel, l.id} }

// history is what one cursor stands for.
type history struct {
	seen     map[messageKey]bool
	armed    map[messageKey]bool
	returned map[messageKey]bool    // answers of this chain
	answered map[string]fakeMessage // by sender: its last answer
}

func newHistory(listed []fakeMessage) *history {
	h := &history{seen: map[messageKey]bool{}, armed: map[messageKey]bool{}, returned: map[messageKey]bool{}, answered: map[string]fakeMessage{}}
	for _, l := range listed {
		h.seen[l.key()], h.armed[l.key()] = true, true
	}
	return h
}

func (h *history) clone() *history {
	return &history{maps.Clone(h.seen), h.armed, maps.Clone(h.returned), maps.Clone(h.answered)}
}

// older orders by arrival at Ravi, within a channel.
func older(a, b fakeMessage) int {
	return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.id, b.id))
}

// expectation is what must be the answer.
type expectation struct {
	status     inbox.Status
	choices    []fakeMessage // found: any of these; ambiguous: exactly these
	superseded int
	eligible   []fakeMessage
}

type waitFor struct {
	from    string
	channel inbox.Channel
}

func (a waitFor) listens(c int) bool {
	return a.channel == inbox.AnyChannel || a.channel == []inbox.Channel{inbox.Email, inbox.SMS}[c]
}

// expect says what a wait must answer when lists show these messages.
func (h *history) expect(listed []fakeMessage, a waitFor) expectation {
	sort := slices.Clone(listed)
	slices.SortFunc(sort, older)
	listedIDs := map[string]bool{}
	for _, l := range sort {
		if h.seen[l.key()] && l.messageID != "" {
			listedIDs[l.messageID] = true
		}
	}
	newest := map[string]fakeMessage{}
	codes := map[string]map[string]bool{}
	var eligible []fakeMessage
	for _, l := range sort {
		if l.outgoing || h.seen[l.key()] || !a.listens(l.channel) {
			continue
		}
		if l.messageID != "" && listedIDs[l.messageID] {
			continue
		}
		listedIDs[l.messageID] = l.messageID != ""
		if l.code == "" || a.from != "" && l.from != a.from {
			continue
		}
		if last, ok := h.answered[l.from]; ok && older(l, last) < 0 {
			continue // a resend had replaced it when it became visible
		}
		eligible = append(eligible, l)
		newest[l.from] = l
		if codes[l.from] == nil {
			codes[l.from] = map[string]bool{}
		}
		codes[l.from][l.code] = true
	}
	e := expectation{status: inbox.Pending, eligible: eligible}
	different := map[string]bool{}
	for from, l := range newest {
		e.choices = append(e.choices, l)
		e.superseded += len(codes[from]) - 1
		different[l.code] = true
	}
	switch {
	case len(different) == 1:
		e.status = inbox.Found
	case len(different) > 1:
		e.status = inbox.Ambiguous
	}
	return e
}

// advance moves past an answer and all that arrived before it.
func (h *history) advance(listed []fakeMessage, a waitFor, choices []fakeMessage) *history {
	next := h.clone()
	last := slices.MaxFunc(choices, func(x, y fakeMessage) int { return x.created.Compare(y.created) })
	for _, l := range listed {
		before := l.created.Before(last.created)
		for _, c := range choices {
			before = before || c.channel == l.channel && older(l, c) <= 0
		}
		if a.listens(l.channel) && before {
			next.seen[l.key()] = true
		}
	}
	for _, c := range choices {
		next.returned[c.key()] = true
		next.answered[c.from] = c
	}
	return next
}

// check compares a result with what must be and returns the history that the new cursor stands for.
// possible is what can have been listed when the answer was made, for reads may happen at one and
// the same moment. Where that leaves open what the new cursor has seen, its history is nil, and it
// is of no use.
func (h *history) check(res inbox.Result, a waitFor, possible [][]fakeMessage) (next *history, err error) {
	var all error
	matches := 0
	for _, listed := range possible {
		n, err := h.checkOne(res, a, listed)
		switch {
		case err != nil:
			all = errors.Join(all, err)
			continue
		case matches == 0:
			next = n
		case next != nil && !maps.Equal(next.seen, n.seen):
			next = nil
		}
		matches++
	}
	if matches == 0 {
		return nil, all
	}
	return next, nil
}

func (h *history) checkOne(res inbox.Result, a waitFor, listed []fakeMessage) (*history, error) {
	want := h.expect(listed, a)
	if res.Status != want.status {
		return nil, fmt.Errorf("status %s of %+v %+v, want %s of %+v", res.Status, res.Message, res.Candidates, want.status, want.choices)
	}
	var got []messageKey
	answers := res.Candidates
	if res.Status == inbox.Found {
		answers = []inbox.Answer{res.Answer}
	}
	for _, ans := range answers {
		key := messageKey{map[inbox.Channel]int{inbox.Email: 0, inbox.SMS: 1}[ans.Message.Channel], ans.Message.ID}
		i := slices.IndexFunc(want.choices, func(l fakeMessage) bool { return l.key() == key })
		switch {
		case h.armed[key]:
			return nil, fmt.Errorf("%v was listed at the arming", key)
		case h.returned[key]:
			return nil, fmt.Errorf("%v was returned before in this chain", key)
		case i < 0:
			return nil, fmt.Errorf("%v is none of %+v", key, want.choices)
		case ans.Code.Reveal() != want.choices[i].code:
			return nil, fmt.Errorf("%v: code %s, want %s", key, ans.Code.Reveal(), want.choices[i].code)
		}
		got = append(got, key)
	}
	switch res.Status {
	case inbox.Pending:
		return h, nil
	case inbox.Ambiguous:
		if len(got) != len(want.choices) {
			return nil, fmt.Errorf("candidates %v, want %v", got, want.choices)
		}
	}
	if res.Superseded != want.superseded {
		return nil, fmt.Errorf("superseded %d, want %d", res.Superseded, want.superseded)
	}
	return h.advance(listed, a, want.choices), nil
}

// overdue returns a message that a pending wait must have seen: it was listable for longer than the
// given time before the end.
func overdue(e expectation, end time.Time, patience func(fakeMessage) time.Duration) (fakeMessage, bool) {
	for _, l := range e.eligible {
		if end.Sub(l.visible) > patience(l) {
			return l, true
		}
	}
	return fakeMessage{}, false
}
