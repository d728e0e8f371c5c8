package sandbox

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// ErrBounce means that no identity has this address or number, or that the one that had it was
// deleted.
var ErrBounce = errors.New("sandbox: no such recipient")

// SMS is a text message that comes in from outside.
type SMS struct {
	To   string `json:"to"`   // number of an identity
	From string `json:"from"` // number or alphanumeric sender
	Body string `json:"body"`
	// At is the time of arrival; the server's clock when zero.
	At time.Time `json:"at,omitzero"`
}

// Email is a mail that comes in from outside.
type Email struct {
	To      string `json:"to"`   // address of an identity
	From    string `json:"from"` // address, kept as given
	ReplyTo string `json:"reply_to,omitempty"`
	CC      string `json:"cc,omitempty"`
	Subject string `json:"subject"`
	Text    string `json:"text,omitempty"`
	HTML    string `json:"html,omitempty"`
	// MessageID is the RFC 5322 id with its angle brackets; made up when empty.
	MessageID string `json:"message_id,omitempty"`
	// InReplyTo and References put the mail into the thread of a known message.
	InReplyTo   string   `json:"in_reply_to,omitempty"`
	References  []string `json:"references,omitempty"`
	Attachments []File   `json:"attachments,omitempty"`
	// At is the time of arrival; the server's clock when zero.
	At time.Time `json:"at,omitzero"`
}

// File is an attachment with its content.
type File struct {
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Content     []byte `json:"content"` // base64 in JSON
	Inline      bool   `json:"inline,omitempty"`
}

// The endpoints of the fault plan that stand for messages coming in.
const (
	DeliverSMSPoint   = "deliver/sms"
	DeliverEmailPoint = "deliver/email"
)

// DeliverSMS puts a text message into the inbox of the identity with the number To and announces it
// on its event streams. ErrBounce when no identity has that number.
func (s *Server) DeliverSMS(m SMS) (id int64, err error) {
	target, _, seal, err := s.recipient(s.phones, strings.TrimSpace(m.To))
	if err != nil {
		return 0, err
	}
	f := s.faults.take("", DeliverSMSPoint, target.uuid)
	rec := &smsRec{messageHead: s.newMessage(incoming, m.At), From: m.From, To: strings.TrimSpace(m.To), Body: m.Body,
		SID: "SM" + randomHex(16)}
	target.mu.Lock()
	defer target.mu.Unlock()
	if target.deleted {
		return 0, ErrBounce
	}
	rec.Phone = target.rec.PhoneID
	event := s.newEvent("sms", "sms.message.received", rec.wire(""))
	rec.Preview = seal(preview(m.Body, s.cfg.PreviewLength))
	rec.Body = seal(m.Body)
	rec.Visible = f.visibleAt(s.now())
	ops := append(s.eventOps(target, event, f), target.messageOp(bucketSMS, rec))
	if err := s.save(ops...); err != nil {
		return 0, err
	}
	target.sms = insertSorted(target.sms, rec)
	s.countInteraction(target, "", m.From)
	s.announce(target, event, f)
	return rec.ID, nil
}

// DeliverEmail puts a mail into the inbox of the identity with the address To and announces it on
// its event streams. ErrBounce when no identity has that address.
func (s *Server) DeliverEmail(m Email) (id int64, err error) {
	target, owner, seal, err := s.recipient(s.addresses, addressKey(m.To))
	if err != nil {
		return 0, err
	}
	f := s.faults.take("", DeliverEmailPoint, target.uuid)
	if m.MessageID == "" {
		m.MessageID = "<" + randomHex(10) + "@" + senderHost(m.From) + ">"
	}
	if m.Text == "" && m.HTML != "" {
		m.Text = htmlText(m.HTML)
	}
	rec := &emailRec{messageHead: s.newMessage(incoming, m.At), MessageID: m.MessageID, From: m.From, ReplyTo: m.ReplyTo,
		To: strings.TrimSpace(m.To), CC: m.CC, Subject: m.Subject, Text: m.Text, HTML: m.HTML}
	target.mu.Lock()
	defer target.mu.Unlock()
	if target.deleted {
		return 0, ErrBounce
	}
	rec.Visible = f.visibleAt(s.now())
	var ops []op
	for _, file := range m.Attachments {
		a := &attachmentRec{UUID: newUUID(), Filename: file.Filename, ContentType: file.ContentType,
			Size: int64(len(file.Content)), Inline: file.Inline, Content: file.Content, Uploaded: true}
		rec.Attachments = append(rec.Attachments, a.UUID)
		target.attachments[a.UUID] = a
		ops = append(ops, op{bucket: bucketAttachments, key: target.key(a.UUID), value: a})
	}
	rec.ThreadID = target.threadFor(m)
	event := s.newEvent(s.emailEventName(target, owner, m.From), "email.message.received", target.wireEmail(rec, "", s))
	rec.Preview = seal(preview(m.Text, s.cfg.PreviewLength))
	rec.Subject, rec.Text, rec.HTML = seal(m.Subject), seal(m.Text), seal(m.HTML)
	ops = append(ops, target.messageOp(bucketEmails, rec))
	ops = append(ops, s.eventOps(target, event, f)...)
	if err := s.save(ops...); err != nil {
		return 0, err
	}
	target.emails = insertSorted(target.emails, rec)
	s.countInteraction(target, bareAddress(m.From), "")
	s.announce(target, event, f)
	return rec.ID, nil
}

