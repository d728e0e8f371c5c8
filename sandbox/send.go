package sandbox

import (
	"cmp"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

type draft struct {
	to, cc, bcc []string
	subject     string
	content     string // HTML
	files       []string
	inReplyTo   string
	thread      string
}

// readDraft reads the fields that compose, reply and forward share.
func readDraft(f *fields, subject need, withTo bool) draft {
	var d draft
	if withTo {
		if v, sent := f.email("to_email", nonBlank); sent {
			d.to = []string{v}
		}
	}
	d.subject, _ = f.text("subject", subject)
	d.content, _ = f.text("content", need{required: true, max: maxBody})
	d.cc, d.bcc = f.emails("cc"), f.emails("bcc")
	d.files = f.list("attachment_uuids")
	return d
}

func (c *call) compose() (reply, error) {
	inbox := c.query.Get("inbox")
	if inbox == "" {
		return reply{}, field("inbox", "This query parameter is required.")
	}
	n, err := strconv.ParseInt(inbox, 10, 64)
	if err != nil {
		return reply{}, field("inbox", "A valid integer is required.")
	}
	if n != c.id.snapshot().EmailID {
		return reply{}, noMatch("Inbox")
	}
	f := c.fields()
	d := readDraft(f, need{required: true, max: 998}, true)
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	return c.send(d)
}

// followUp reads a draft that answers or forwards the mail in the path.
func (c *call) followUp(withTo bool) (m emailRec, d draft, err error) {
	c.id.mu.Lock()
	found, err := named(c, c.id.emails)
	if err == nil {
		m = *found
	}
	c.id.mu.Unlock()
	if err != nil {
		return m, d, err
	}
	f := c.fields()
	// An unbound token is of era 1, which cannot derive a subject from a sealed one.
	d = readDraft(f, need{required: c.cred.kind == credAccess, max: 998}, withTo)
	return m, d, f.problem()
}

// derive makes a subject out of the original's, if that can be read.
func derive(prefix, given, original string) string {
	if given != "" {
		return given
	}
	if strings.HasPrefix(original, sealedPrefix) {
		return prefix
	}
	if strings.HasPrefix(strings.ToLower(original), strings.ToLower(prefix)) {
		return original
	}
	return prefix + " " + original
}

func (c *call) reply() (reply, error)    { return c.answerMail(false) }
func (c *call) replyAll() (reply, error) { return c.answerMail(true) }

func (c *call) answerMail(all bool) (reply, error) {
	m, d, err := c.followUp(false)
	if err != nil {
		return reply{}, err
	}
	d.to = []string{bareAddress(pick(m.Direction == incoming, cmp.Or(m.ReplyTo, m.From), m.To))}
	if all {
		self := addressKey(c.id.snapshot().Inbox)
		others := strings.Split(m.CC, ",")
		if m.Direction == incoming {
			others = append(strings.Split(m.To, ","), others...)
		}
		for _, a := range others {
			a = bareAddress(a)
			if a != "" && a != self && !slices.Contains(d.to, a) && !slices.Contains(d.cc, a) {
				d.cc = append(d.cc, a)
			}
		}
	}
	d.subject = derive("Re:", d.subject, m.Subject)
	d.inReplyTo, d.thread = m.MessageID, m.ThreadID
	return c.send(d)
}

func (c *call) forward() (reply, error) {
	m, d, err := c.followUp(true)
	if err != nil {
		return reply{}, err
	}
	d.subject = derive("Fwd:", d.subject, m.Subject)
	if !strings.HasPrefix(m.Text, sealedPrefix) {
		quoted := cmp.Or(m.HTML, "<pre>"+html.EscapeString(m.Text)+"</pre>")
		d.content += "<hr><p>Forwarded message from " + html.EscapeString(m.From) + "</p>" + quoted
	}
	d.files = append(d.files, m.Attachments...)
	return c.send(d)
}

type limit struct {
	span time.Duration
	max  int // negative for none
}

// limitWait records one more event, or returns how long to wait for it. The longest span must come
// last.
func limitWait(events *[]time.Time, now time.Time, limits []limit) time.Duration {
	oldest := now.Add(-limits[len(limits)-1].span)
	*events = slices.DeleteFunc(*events, func(t time.Time) bool { return !t.After(oldest) })
	for _, l := range limits {
		old := func(t time.Time) bool { return !t.After(now.Add(-l.span)) }
		recent := slices.DeleteFunc(slices.Clone(*events), old)
		if l.max > 0 && len(recent) >= l.max {
			return max(time.Second, recent[0].Add(l.span).Sub(now))
		}
	}
	*events = append(*events, now)
	return 0
}

// send stores an outgoing mail and delivers it to recipients of this server.
func (c *call) send(d draft) (reply, error) {
	s, id := c.s, c.id
	s.mu.Lock()
	limits := []limit{{time.Hour, s.cfg.EmailHourly}, {24 * time.Hour, s.cfg.EmailDaily}}
	wait := limitWait(&c.acct.sent, s.now(), limits)
	seal := s.sealMessage(c.acct)
	s.mu.Unlock()
	if wait > 0 {
		return reply{}, throttled(wait)
	}
	rec := &emailRec{messageHead: s.newMessage(outgoing, time.Time{}), MessageID: "<" + randomHex(10) + "@" + s.cfg.Domain + ">",
		To: strings.Join(d.to, ", "), CC: strings.Join(d.cc, ", "), Attachments: d.files}
	rec.ThreadID = cmp.Or(d.thread, rec.MessageID)
	text := htmlText(d.content)
	rec.Subject, rec.Text, rec.HTML = seal(d.subject), seal(text), seal(d.content)
	rec.Preview = seal(preview(text, s.cfg.PreviewLength))

	if err := c.claim(d.files); err != nil {
		return reply{}, err
	}
	id.mu.Lock()
	if id.deleted {
		id.mu.Unlock()
		return reply{}, noMatch("Identity")
	}
	rec.From = id.rec.Inbox
	files, err := id.files(d.files)
	if err == nil {
		err = s.save(id.messageOp(bucketEmails, rec))
	}
	if err != nil {
		id.mu.Unlock()
		return reply{}, err
	}
	id.emails = insertSorted(id.emails, rec)
	recipients := slices.Concat(d.to, d.cc, d.bcc)
	for _, a := range recipients {
		s.addRecipient(id, addressKey(a), "")
	}
	w := id.wireEmail(rec, c.base(), s)
	id.mu.Unlock()

	mail := Email{From: rec.From, CC: rec.CC, Subject: d.subject, Text: text, HTML: d.content,
		MessageID: rec.MessageID, InReplyTo: d.inReplyTo, Attachments: files}
	for _, a := range recipients {
		mail.To = a
		_, _ = s.DeliverEmail(mail) // other recipients live outside the sandbox
	}
	return created(w)
}

// sendSMS is era 4 only.
func (c *call) sendSMS() (reply, error) {
	f := c.fields()
	to, _ := f.text("to_number", nonBlank)
	body, _ := f.text("body", need{required: true, noBlank: true, max: 1600})
	if to != "" && !e164.MatchString(to) {
		f.fail("to_number", "Enter a valid phone number in E.164 format.")
	}
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	s, id := c.s, c.id
	rec := &smsRec{messageHead: s.newMessage(outgoing, time.Time{}), To: to, Body: body, SID: "SM" + randomHex(16)}
	rec.Preview = preview(body, s.cfg.PreviewLength)
	id.mu.Lock()
	rec.From, rec.Phone = id.rec.Phone, id.rec.PhoneID
	var err error
	switch {
	case id.deleted:
		err = noMatch("Identity")
	case rec.From == "":
		err = detail(400, "This identity has no phone number.")
	default:
		err = s.save(id.messageOp(bucketSMS, rec))
	}
	if err != nil {
		id.mu.Unlock()
		return reply{}, err
	}
	id.sms = insertSorted(id.sms, rec)
	s.addRecipient(id, "", to)
	w := rec.wire(c.base())
	id.mu.Unlock()
	_, _ = s.DeliverSMS(SMS{To: to, From: rec.From, Body: body}) // other recipients live outside the sandbox
	return created(w)
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
