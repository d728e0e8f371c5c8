package ravi

import (
	"time"

	"ravi-mcp/ravi/secret"
)

// Identity is an agent persona: an address, perhaps a phone number, and its vaults.
type Identity struct {
	UUID  string `json:"uuid"`
	Name  string `json:"name"`
	Inbox string `json:"inbox"` // the email address
	Phone string `json:"phone"` // E.164; empty when there is none
	// Created and Updated are zero when Ravi does not say.
	Created time.Time `json:"created_dt"`
	Updated time.Time `json:"updated_dt"`
	// APIKey is the identity's own key; set only in the answer to a creation by a management key
	// (era 3 and later).
	APIKey secret.Secret `json:"api_key"`
}

// Direction says whether a message came in or went out.
type Direction string

// The directions of a message.
const (
	Incoming Direction = "incoming"
	Outgoing Direction = "outgoing"
)

// EmailMessage is one email (docs/ravi-api.md#message-shapes).
type EmailMessage struct {
	ID          int64        `json:"id"`
	MessageID   string       `json:"message_id"`
	ThreadID    string       `json:"thread_id"`
	From        string       `json:"from_email"`
	ReplyTo     string       `json:"reply_to"` // undocumented; empty where Ravi does not say
	To          string       `json:"to_email"`
	CC          string       `json:"cc"`
	Subject     string       `json:"subject"`
	Text        string       `json:"text_content"`
	HTML        string       `json:"html_content"`
	Direction   Direction    `json:"direction"`
	IsRead      bool         `json:"is_read"`
	Attachments []Attachment `json:"attachments"`
	Created     time.Time    `json:"created_dt"`
}

// Attachment describes a file of an email; the content is not part of it.
type Attachment struct {
	UUID        string `json:"uuid"`
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	IsInline    bool   `json:"is_inline"`
	DownloadURL string `json:"download_url"`
}

// SMSMessage is one text message.
type SMSMessage struct {
	ID        int64     `json:"id"`
	From      string    `json:"from_number"`
	To        string    `json:"to_number"`
	Body      string    `json:"body"`
	Direction Direction `json:"direction"`
	IsRead    bool      `json:"is_read"`
	Created   time.Time `json:"created_dt"`
}

// MessageFilter narrows a list of messages. The zero value lists all.
type MessageFilter struct {
	// Unread keeps only unread messages (is_read=false).
	Unread bool
	// CreatedAfter asks Ravi for messages created later than this, by Ravi's clock. A Ravi that
	// does not know the parameter ignores it.
	CreatedAfter time.Time
	// Direction keeps one direction; a Ravi may ignore it.
	Direction Direction
	// Limit is the page size to ask for; 0 leaves it to Ravi (50; at most 200).
	Limit int
}

// PasswordEntry is a stored credential. In lists Password and Notes are empty.
type PasswordEntry struct {
	UUID     string
	Domain   string
	Username string
	Password secret.Secret
	Notes    secret.Secret
	// HasNotes is nil where an answer says nothing of notes, as lists may.
	HasNotes *bool
	Created  time.Time
	Updated  time.Time
}

// SecretEntry is a stored key-value secret. In lists Value and Notes are empty.
type SecretEntry struct {
	UUID    string
	Key     string
	Value   secret.Secret
	Notes   secret.Secret
	Created time.Time
	Updated time.Time
}

// EventKind sorts the events of the stream (docs/ravi-api.md#events).
type EventKind int

// The kinds of event. The first three come from Ravi, the last two from the client itself.
const (
	EventOther        EventKind = iota // an event with another name
	EventEmail                         // a name that starts with "email"
	EventSMS                           // a name that starts with "sms"
	EventConnected                     // the stream is up again after a loss; read what was missed
	EventDisconnected                  // the stream is down; poll until EventConnected
)

// Event is one wake-up. It says that there is something to read, never what: read the message by
// REST.
type Event struct {
	Kind EventKind
	Name string // as sent
	ID   string // Last-Event-ID
}
