package inbox

import (
	"slices"
	"time"

	"ravi-mcp/internal/otp"
)

// logicalMessage is what a wait decides about: one message, or the joined parts of a
// long SMS.
type logicalMessage struct {
	*message           // the newest part
	*content           // of the whole
	parts    []int64   // ids of all parts in reading order; nil for one message
	listed   time.Time // when its newest part was first listed, by our clock
	partial  bool      // more parts may follow
}

// logicalMessages joins what a cursor has not seen of one channel, oldest
// first. extract is used for joined texts.
func logicalMessages(channel int, unseen []*message, extract func(otp.Message) otp.Verdict) []logicalMessage {
	var out []logicalMessage
	if channel == emailIndex {
		for _, m := range unseen {
			out = append(out, logicalMessage{message: m, content: m.content, listed: m.listed})
		}
		return out
	}
	bySender := make(map[string][]*message)
	var senders []string
	for _, m := range unseen {
		if _, ok := bySender[m.sender]; !ok {
			senders = append(senders, m.sender)
		}
		bySender[m.sender] = append(bySender[m.sender], m)
	}
	for _, s := range senders {
		out = append(out, joinParts(bySender[s], extract)...)
	}
	slices.SortFunc(out, func(a, b logicalMessage) int { return a.at.compare(b.at) })
	return out
}
