package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Directions of a message.
const (
	incoming = "incoming"
	outgoing = "outgoing"
)

// smsRec is a stored text message; Body and Preview may be sealed.
type smsRec struct {
	ID        int64     `json:"id"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Body      string    `json:"body"`
	Preview   string    `json:"preview"`
	SID       string    `json:"sid"`
	Phone     int64     `json:"phone"`
	Direction string    `json:"direction"`
	IsRead    bool      `json:"is_read"`
	Created   time.Time `json:"created"`
	Visible   time.Time `json:"visible,omitzero"`
}

func (m *smsRec) when() (time.Time, int64) { return m.Created, m.ID }

// other is the number at the far end.
func (m *smsRec) other() string { return pick(m.Direction == incoming, m.From, m.To) }

// own is the identity's number.
func (m *smsRec) own() string { return pick(m.Direction == incoming, m.To, m.From) }

func (m *smsRec) conversation() string { return strconv.FormatInt(m.Phone, 10) + "_" + m.other() }

// wireSMS is PhoneMessage of API.md section 6.
type wireSMS struct {
	ID        int64     `json:"id"`
	URL       string    `json:"url"`
	From      string    `json:"from_number"`
	To        string    `json:"to_number"`
	Body      string    `json:"body"`
	SID       string    `json:"message_sid"`
	Phone     string    `json:"phone"` // the identity's number, a string in every client of Ravi
	Direction string    `json:"direction"`
	IsRead    bool      `json:"is_read"`
	Created   time.Time `json:"created_dt"`
}

func (m *smsRec) wire(base string) wireSMS {
	return wireSMS{m.ID, fmt.Sprintf("%s/api/messages/%d/", base, m.ID), m.From, m.To, m.Body, m.SID,
		m.own(), m.Direction, m.IsRead, m.Created}
}

// dated is a message that can be put in order.
type dated interface{ when() (time.Time, int64) }

// insertSorted keeps messages ordered by time, then id.
func insertSorted[T dated](list []T, m T) []T {
	at, id := m.when()
	i := len(list)
	for i > 0 {
		t, n := list[i-1].when()
		if t.Before(at) || t.Equal(at) && n < id {
			break
		}
		i--
	}
	return slices.Insert(list, i, m)
}

// messageKey sorts like the id in the data file.
func messageKey(id int64) string { return fmt.Sprintf("%016d", id) }

// visibleSMS returns what the API shows of the texts, oldest first.
// identity.mu must be held.
func (c *call) visibleSMS() []*smsRec {
	now := c.s.now()
	out := make([]*smsRec, 0, len(c.id.sms))
	for _, m := range c.id.sms {
		if !m.Visible.After(now) {
			out = append(out, m)
		}
	}
	return out
}

func (c *call) listSMS() (reply, error) {
	keep, err := c.messageFilter()
	if err != nil {
		return reply{}, err
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	out := []any{}
	for _, m := range c.visibleSMS() {
		if keep(filterable{m.IsRead, m.Direction, m.From, "", m.Created}) {
			out = append(out, m.wire(c.base()))
		}
	}
	return c.page(out, c.s.cfg.SMSList)
}

func (c *call) getSMS() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	for _, m := range c.visibleSMS() {
		if m.ID == c.intArg(0) {
			w := m.wire(c.base())
			return reply{200, w}, c.markSMS(m)
		}
	}
	return reply{}, detail(404, "Not found.")
}

// markSMS marks texts as read if the server is set to. identity.mu must be held.
func (c *call) markSMS(list ...*smsRec) error {
	if !c.s.cfg.MarkRead {
		return nil
	}
	var ops []op
	for _, m := range list {
		if !m.IsRead {
			m.IsRead = true
			ops = append(ops, op{bucket: bucketSMS, key: c.id.key(messageKey(m.ID)), value: m})
		}
	}
	return c.s.save(ops...)
}

// wireConversation is SMSConversation of API.md section 6.
type wireConversation struct {
	ID       string    `json:"conversation_id"`
	From     string    `json:"from_number"`
	Phone    string    `json:"phone"`
	Number   string    `json:"phone_number"`
	Preview  string    `json:"preview"`
	Messages int       `json:"message_count"`
	Unread   int       `json:"unread_count"`
	Latest   time.Time `json:"latest_message_dt"`
}

func (c *call) listConversations() (reply, error) {
	unread, filter := c.flag("has_unread")
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	found := map[string]*wireConversation{}
	for _, m := range c.visibleSMS() {
		v := found[m.conversation()]
		if v == nil {
			v = &wireConversation{ID: m.conversation(), From: m.other(), Phone: m.own(), Number: m.own()}
			found[v.ID] = v
		}
		v.Preview, v.Latest = m.Preview, m.Created
		v.Messages++
		if !m.IsRead {
			v.Unread++
		}
	}
	out := []*wireConversation{}
	for _, v := range found {
		if !filter || (v.Unread > 0) == unread {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b *wireConversation) int {
		if n := b.Latest.Compare(a.Latest); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return ok(out)
}

func (c *call) getConversation() (reply, error) {
	type message struct {
		ID        int64     `json:"id"`
		Body      string    `json:"body"`
		Direction string    `json:"direction"`
		IsRead    bool      `json:"is_read"`
		Created   time.Time `json:"created_dt"`
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	out := []message{}
	var recs []*smsRec
	for _, m := range c.visibleSMS() {
		if m.conversation() == c.arg(0) {
			out = append(out, message{m.ID, m.Body, m.Direction, m.IsRead, m.Created})
			recs = append(recs, m)
		}
	}
	if len(out) == 0 {
		return reply{}, detail(404, "Not found.")
	}
	if err := c.markSMS(recs...); err != nil {
		return reply{}, err
	}
	return ok(map[string]any{"conversation_id": c.arg(0), "from_number": recs[0].other(), "phone": recs[0].own(),
		"message_count": len(out), "messages": out})
}
