package ravi

import (
	"context"
	"net/url"
	"strings"
	"time"
)

// Contact is a person or service that an identity knows (era 2 and later).
type Contact struct {
	UUID         string    `json:"uuid"`
	Email        string    `json:"email"`
	Phone        string    `json:"phone_number"`
	DisplayName  string    `json:"display_name"`
	Nickname     string    `json:"nickname"`
	IsTrusted    bool      `json:"is_trusted"`
	Source       string    `json:"source"` // e.g. "auto"
	Interactions int64     `json:"interaction_count"`
	Last         time.Time `json:"last_interaction_dt"`
	Created      time.Time `json:"created_dt"`
	Updated      time.Time `json:"updated_dt"`
}

func (c *Contact) valid() bool { return c.UUID != "" }

// UnmarshalJSON reads a contact leniently.
func (c *Contact) UnmarshalJSON(data []byte) error {
	type plain Contact
	return decodeObject(data, &struct {
		*plain
		Last    *looseTime `json:"last_interaction_dt"`
		Created *looseTime `json:"created_dt"`
		Updated *looseTime `json:"updated_dt"`
	}{(*plain)(c), (*looseTime)(&c.Last), (*looseTime)(&c.Created), (*looseTime)(&c.Updated)})
}

// ContactFields are the fields of a contact that can be written. Nil fields are not sent: a new
// contact has them empty, an existing one keeps them.
type ContactFields struct {
	Email       *string `json:"email,omitempty"`
	Phone       *string `json:"phone_number,omitempty"`
	DisplayName *string `json:"display_name,omitempty"`
	Nickname    *string `json:"nickname,omitempty"`
	IsTrusted   *bool   `json:"is_trusted,omitempty"`
}

// Contacts returns all contacts of the identity.
//
// Errors: ErrUnsupported in era 1.
func (s *Scope) Contacts(ctx context.Context) ([]Contact, error) {
	return list[Contact](ctx, s.c, s.get("list contacts", "/api/contacts/"))
}

// Contact returns one contact.
//
// Errors: ErrNotFound.
func (s *Scope) Contact(ctx context.Context, uuid string) (*Contact, error) {
	return one[Contact](ctx, s.c, s.get("get contact", "/api/contacts/{uuid}/", uuid))
}

// FindContact returns the contact with exactly this address, or this number; an empty one is not
// asked for.
//
// Errors: ErrNotFound.
func (s *Scope) FindContact(ctx context.Context, email, phone string) (*Contact, error) {
	k := s.get("find contact", "/api/contacts/find/")
	k.query = url.Values{}
	if email != "" {
		k.query.Set("email", email)
	}
	if phone != "" {
		k.query.Set("phone_number", phone)
	}
	return one[Contact](ctx, s.c, k)
}

// SearchContacts returns the contacts whose name or address resembles q.
func (s *Scope) SearchContacts(ctx context.Context, q string) ([]Contact, error) {
	k := s.get("search contacts", "/api/contacts/search/")
	k.query = url.Values{"q": {q}}
	return list[Contact](ctx, s.c, k)
}

// CreateContact adds a contact. When the answer is lost, it is looked up by address or number
// before it is sent once more.
//
// Errors: ErrInvalid with the refused fields; ErrConflict.
func (s *Scope) CreateContact(ctx context.Context, f ContactFields) (*Contact, error) {
	return once(ctx, s.c, s.post("create contact", "/api/contacts/", f), func(since time.Time) (*Contact, error) {
		all, err := s.Contacts(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			if !c.Created.Before(since) && f.fits(c) {
				return &c, nil
			}
		}
		return nil, nil
	})
}

// fits reports whether a contact has the address and the number of the fields.
func (f ContactFields) fits(c Contact) bool {
	same := func(want *string, got string) bool { return want == nil || strings.EqualFold(*want, got) }
	return same(f.Email, c.Email) && same(f.Phone, c.Phone) && same(f.DisplayName, c.DisplayName)
}

// UpdateContact changes the given fields of a contact.
//
// Errors: ErrNotFound, ErrInvalid.
func (s *Scope) UpdateContact(ctx context.Context, uuid string, f ContactFields) (*Contact, error) {
	updated, err := send[Contact](ctx, s.c, s.patch("update contact", "/api/contacts/{uuid}/", f, uuid))
	if err == nil && (updated == nil || !updated.valid()) {
		return s.Contact(ctx, uuid)
	}
	return updated, err
}

// DeleteContact deletes a contact.
//
// Errors: ErrNotFound.
func (s *Scope) DeleteContact(ctx context.Context, uuid string) error {
	return s.remove(ctx, "delete contact", "/api/contacts/{uuid}/", uuid)
}
