package inbox

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ravi-mcp/internal/otp"
)

const (
	// joinWithin is how far apart, by Ravi's clock, the parts of one SMS arrive.
	joinWithin = 10 * time.Second
	// longPart is the length from which an SMS may be a part of a longer one:
	// parts carry 153 characters of the GSM alphabet or 67 of any other.
	longPart, longWidePart = 140, 60
	// partialHold is how long an answer waits for the rest of an SMS that was
	// plainly cut inside or right behind the code.
	partialHold = 3 * time.Second
	// maxParts bounds a joined SMS.
	maxParts = 10
)

// joinParts joins what looks like one long SMS of one sender. The parts carry
// no header by which to know, so this is a judgement: parts follow each other
// within ten seconds, and either count themselves, "(1/2)", or all but the last
// are as long as a part can be. Messages that each hold a code of their own are
// never joined.
func joinParts(messages []*message, extract func(otp.Message) otp.Verdict) []logicalMessage {
	var out []logicalMessage
	for len(messages) > 0 {
		n := partCount(messages)
		group := messages[:n]
		messages = messages[n:]
		if u, ok := joined(group, extract); ok {
			out = append(out, u)
			continue
		}
		for _, m := range group {
			out = append(out, logicalMessage{message: m, content: m.content, listed: m.listed, partial: cutShort(m)})
		}
	}
	return out
}

// partCount returns how many messages from the front belong together; at least 1.
func partCount(messages []*message) int {
	first := messages[0]
	if no, of, ok := counter(first.content.raw); ok {
		have := map[int]bool{no: true}
		n := 1
		for n < len(messages) && n < min(of, maxParts) {
			next, nextOf, ok := counter(messages[n].content.raw)
			if !ok || nextOf != of || have[next] || apart(messages[n-1], messages[n]) {
				break
			}
			have[next] = true
			n++
		}
		return n
	}
	n := 1
	for n < len(messages) && n < maxParts {
		if _, _, ok := counter(messages[n].content.raw); ok {
			break
		}
		if !isLong(messages[n-1].content.raw) || apart(messages[n-1], messages[n]) {
			break
		}
		n++
	}
	return n
}

func apart(a, b *message) bool {
	d := b.at.created.Sub(a.at.created)
	return d > joinWithin || d < -joinWithin
}

// joined makes one message of a group, unless reading it as one says less than
// reading its messages one by one.
func joined(group []*message, extract func(otp.Message) otp.Verdict) (logicalMessage, bool) {
	if len(group) < 2 {
		return logicalMessage{}, false
	}
	ordered := slices.Clone(group)
	_, of, counted := counter(group[0].content.raw)
	if counted {
		slices.SortStableFunc(ordered, func(a, b *message) int {
			x, _, _ := counter(a.content.raw)
			y, _, _ := counter(b.content.raw)
			return cmp.Compare(x, y)
		})
	}
	var text strings.Builder
	var codes, locked int
	newest := group[0]
	u := logicalMessage{}
	for _, m := range ordered {
		text.WriteString(withoutCounter(m.content.raw))
		u.parts = append(u.parts, m.at.id)
		if m.at.compare(newest.at) > 0 {
			newest = m
		}
		if m.listed.After(u.listed) {
			u.listed = m.listed
		}
		if m.content.verdict.Code != "" {
			codes++
		}
		if m.content.locked {
			locked++
		}
	}
	if locked > 0 || codes > 1 && !counted {
		return logicalMessage{}, false
	}
	whole := text.String()
	verdict := extract(otp.Message{Channel: otp.SMS, From: newest.from, Text: whole})
	if verdict.Kind == otp.KindNone && codes > 0 || verdict.Kind == otp.KindAmbiguous && codes == 1 && !counted {
		return logicalMessage{}, false
	}
	shown, cut := otp.Clean(whole, maxText)
	u.message = newest
	u.content = &content{verdict: verdict, text: shown, truncated: cut, raw: whole}
	u.partial = counted && len(group) < min(of, maxParts)
	return u, true
}

// cutShort reports whether an SMS by itself is plainly not all of it: it counts
// itself as one of several, or it is as long as a part can be and its code
// touches the end.
func cutShort(m *message) bool {
	raw := m.content.raw
	if _, _, ok := counter(raw); ok {
		return true
	}
	display := m.content.verdict.Display
	if display == "" || !isLong(raw) {
		return false
	}
	i := strings.LastIndex(raw, display)
	return i >= 0 && i+len(display) >= len(strings.TrimRight(raw, " "))
}

func isLong(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= longPart || n != len(s) && n >= longWidePart
}
