package messages

import (
	"iter"
	"slices"
	"strings"

	"ravi-mcp/internal/otp"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

// newestMessages keeps the newest messages of a list that comes in any order, and counts the rest:
// an inbox may be large, and only a few are shown. Times decide; where they are equal, what came
// first stays first.
type newestMessages struct {
	limit int
	from  string // keep only senders that contain this, in lower case
	total int
	found []candidate
}

type candidate struct {
	head  messageHead
	parts otp.Message
}

func (n *newestMessages) readSMS(all iter.Seq2[ravi.SMSMessage, error]) error {
	return each(all, func(m ravi.SMSMessage) {
		n.add(m.Direction, smsHead(m), smsParts(m))
	})
}

func (n *newestMessages) readEmail(all iter.Seq2[ravi.EmailMessage, error]) error {
	return each(all, func(m ravi.EmailMessage) {
		n.add(m.Direction, emailHead(m), emailParts(m))
	})
}

func each[T any](all iter.Seq2[T, error], use func(T)) error {
	for v, err := range all {
		if err != nil {
			return err
		}
		use(v)
	}
	return nil
}

func (n *newestMessages) add(direction ravi.Direction, head messageHead, parts otp.Message) {
	if direction == ravi.Outgoing || !strings.Contains(strings.ToLower(head.From), n.from) {
		return
	}
	n.total++
	n.found = append(n.found, candidate{head, parts})
	if len(n.found) >= 2*n.limit+16 {
		n.cut()
	}
}

// cut sorts the candidates and drops what is too old to be shown.
func (n *newestMessages) cut() {
	slices.SortStableFunc(n.found, func(a, b candidate) int { return b.head.ReceivedAt.Compare(a.head.ReceivedAt) })
	shown := min(n.limit, len(n.found))
	clear(n.found[shown:])
	n.found = n.found[:shown]
}

// sorted returns the newest messages, newest first; it is never nil.
func (n *newestMessages) sorted() []listedMessage {
	n.cut()
	return tool.Convert(n.found, func(m candidate) listedMessage {
		preview, _ := shownText(m.parts, maxPreview)
		m.head.Suspicious = suspicions(m.parts)
		return listedMessage{messageHead: m.head, Preview: preview}
	})
}
