package sandbox

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// emailRec is a stored mail; its texts may be sealed.
type emailRec struct {
	ID          int64     `json:"id"`
	MessageID   string    `json:"message_id"`
	ThreadID    string    `json:"thread_id"`
	From        string    `json:"from"`
	ReplyTo     string    `json:"reply_to,omitempty"`
	To          string    `json:"to"`
	CC          string    `json:"cc"`
	Subject     string    `json:"subject"`
	Preview     string    `json:"preview"`
	Text        string    `json:"text"`
	HTML        string    `json:"html"`
	Direction   string    `json:"direction"`
	IsRead      bool      `json:"is_read"`
	Attachments []string  `json:"attachments"` // uuids
	Created     time.Time `json:"created"`
	Visible     time.Time `json:"visible,omitzero"`
}

func (m *emailRec) when() (time.Time, int64) { return m.Created, m.ID }

// wireMail is EmailMessageDetail of API.md section 6; in a thread, url,
// message_id and thread_id are left out.
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

// visibleEmails returns what the API shows of the mail, oldest first.
// identity.mu must be held.
func (c *call) visibleEmails() []*emailRec {
	now := c.s.now()
	out := make([]*emailRec, 0, len(c.id.emails))
	for _, m := range c.id.emails {
		if !m.Visible.After(now) {
			out = append(out, m)
		}
	}
	return out
}

func (c *call) listEmailMessages() (reply, error) {
	keep, err := c.messageFilter()
	if err != nil {
		return reply{}, err
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	out := []any{}
	for _, m := range c.visibleEmails() {
		if keep(filterable{m.IsRead, m.Direction, m.From, m.ThreadID, m.Created}) {
			out = append(out, c.id.wireEmail(m, c.base(), c.s))
		}
	}
	return c.page(out, c.s.cfg.EmailList)
}

// findEmail finds a visible mail by its id. identity.mu must be held.
func (c *call) findEmail(id int64) *emailRec {
	for _, m := range c.visibleEmails() {
		if m.ID == id {
			return m
		}
	}
	return nil
}

func (c *call) getEmailMessage() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	m := c.findEmail(c.intArg(0))
	if m == nil {
		return reply{}, detail(404, "Not found.")
	}
	w := c.id.wireEmail(m, c.base(), c.s)
	return reply{200, w}, c.markEmails(m)
}

// markEmails marks mail as read if the server is set to. identity.mu must be held.
func (c *call) markEmails(list ...*emailRec) error {
	if !c.s.cfg.MarkRead {
		return nil
	}
	var ops []op
	for _, m := range list {
		if !m.IsRead {
			m.IsRead = true
			ops = append(ops, op{bucket: bucketEmails, key: c.id.key(messageKey(m.ID)), value: m})
		}
	}
	return c.s.save(ops...)
}

// wireThread is EmailThread of API.md section 6.
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
	for _, m := range c.visibleEmails() {
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
	for _, m := range c.visibleEmails() {
		if m.ThreadID == c.arg(0) {
			w := c.id.wireEmail(m, c.base(), c.s)
			w.URL, w.MessageID, w.ThreadID = "", "", ""
			msgs, recs = append(msgs, w), append(recs, m)
		}
	}
	if len(recs) == 0 {
		return reply{}, detail(404, "Not found.")
	}
	if err := c.markEmails(recs...); err != nil {
		return reply{}, err
	}
	return ok(map[string]any{"thread_id": c.arg(0), "subject": recs[0].Subject, "message_count": len(msgs), "messages": msgs})
}

// filterable is what the flat lists can be filtered by.
type filterable struct {
	isRead    bool
	direction string
	from      string
	thread    string
	created   time.Time
}

// messageFilter reads the query parameters of API.md section 2.4.
func (c *call) messageFilter() (keep func(filterable) bool, err error) {
	read, byRead := c.flag("is_read")
	q := c.query
	if c.s.cfg.IgnoreFilters {
		q = url.Values{}
	}
	var after time.Time
	if v := q.Get("created_after"); v != "" {
		if after, err = time.Parse(time.RFC3339Nano, v); err != nil {
			return nil, field("created_after", "Enter a valid date/time.")
		}
	}
	dir := q.Get("direction")
	if dir != "" && dir != incoming && dir != outgoing {
		return nil, field("direction", "Select a valid choice. "+dir+" is not one of the available choices.")
	}
	from, thread := bareAddress(q.Get("from_email")), q.Get("thread_id")
	return func(m filterable) bool {
		return (!byRead || m.isRead == read) &&
			(after.IsZero() || m.created.After(after)) &&
			(dir == "" || m.direction == dir) &&
			(from == "" || bareAddress(m.from) == from) &&
			(thread == "" || m.thread == thread)
	}, nil
}

// page answers with a list given oldest first, in the shape asked for.
func (c *call) page(all []any, style ListStyle) (reply, error) {
	asked := c.query.Has("limit") || c.query.Has("offset") || c.query.Has("created_after")
	if style == ListBare || style == ListOnDemand && !asked {
		slices.Reverse(all)
		return ok(all)
	}
	limit, offset := 50, 0
	if n, err := strconv.Atoi(c.query.Get("limit")); err == nil && n > 0 {
		limit = min(n, 200)
	}
	if n, err := strconv.Atoi(c.query.Get("offset")); err == nil && n > 0 {
		offset = n
	}
	link := func(to int) any {
		if to < 0 || to >= len(all) {
			return nil
		}
		q := c.r.URL.Query()
		q.Set("limit", strconv.Itoa(limit))
		q.Set("offset", strconv.Itoa(to))
		if to == 0 {
			q.Del("offset")
		}
		return c.base() + c.r.URL.Path + "?" + q.Encode()
	}
	var previous any
	if offset > 0 {
		previous = link(max(0, offset-limit))
	}
	from := min(offset, len(all))
	return ok(map[string]any{"count": len(all), "next": link(offset + limit), "previous": previous,
		"results": all[from:min(offset+limit, len(all))]})
}
