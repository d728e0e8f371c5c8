package inbox

import (
	"time"

	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/suspicion"
)

// Access for the external tests to what is not exported.

// Point is a message's place in the order of arrival.
type Point struct {
	Created time.Time
	ID      int64
}

// CursorState is a decoded cursor of one channel.
type CursorState struct{ s state }

func toPoints(in []Point) []position {
	out := make([]position, 0, len(in))
	for _, p := range in {
		out = append(out, positionOf(p.Created, p.ID))
	}
	return out
}

// Past lists messages and moves on past upTo; nil moves past everything.
func (c CursorState) Past(listed []Point, upTo *Point) CursorState {
	limit := endPosition
	if upTo != nil {
		limit = positionOf(upTo.Created, upTo.ID)
	}
	next := c.s
	next.seen[0] = c.s.seen[0].past(toPoints(listed), limit)
	return CursorState{next}
}

// Merge is what Hub.Merge does to the states of two cursors.
func (c CursorState) Merge(o CursorState) CursorState { return CursorState{c.s.merge(o.s)} }

// Has reports whether the cursor has seen a message.
func (c CursorState) Has(p Point) bool { return c.s.seen[0].has(positionOf(p.Created, p.ID)) }

// Explicit is how many ids it holds one by one.
func (c CursorState) Explicit() int { return len(c.s.seen[0].ids) }

// Encode is the payload of the sealed cursor.
func (c CursorState) Encode() []byte { return c.s.encode() }

// DecodeCursor is the reverse of Encode.
func DecodeCursor(data []byte) (CursorState, error) {
	s, err := decodeState(data)
	return CursorState{s}, err
}

// ServiceMatches reports whether text or an origin host or sender is about a service.
func ServiceMatches(name, from, subject, text string) bool {
	sender, domain := mailbox(from)
	q := query{service: suspicion.NewService(name)}
	msg := logicalMessage{message: &message{from: line(from), sender: sender, domain: domain, subject: subject}, content: &content{text: text}}
	return len(q.suspicions(&msg, true)) == 0
}

// FromMatches reports whether a mail's From passes the filter; SMS likewise with a phone number.
func FromMatches(filterText, from string, sms bool) bool {
	f := newFilter(Request{From: filterText})
	sender, domain := mailbox(from)
	m := &message{from: line(from), sender: sender, domain: domain}
	if sms {
		m = &message{channel: smsIndex, from: line(from), sender: phone(from)}
	}
	return f.passes(&logicalMessage{message: m, content: &content{}})
}

// Counter reads the part counter of an SMS.
func Counter(s string) (no, of int, rest string, ok bool) { return cutCounter(s) }

// Join makes logical messages of SMS of one sender, given seconds apart, and returns the ids of
// each, the bodies having the ids 1, 2, 3, …
func Join(bodies []string, apart []time.Duration) (ids [][]int64, texts []string) {
	var list []*message
	at := time.Unix(0, 0)
	for i, body := range bodies {
		at = at.Add(apart[i])
		m := listedMessage{
			message: message{channel: smsIndex, at: positionOf(at, int64(i+1)), from: "1", sender: "1"},
			parts:   otp.Message{Channel: otp.SMS, Text: body},
		}
		m.content = m.read()
		list = append(list, &m.message)
	}
	for _, msg := range logicalMessages(smsIndex, list, func(m otp.Message) *content {
		return listedMessage{message: message{channel: smsIndex}, parts: m}.read()
	}) {
		if msg.parts == nil {
			msg.parts = []int64{msg.at.id}
		}
		ids, texts = append(ids, msg.parts), append(texts, msg.text)
	}
	return ids, texts
}
