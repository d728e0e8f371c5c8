package inbox

import (
	"hash/fnv"
	"net/mail"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"ravi-mcp/internal/otp"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/seal"
)

const (
	maxLine = 300     // runes kept of a From line or a subject
	maxText = 8 << 10 // runes kept of the text of one message
)

// message is one incoming message as a watcher knows it. It is never changed
// after it was published; a changed one is a copy.
type message struct {
	channel int
	at      point
	from    string // cleaned, for people
	sender  string // normalised, for comparing: an address, digits, or a name
	subject string
	to      []string  // normalised recipients, as far as they can be read
	twin    uint64    // hash of the RFC Message-ID; 0 when there is none
	size    int       // of all parts; tells that a message was filled in later
	listed  time.Time // when this process first saw it, by its own clock
	content *content  // nil while no wait needs it
}

// content is what waits look at. The message's own parts are not kept.
type content struct {
	verdict   otp.Verdict
	text      string // cleaned, capped
	more      string // text of the HTML part where text is the plain part; for filters only
	truncated bool
	raw       string // an SMS as it came, for joining
	locked    bool
	empty     bool // no text at all: the list may have left it out
	details   int  // how often the details were asked for
}

// listed is one message of a list, before it is known whether anybody needs it.
type listedMessage struct {
	message
	parts otp.Message
}

func fromEmail(m ravi.EmailMessage, own Target) (listedMessage, bool) {
	sender := address(m.From)
	if m.Direction == ravi.Outgoing || m.Direction == "" && own.Address != "" && sender == address(own.Address) {
		return listedMessage{}, false
	}
	return listedMessage{
		message: message{
			channel: 0, at: pointOf(m.Created, m.ID), from: line(m.From), sender: sender, subject: line(unlocked(m.Subject)),
			to: append(addresses(m.To), addresses(m.CC)...), twin: hash(m.MessageID),
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
		message: message{channel: 1, at: pointOf(m.Created, m.ID), from: line(m.From), sender: sender, size: len(m.Body)},
		parts:   otp.Message{Channel: otp.SMS, From: m.From, Text: m.Body},
	}
	if m.To != "" {
		out.to = []string{phone(m.To)}
	}
	return out, true
}

// pointOf cuts times to what a cursor can hold, so that both always agree.
func pointOf(created time.Time, id int64) point {
	if !created.IsZero() {
		created = created.UTC().Truncate(time.Microsecond)
	}
	return point{created: created, id: id}
}

// read extracts what waits look at. Nothing in a message may end a wait, so a
// panic of the extraction becomes a message without a code.
func (m listedMessage) read() (c *content) {
	c = &content{}
	defer func() {
		if recover() != nil {
			c.verdict = otp.Verdict{Kind: otp.KindNone, Reason: "the message could not be read"}
		}
	}()
	p := m.parts
	c.locked = seal.Is(p.Text) || seal.Is(p.HTML)
	c.empty = p.Text == "" && p.HTML == ""
	if seal.Is(p.Subject) {
		p.Subject = ""
	}
	if c.locked { // ciphertext must not be searched for codes
		p.Text, p.HTML = "", ""
	}
	c.verdict = otp.Extract(p, otp.Context{})
	c.text, c.truncated = otp.Clean(p.Text, maxText)
	if p.HTML != "" {
		html, cut := otp.Text(p.HTML, maxText)
		if len(strings.TrimSpace(c.text)) < 20 {
			c.text, c.truncated = html, cut
		} else {
			c.more = html
		}
	}
	if m.channel == 1 {
		c.raw = p.Text
	}
	return c
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

// hash of a Message-ID; 0 stands for none.
func hash(s string) uint64 {
	if s == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return max(1, h.Sum64())
}

// fold makes text comparable without regard to case and width.
func fold(s string) string {
	return cases.Fold().String(norm.NFKC.String(s))
}

// address is the bare address of a From or To value, lower-cased and without a
// +tag; the folded text itself if it holds no address.
func address(s string) string {
	bare := s
	if a, err := mail.ParseAddress(s); err == nil {
		bare = a.Address
	} else if i := strings.LastIndexByte(s, '<'); i >= 0 {
		bare, _, _ = strings.Cut(s[i+1:], ">")
	}
	bare = fold(strings.TrimSpace(bare))
	local, domain, ok := cutLast(bare, "@")
	if !ok {
		return bare
	}
	if tag := strings.IndexByte(local, '+'); tag > 0 {
		local = local[:tag]
	}
	return local + "@" + strings.TrimSuffix(domain, ".")
}

// addresses reads a To or Cc value as far as it can be read.
func addresses(s string) []string {
	if s == "" {
		return nil
	}
	var out []string
	if list, err := mail.ParseAddressList(s); err == nil {
		for _, a := range list {
			out = append(out, address(a.Address))
		}
		return out
	}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' }) {
		if a := address(part); strings.Contains(a, "@") {
			out = append(out, a)
		}
	}
	return out
}

// phone is a number as its digits, or an alphanumeric sender folded.
func phone(s string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	for _, r := range s {
		if r >= '0' && r <= '9' || strings.ContainsRune("+-(). /\u00a0", r) {
			continue
		}
		return fold(strings.TrimSpace(s))
	}
	return digits
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// elsewhere reports whether a message is plainly for somebody else: an SMS to
// another number, or a mail whose readable recipients include addresses of the
// identity's own domain but not the identity. Hidden copies, lists and
// forwarders name foreign domains and pass.
func (m *message) elsewhere(own Target) bool {
	if m.channel == 1 {
		mine := phone(own.Phone)
		return mine != "" && len(m.to) == 1 && m.to[0] != "" && m.to[0] != mine
	}
	mine := address(own.Address)
	_, domain, ok := cutLast(mine, "@")
	if !ok {
		return false
	}
	neighbour := false
	for _, to := range m.to {
		if to == mine {
			return false
		}
		neighbour = neighbour || strings.HasSuffix(to, "@"+domain)
	}
	return neighbour
}