// recipient finds the identity that a message is for, the address of its owner and the function
// that seals what is stored of the message.
func (s *Server) recipient(index map[string]*identity, to string) (id *identity, owner string, seal func(string) string, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if id = index[to]; id == nil {
		return nil, "", nil, ErrBounce
	}
	return id, id.acct.rec.Email, s.sealMessage(id.acct), nil
}

// threadFor finds the thread a mail belongs to. identity.mu must be held.
func (i *identity) threadFor(m Email) string {
	refs := append([]string{m.InReplyTo}, m.References...)
	for _, e := range slices.Backward(i.emails) {
		if slices.Contains(refs, e.MessageID) || slices.Contains(refs, e.ThreadID) {
			return e.ThreadID
		}
	}
	return m.MessageID
}

// emailEventName names the event of a mail (docs/ravi-api.md#events). identity.mu must be held.
func (s *Server) emailEventName(target *identity, owner, from string) string {
	if s.cfg.EventNames != EventsChannel {
		return "email"
	}
	from = bareAddress(from)
	if from == addressKey(owner) {
		return "email_owner"
	}
	for _, c := range target.contacts {
		if c.IsTrusted && addressKey(c.Email) == from {
			return "email_trusted"
		}
	}
	return "email_untrusted"
}

// newEvent gives the event the next id; identity.mu must be held, so that ids grow within the
// identity.
func (s *Server) newEvent(name, kind string, data any) eventRec {
	return eventRec{ID: s.nextID(), Name: name, Type: kind, Data: encode(data), Created: s.now()}
}

func (s *Server) eventOps(target *identity, e eventRec, f *Fault) []op {
	if f != nil && f.NoEvent {
		return nil
	}
	return []op{{bucket: bucketEvents, key: eventKey(target, e.ID), value: e}}
}

// announce puts the event into the log. identity.mu must be held.
func (s *Server) announce(target *identity, e eventRec, f *Fault) {
	if f != nil && f.NoEvent {
		return
	}
	var ops []op
	for _, n := range target.log.add(e, keptEvents) {
		ops = append(ops, op{bucket: bucketEvents, key: eventKey(target, n)})
	}
	if len(ops) > 0 {
		_ = s.save(ops...) // an event kept too long does no harm
	}
}

// bareAddress takes the address out of "Name <address>".
func bareAddress(v string) string {
	if i := strings.LastIndexByte(v, '<'); i >= 0 {
		v = strings.TrimSuffix(strings.TrimSpace(v[i+1:]), ">")
	}
	return addressKey(v)
}

func senderHost(from string) string {
	_, host, _ := strings.Cut(bareAddress(from), "@")
	return cmp.Or(host, "mail.example")
}

// preview is the start of a text on one line.
func preview(text string, limit int) string {
	r := []rune(strings.Join(strings.Fields(text), " "))
	return string(r[:min(len(r), limit)])
}

// htmlText is the visible text of an HTML mail, roughly: a block begins and ends a line, and the
// URL of a link follows its text in parentheses.
func htmlText(src string) string {
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(src))
	hidden, href := 0, ""
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return strings.TrimSpace(b.String())
		}
		token := z.Token()
		switch {
		case kind == html.TextToken:
			if hidden == 0 {
				b.WriteString(token.Data)
			}
		case token.DataAtom == atom.Script, token.DataAtom == atom.Style, token.DataAtom == atom.Title:
			if kind == html.StartTagToken {
				hidden++
			} else if kind == html.EndTagToken {
				hidden = max(0, hidden-1)
			}
		case token.DataAtom == atom.A:
			if href != "" && hidden == 0 && !strings.HasSuffix(b.String(), href) {
				b.WriteString(" ( " + href + " )")
			}
			href = ""
			for _, a := range token.Attr {
				if a.Key == "href" && strings.HasPrefix(a.Val, "http") {
					href = a.Val
				}
			}
		case slices.Contains(lineTags, token.DataAtom):
			b.WriteByte('\n')
		}
	}
}

// lineTags are the elements that begin a line, and end it too.
var lineTags = []atom.Atom{
	atom.Article, atom.Blockquote, atom.Br, atom.Div, atom.Dd, atom.Dt, atom.Footer, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6,
	atom.Header, atom.Hr, atom.Li, atom.Ol, atom.P, atom.Pre, atom.Section, atom.Table, atom.Tr, atom.Ul,
}
