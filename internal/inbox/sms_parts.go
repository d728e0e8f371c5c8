package inbox

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ravi-mcp/internal/otp"
)

// logicalMessage is what a wait decides about: one message, or the joined parts of a long SMS.
type logicalMessage struct {
	*message           // the newest part
	*content           // of the whole
	parts    []int64   // ids of all parts in reading order; nil for one message
	listed   time.Time // when its newest part was first listed, by our clock
	partial  bool      // more parts may follow
}

// logicalMessages joins what a cursor has not seen of one channel, oldest first. read is used for
// joined texts.
func logicalMessages(channel int, unseen []*message, read func(otp.Message) *content) []logicalMessage {
	var out []logicalMessage
	if channel == emailIndex {
		for _, m := range unseen {
			out = append(out, logicalMessage{message: m, content: m.content, listed: m.listed})
		}
		return out
	}
	for _, messages := range grouped(unseen, func(m *message) string { return m.sender }) {
		out = append(out, joinParts(messages, read)...)
	}
	slices.SortFunc(out, func(a, b logicalMessage) int { return a.at.compare(b.at) })
	return out
}

const (
	// joinWithin is how far apart, by Ravi's clock, the parts of one SMS arrive.
	joinWithin = 10 * time.Second
	// longPart is the length from which an SMS may be a part of a longer one: parts carry 153
	// characters of the GSM alphabet or 67 of any other.
	longPart, longWidePart = 140, 60
	// partialHold is how long an answer waits for the rest of an SMS that was plainly cut inside or
	// right behind the code.
	partialHold = 3 * time.Second
	// maxParts bounds a joined SMS.
	maxParts = 10
)

// joinParts joins what looks like one long SMS of one sender. The parts carry no header by which to
// know, so this is a judgement: parts follow each other within ten seconds, and either count
// themselves, "(1/2)", or all but the last are as long as a part can be. Messages that each hold a
// code of their own are never joined.
func joinParts(messages []*message, read func(otp.Message) *content) []logicalMessage {
	var out []logicalMessage
	for len(messages) > 0 {
		n := partCount(messages)
		group := messages[:n]
		messages = messages[n:]
		if msg, ok := joined(group, read); ok {
			out = append(out, msg)
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
	no, of, counted := counter(messages[0].content.raw)
	have := map[int]bool{no: true}
	n := 1
	for n < len(messages) && n < maxParts && !(counted && n == of) {
		next, nextOf, ok := counter(messages[n].content.raw)
		follows := !ok && isLong(messages[n-1].content.raw)
		if counted {
			follows = ok && nextOf == of && !have[next]
		}
		if !follows || messages[n].at.created.Sub(messages[n-1].at.created).Abs() > joinWithin {
			break
		}
		have[next] = true
		n++
	}
	return n
}

// joined makes one message of a group, unless reading it as one says less than reading its messages
// one by one.
func joined(group []*message, read func(otp.Message) *content) (logicalMessage, bool) {
	// A message that lies must not take a genuine one with it.
	alone := func(m *message) bool { return m.content.locked || len(m.content.reasons) > 0 }
	if len(group) < 2 || slices.ContainsFunc(group, alone) {
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
	codes := 0
	newest := group[0]
	msg := logicalMessage{}
	for _, m := range ordered {
		text.WriteString(withoutCounter(m.content.raw))
		msg.parts = append(msg.parts, m.at.id)
		if m.at.compare(newest.at) > 0 {
			newest = m
		}
		if m.listed.After(msg.listed) {
			msg.listed = m.listed
		}
		if m.content.verdict.Code != "" {
			codes++
		}
	}
	if codes > 1 && !counted {
		return logicalMessage{}, false
	}
	whole := read(otp.Message{Channel: otp.SMS, From: newest.from, Text: text.String()})
	if verdict := whole.verdict; verdict.Kind == otp.KindNone && codes > 0 || verdict.Kind == otp.KindAmbiguous && codes == 1 && !counted {
		return logicalMessage{}, false
	}
	msg.message = newest
	msg.content = whole
	msg.partial = counted && len(group) < min(of, maxParts)
	return msg, true
}

// cutShort reports whether an SMS by itself is plainly not all of it: it counts itself as one of
// several, or it is as long as a part can be and its code touches the end.
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

// counter reads "(1/2)", "[1/2]", "1/2:" or "1/2 " at the start, or "(1/2)", "[1/2]" at the end,
// with 2 to 10 parts.
func counter(s string) (no, of int, ok bool) {
	no, of, _, ok = cutCounter(s)
	return no, of, ok
}

func withoutCounter(s string) string {
	if _, _, rest, ok := cutCounter(s); ok {
		return rest
	}
	return s
}

func cutCounter(s string) (no, of int, rest string, ok bool) {
	t := strings.TrimSpace(s)
	for _, pair := range []string{"()", "[]"} {
		if strings.HasPrefix(t, pair[:1]) {
			if in, after, found := strings.Cut(t[1:], pair[1:]); found {
				if no, of, ok = fraction(in); ok {
					return no, of, strings.TrimPrefix(after, " "), true
				}
			}
		}
		if strings.HasSuffix(t, pair[1:]) {
			if i := strings.LastIndex(t, pair[:1]); i >= 0 {
				if no, of, ok = fraction(t[i+1 : len(t)-1]); ok {
					return no, of, strings.TrimSuffix(t[:i], " "), true
				}
			}
		}
	}
	if i := strings.IndexAny(t, ": "); i > 0 && i <= 5 {
		if no, of, ok = fraction(t[:i]); ok {
			return no, of, strings.TrimPrefix(t[i+1:], " "), true
		}
	}
	return 0, 0, "", false
}

func fraction(s string) (no, of int, ok bool) {
	a, b, found := strings.Cut(s, "/")
	if !found || len(a) > 2 || len(b) > 2 {
		return 0, 0, false
	}
	no, errA := strconv.Atoi(strings.TrimSpace(a))
	of, errB := strconv.Atoi(strings.TrimSpace(b))
	return no, of, errA == nil && errB == nil && of >= 2 && of <= maxParts && no >= 1 && no <= of
}
