package inbox

import (
	"hash/fnv"
	"io"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/suspicion"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/seal"
)

const (
	maxLine = 300     // runes kept of a From line or a subject
	maxText = 8 << 10 // runes kept of the text of one message
)

// message is one incoming message as a watcher knows it. It is never changed after it was
// published; a changed one is a copy.
type message struct {
	channel int
	at      position
	from    string // cleaned, for display
	sender  string // normalised, for comparing: an address, digits, or a name
	domain  string // ASCII host of a mail's sender; "" unless From is exactly one mailbox
	subject string
	to      []string  // normalised recipients, as far as they can be read
	copyOf  uint64    // what copies of one mail have in common; 0 where nothing says so
	size    int       // of all parts; tells that a message was filled in later
	listed  time.Time // when this process first saw it, by its own clock
	content *content  // nil while no wait needs it
}

// content is what waits look at. The message's own parts are not kept.
type content struct {
	verdict     otp.Verdict
	reasons     []suspicion.Reason // why it is suspicious, whatever it should answer
	text        string             // cleaned, capped
	otherText   string             // text of the other part of a mail that has two
	truncated   bool
	raw         string // an SMS as it came, for joining
	locked      bool
	empty       bool // no text at all: the list may have left it out
	detailReads int  // how often the details were asked for
}

// listedMessage is one message of a list, before it is known whether a wait needs it.
type listedMessage struct {
	message
	parts otp.Message
}

func fromEmail(m ravi.EmailMessage, own Target) (listedMessage, bool) {
	sender, domain := mailbox(m.From)
	if m.Direction == ravi.Outgoing || m.Direction == "" && own.Address != "" && sender == address(own.Address) {
		return listedMessage{}, false
	}
	return listedMessage{
		message: message{
			channel: emailIndex, at: positionOf(m.Created, m.ID), from: line(m.From), sender: sender, domain: domain, subject: line(unlocked(m.Subject)),
			to: append(addresses(m.To), addresses(m.CC)...), copyOf: copyHash(m),
			size: len(m.Subject) + len(m.Text) + len(m.HTML),
		},
		parts: otp.Message{Channel: otp.Email, From: m.From, Subject: m.Subject, Text: m.Text, HTML: m.HTML},
	}, true
}

func fromSMS(m ravi.SMSMessage, own Target) (listedMessage, bool) {
	sender := phone(m.From)
	if m.Direction == ravi.Outgoing || m.Direction == "" && own.Phone != "" && sender == phone(own.Phone) {
		return listedMessage{}, false
	}
	out := listedMessage{
		message: message{channel: smsIndex, at: positionOf(m.Created, m.ID), from: line(m.From), sender: sender, size: len(m.Body)},
		parts:   otp.Message{Channel: otp.SMS, From: m.From, Text: m.Body},
	}
	if m.To != "" {
		out.to = []string{phone(m.To)}
	}
	return out, true
}

// positionOf cuts times to what a cursor can hold, so that both always agree.
func positionOf(created time.Time, id int64) position {
	return position{created: created.UTC().Truncate(time.Microsecond), id: id}
}

// read extracts what waits look at. Nothing in a message may end a wait, so a panic of the
// extraction becomes a message without a code.
func (m listedMessage) read() (c *content) {
	c = &content{}
	defer func() {
		if recover() != nil {
			c.verdict, c.reasons = otp.Verdict{Kind: otp.KindNone, Reason: "the message could not be read"}, nil
		}
	}()
	p := m.parts
	c.locked = seal.Is(p.Text) || seal.Is(p.HTML)
	c.empty = p.Text == "" && p.HTML == ""
	p.Subject = unlocked(p.Subject)
	if c.locked { // ciphertext must not be searched for codes
		p.Text, p.HTML = "", ""
	}
	c.verdict = otp.Extract(p)
	c.text, c.truncated = otp.Clean(p.Text, maxText)
	if p.HTML != "" {
		html, cut := otp.Text(p.HTML, maxText)
		if len(strings.TrimSpace(c.text)) < 20 {
			c.text, c.truncated = html, cut
		} else if stands(c.text, c.verdict) || !stands(html, c.verdict) {
			c.otherText = html
		} else { // the part in which the code stands comes first
			c.text, c.truncated, c.otherText = html, cut, c.text
		}
	}
	if m.channel == smsIndex {
		c.raw = p.Text
	}
	c.reasons = suspicion.Of(c.verdict, suspicion.SenderOf(p, c.verdict, p.Subject, c.text, c.otherText))
	return c
}

func stands(text string, v otp.Verdict) bool {
	_, found := otp.Excerpt(text, v, 1)
	return found
}

func unlocked(s string) string {
	if seal.Is(s) {
		return ""
	}
	return s
}

// line is s as one clean line.
func line(s string) string {
	s, _ = otp.Clean(s, 4*maxLine)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxLine {
		s = string(r[:maxLine])
	}
	return s
}

// copyHash is the same for a mail that is delivered twice. Anyone can write any Message-ID, so it
// counts together with all that a person sees; 0 where there is none.
func copyHash(m ravi.EmailMessage) uint64 {
	if m.MessageID == "" {
		return 0
	}
	h := fnv.New64a()
	for _, part := range []string{m.MessageID, m.From, m.Subject, m.Text, m.HTML} {
		_, _ = io.WriteString(h, part+"\x00")
	}
	return max(1, h.Sum64())
}

// fold makes text comparable without regard to case and width.
func fold(s string) string {
	return cases.Fold().String(norm.NFKC.String(s))
}
