package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// smsRec is a stored text message; Body may be sealed.
type smsRec struct {
	messageHead
	From  string `json:"from"`
	To    string `json:"to"`
	Body  string `json:"body"`
	SID   string `json:"sid"`
	Phone int64  `json:"phone"`
}

func (m *smsRec) other() string { return pick(m.Direction == incoming, m.From, m.To) }

func (m *smsRec) own() string { return pick(m.Direction == incoming, m.To, m.From) }

func (m *smsRec) conversation() string { return strconv.FormatInt(m.Phone, 10) + "_" + m.other() }

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

func (c *call) listSMS() (reply, error) {
	return listMessages(c, &c.id.sms, c.s.cfg.SMSList, func(m *smsRec) any { return m.wire(c.base()) })
}

func (c *call) getSMS() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	m, err := named(c, c.id.sms)
	if err != nil {
		return reply{}, err
	}
	return reply{200, m.wire(c.base())}, markRead(c, bucketSMS, m)
}

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
	for _, m := range visible(c, c.id.sms) {
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
	type item struct {
		ID        int64     `json:"id"`
		Body      string    `json:"body"`
		Direction string    `json:"direction"`
		IsRead    bool      `json:"is_read"`
		Created   time.Time `json:"created_dt"`
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	out := []item{}
	var recs []*smsRec
	for _, m := range visible(c, c.id.sms) {
		if m.conversation() == c.arg(0) {
			out = append(out, item{m.ID, m.Body, m.Direction, m.IsRead, m.Created})
			recs = append(recs, m)
		}
	}
	if len(out) == 0 {
		return reply{}, detail(404, "Not found.")
	}
	if err := markRead(c, bucketSMS, recs...); err != nil {
		return reply{}, err
	}
	return ok(map[string]any{"conversation_id": c.arg(0), "from_number": recs[0].other(), "phone": recs[0].own(),
		"message_count": len(out), "messages": out})
}
