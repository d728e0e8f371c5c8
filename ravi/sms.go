package ravi

import (
	"context"
	"iter"
	"time"
)

// PhoneNumber is the number of an identity.
type PhoneNumber struct {
	ID       int64     `json:"id"`
	Number   string    `json:"phone_number"` // E.164
	Provider string    `json:"provider"`
	Created  time.Time `json:"created_dt"`
}

// SMSConversation is one line of the SMS inbox.
type SMSConversation struct {
	ConversationID string    `json:"conversation_id"` // e.g. "1_+15559876543"
	From           string    `json:"from_number"`
	PhoneNumber    string    `json:"phone_number"`
	Preview        string    `json:"preview"` // may be cut short
	MessageCount   int64     `json:"message_count"`
	UnreadCount    int64     `json:"unread_count"`
	Latest         time.Time `json:"latest_message_dt"`
}

// SMSConversationDetail is a conversation with its messages.
type SMSConversationDetail struct {
	ConversationID string       `json:"conversation_id"`
	From           string       `json:"from_number"`
	MessageCount   int64        `json:"message_count"`
	Messages       []SMSMessage `json:"messages"`
}

// Phone returns the identity's phone number.
//
// Errors: ErrNotFound when it has none.
func (s *Scope) Phone(ctx context.Context) (*PhoneNumber, error) {
	return first[PhoneNumber](ctx, s.c, s.get("get phone number", "/api/phone/"), "no phone number is assigned")
}

// SMSConversations returns the SMS inbox by conversation; with unread only those with unread
// messages.
func (s *Scope) SMSConversations(ctx context.Context, unread bool) ([]SMSConversation, error) {
	k := s.get("list SMS conversations", "/api/sms-inbox/")
	k.query = unreadQuery(unread)
	found, err := list[SMSConversation](ctx, s.c, k)
	for i := range found {
		s.c.openText(&found[i].Preview)
	}
	return found, err
}

// SMSConversation returns a conversation with its messages.
//
// Errors: ErrNotFound, ErrLocked.
func (s *Scope) SMSConversation(ctx context.Context, conversationID string) (*SMSConversationDetail, error) {
	k := s.get("get SMS conversation", "/api/sms-inbox/{conversation_id}/", conversationID)
	found, err := one[SMSConversationDetail](ctx, s.c, k)
	if err != nil {
		return nil, err
	}
	plain := true
	for i := range found.Messages {
		m := &found.Messages[i]
		if m.From == "" && m.Direction == Incoming {
			m.From = found.From
		}
		plain = s.c.openText(&m.Body) && plain
	}
	if !plain {
		return nil, locked(k.op)
	}
	return found, nil
}

// SMSMessages yields the identity's text messages, following all pages. The order is Ravi's. A body
// that no key opens stays ciphertext.
func (s *Scope) SMSMessages(ctx context.Context, f MessageFilter) iter.Seq2[SMSMessage, error] {
	k := s.get("list SMS", "/api/messages/")
	k.query = f.query()
	id := func(m SMSMessage) int64 { return m.ID }
	return each(ctx, s.c, k, id, func(m *SMSMessage) { s.c.openText(&m.Body) })
}

// SMSMessage returns one text message.
//
// Errors: ErrNotFound, ErrLocked.
func (s *Scope) SMSMessage(ctx context.Context, id int64) (*SMSMessage, error) {
	k := s.get("get SMS", "/api/messages/{id}/", itoa(id))
	m, err := one[SMSMessage](ctx, s.c, k)
	if err != nil {
		return nil, err
	}
	if !s.c.openText(&m.Body) {
		return nil, locked(k.op)
	}
	return m, nil
}

// SendSMS sends a text message to a number in E.164. It is never repeated.
//
// Errors: ErrUnsupported before era 4; ErrInvalid for a number that is none.
func (s *Scope) SendSMS(ctx context.Context, to, body string) (*SMSMessage, error) {
	return sent[SMSMessage](ctx, s.c, s.post("send SMS", "/api/messages/send/", struct {
		To   string `json:"to_number"`
		Body string `json:"body"`
	}{to, body}))
}

// UnmarshalJSON reads a phone number leniently.
func (p *PhoneNumber) UnmarshalJSON(data []byte) error {
	type plain PhoneNumber
	return decodeObject(data, &struct {
		*plain
		ID      *looseInt  `json:"id"`
		Created *looseTime `json:"created_dt"`
	}{(*plain)(p), (*looseInt)(&p.ID), (*looseTime)(&p.Created)})
}

// UnmarshalJSON reads a conversation leniently.
func (s *SMSConversation) UnmarshalJSON(data []byte) error {
	type plain SMSConversation
	return decodeObject(data, &struct {
		*plain
		Latest *looseTime `json:"latest_message_dt"`
	}{(*plain)(s), (*looseTime)(&s.Latest)})
}

// UnmarshalJSON reads a conversation leniently.
func (s *SMSConversationDetail) UnmarshalJSON(data []byte) error {
	type plain SMSConversationDetail
	return decodeObject(data, (*plain)(s))
}

// UnmarshalJSON reads a text message leniently.
func (m *SMSMessage) UnmarshalJSON(data []byte) error {
	type plain SMSMessage
	return decodeObject(data, &struct {
		*plain
		ID      *looseInt  `json:"id"`
		Created *looseTime `json:"created_dt"`
	}{(*plain)(m), (*looseInt)(&m.ID), (*looseTime)(&m.Created)})
}
