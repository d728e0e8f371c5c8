package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// emailRec is a stored mail; its texts may be sealed.
type emailRec struct {
	messageHead
	MessageID   string   `json:"message_id"`
	ThreadID    string   `json:"thread_id"`
	From        string   `json:"from"`
	ReplyTo     string   `json:"reply_to,omitempty"`
	To          string   `json:"to"`
	CC          string   `json:"cc"`
	Subject     string   `json:"subject"`
	Text        string   `json:"text"`
	HTML        string   `json:"html"`
	Attachments []string `json:"attachments"` // uuids
}

// wireMail is a mail; in a thread, url, message_id and thread_id are left out.
type wireMail struct {
	ID          int64            `json:"id"`
	URL         string           `json:"url,omitempty"`
	MessageID   string           `json:"message_id,omitempty"`
	ThreadID    string           `json:"thread_id,omitempty"`
	From        string           `json:"from_email"`
	ReplyTo     string           `json:"reply_to,omitempty"` // in no document; only where a mail has it
	To          string           `json:"to_email"`
	CC          string           `json:"cc"`
	Subject     string           `json:"subject"`
	Text        string           `json:"text_content"`
	HTML        string           `json:"html_content"`
	Direction   string           `json:"direction"`
	IsRead      bool             `json:"is_read"`
	Attachments []wireAttachment `json:"attachments"`
	Created     time.Time        `json:"created_dt"`
}

// wireEmail renders a mail. identity.mu must be held.
func (i *identity) wireEmail(m *emailRec, base string, s *Server) wireMail {
	w := wireMail{ID: m.ID, URL: fmt.Sprintf("%s/api/email-messages/%d/", base, m.ID),
		MessageID: m.MessageID, ThreadID: m.ThreadID, From: m.From, ReplyTo: m.ReplyTo, To: m.To, CC: m.CC,
		Subject: m.Subject, Text: m.Text, HTML: m.HTML, Direction: m.Direction, IsRead: m.IsRead,
		Attachments: []wireAttachment{}, Created: m.Created}
	for _, uuid := range m.Attachments {
		if a := i.attachments[uuid]; a != nil {
			w.Attachments = append(w.Attachments, s.wireAttachment(i, a, base))
		}
	}
	return w
}

func (c *call) listEmailMessages() (reply, error) {
	return listMessages(c, &c.id.emails, c.s.cfg.EmailList, func(m *emailRec) any { return c.id.wireEmail(m, c.base(), c.s) })
}

func (c *call) getEmailMessage() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	m, err := named(c, c.id.emails)
	if err != nil {
		return reply{}, err
	}
	w := c.id.wireEmail(m, c.base(), c.s)
	return reply{200, w}, markRead(c, bucketEmails, m)
}

type wireThread struct {
	ID       string    `json:"thread_id"`
	Subject  string    `json:"subject"`
	Preview  string    `json:"preview"`
	From     string    `json:"from_email"`
	Inbox    string    `json:"inbox"`
	Messages int       `json:"message_count"`
	Unread   int       `json:"unread_count"`
	Latest   time.Time `json:"latest_message_dt"`
	Oldest   time.Time `json:"oldest_message_dt"`
}

func (c *call) listThreads() (reply, error) {
	unread, filter := c.flag("has_unread")
	inbox := c.query.Get("inbox")
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	out := []*wireThread{}
	if inbox != "" && inbox != strconv.FormatInt(c.id.rec.EmailID, 10) {
		return ok(out)
	}
	found := map[string]*wireThread{}
	var order []*wireThread
	for _, m := range visible(c, c.id.emails) {
		t := found[m.ThreadID]
		if t == nil {
			t = &wireThread{ID: m.ThreadID, Subject: m.Subject, From: m.From, Inbox: c.id.rec.Inbox, Oldest: m.Created}
			found[t.ID] = t
			order = append(order, t)
		}
		t.Preview, t.Latest = m.Preview, m.Created
		if m.Direction == incoming {
			t.From = m.From
		}
		t.Messages++
		if !m.IsRead {
			t.Unread++
		}
	}
	for _, t := range slices.Backward(order) {
		if !filter || (t.Unread > 0) == unread {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b *wireThread) int { return b.Latest.Compare(a.Latest) })
	return ok(out)
}

func (c *call) getThread() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	var recs []*emailRec
	msgs := []wireMail{}
	for _, m := range visible(c, c.id.emails) {
		if m.ThreadID == c.arg(0) {
			w := c.id.wireEmail(m, c.base(), c.s)
			w.URL, w.MessageID, w.ThreadID = "", "", ""
			msgs, recs = append(msgs, w), append(recs, m)
		}
	}
	if len(recs) == 0 {
		return reply{}, detail(404, "Not found.")
	}
	if err := markRead(c, bucketEmails, recs...); err != nil {
		return reply{}, err
	}
	return ok(map[string]any{"thread_id": c.arg(0), "subject": recs[0].Subject, "message_count": len(msgs), "messages": msgs})
}
