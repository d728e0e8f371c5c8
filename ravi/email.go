package ravi

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// EmailAddress is the address of an identity.
type EmailAddress struct {
	ID      int64     `json:"id"` // what compose calls the inbox
	Address string    `json:"email"`
	Created time.Time `json:"created_dt"`
}

// EmailThread is one line of the inbox.
type EmailThread struct {
	ThreadID     string    `json:"thread_id"`
	Subject      string    `json:"subject"`
	Preview      string    `json:"preview"`
	From         string    `json:"from_email"`
	MessageCount int64     `json:"message_count"`
	UnreadCount  int64     `json:"unread_count"`
	Latest       time.Time `json:"latest_message_dt"`
	Oldest       time.Time `json:"oldest_message_dt"`
}

// EmailThreadDetail is a thread with its messages, oldest first.
type EmailThreadDetail struct {
	ThreadID     string         `json:"thread_id"`
	Subject      string         `json:"subject"`
	MessageCount int64          `json:"message_count"`
	Messages     []EmailMessage `json:"messages"`
}

// Email returns the identity's email address.
//
// Errors: ErrNotFound when it has none.
func (s *Scope) Email(ctx context.Context) (*EmailAddress, error) {
	return first[EmailAddress](ctx, s.c, s.get("get email address", "/api/email/"), "no email address is assigned")
}

// first makes a call and returns the first item of the list, or ErrNotFound.
func first[T any](ctx context.Context, c *Client, k call, missing string) (*T, error) {
	found, err := list[T](ctx, c, k)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &Error{Op: k.op, Kind: ErrNotFound, Detail: missing}
	}
	return &found[0], nil
}

// EmailThreads returns the inbox by thread, newest first; with unread only those with unread
// messages.
func (s *Scope) EmailThreads(ctx context.Context, unread bool) ([]EmailThread, error) {
	k := s.get("list email threads", "/api/email-inbox/")
	k.query = unreadQuery(unread)
	threads, err := list[EmailThread](ctx, s.c, k)
	for i := range threads {
		s.c.openText(&threads[i].Subject, &threads[i].Preview)
	}
	return threads, err
}

// EmailThread returns a thread with its messages. Thread ids look like "<id@host>" and are escaped
// here.
//
// Errors: ErrNotFound, ErrLocked.
func (s *Scope) EmailThread(ctx context.Context, threadID string) (*EmailThreadDetail, error) {
	k := s.get("get email thread", "/api/email-inbox/{thread_id}/", threadID)
	thread, err := one[EmailThreadDetail](ctx, s.c, k)
	if err != nil {
		return nil, err
	}
	plain := s.c.openText(&thread.Subject)
	for i := range thread.Messages {
		plain = s.c.openEmail(&thread.Messages[i]) && plain
	}
	if !plain {
		return nil, locked(k.op)
	}
	return thread, nil
}

// EmailMessages yields the identity's mail, both directions unless the filter says otherwise,
// following all pages. The order is Ravi's and not the same everywhere. A field that no key opens
// stays ciphertext.
func (s *Scope) EmailMessages(ctx context.Context, f MessageFilter) iter.Seq2[EmailMessage, error] {
	k := s.get("list emails", "/api/email-messages/")
	k.query = f.query()
	id := func(m EmailMessage) int64 { return m.ID }
	return each(ctx, s.c, k, id, func(m *EmailMessage) { s.c.openEmail(m) })
}

// EmailMessage returns one email.
//
// Errors: ErrNotFound, ErrLocked.
func (s *Scope) EmailMessage(ctx context.Context, id int64) (*EmailMessage, error) {
	k := s.get("get email", "/api/email-messages/{id}/", itoa(id))
	m, err := one[EmailMessage](ctx, s.c, k)
	if err != nil {
		return nil, err
	}
	if !s.c.openEmail(m) {
		return nil, locked(k.op)
	}
	return m, nil
}

func (c *Client) openEmail(m *EmailMessage) bool { return c.openText(&m.Subject, &m.Text, &m.HTML) }

// one makes a call that must be answered with an object.
func one[T any](ctx context.Context, c *Client, k call) (*T, error) {
	v, err := send[T](ctx, c, k)
	if err == nil && v == nil {
		return nil, &Error{Op: k.op, Status: http.StatusNoContent, Kind: ErrUnavailable, Cause: errShape}
	}
	return v, err
}

// UnmarshalJSON reads an address leniently.
func (a *EmailAddress) UnmarshalJSON(data []byte) error {
	type plain EmailAddress
	return decodeObject(data, &struct {
		*plain
		ID      *looseInt  `json:"id"`
		Created *looseTime `json:"created_dt"`
	}{(*plain)(a), (*looseInt)(&a.ID), (*looseTime)(&a.Created)})
}

// UnmarshalJSON reads a thread leniently.
func (t *EmailThread) UnmarshalJSON(data []byte) error {
	type plain EmailThread
	return decodeObject(data, &struct {
		*plain
		Latest *looseTime `json:"latest_message_dt"`
		Oldest *looseTime `json:"oldest_message_dt"`
	}{(*plain)(t), (*looseTime)(&t.Latest), (*looseTime)(&t.Oldest)})
}

// UnmarshalJSON reads a thread leniently.
func (t *EmailThreadDetail) UnmarshalJSON(data []byte) error {
	type plain EmailThreadDetail
	return decodeObject(data, (*plain)(t))
}

// UnmarshalJSON reads an email leniently: an id may be a string, cc an array.
func (m *EmailMessage) UnmarshalJSON(data []byte) error {
	type plain EmailMessage
	return decodeObject(data, &struct {
		*plain
		ID      *looseInt  `json:"id"`
		To      *looseText `json:"to_email"`
		CC      *looseText `json:"cc"`
		ReplyTo *looseText `json:"reply_to"`
		Created *looseTime `json:"created_dt"`
	}{
		(*plain)(m), (*looseInt)(&m.ID), (*looseText)(&m.To), (*looseText)(&m.CC),
		(*looseText)(&m.ReplyTo), (*looseTime)(&m.Created),
	})
}
