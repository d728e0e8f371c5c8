package sandbox

import (
	"slices"
	"strings"
	"time"
)

// contactRec is a contact, stored as it travels (docs/ravi-api.md#contacts).
type contactRec struct {
	entry
	Email        string     `json:"email"`
	Phone        string     `json:"phone_number"`
	DisplayName  string     `json:"display_name"`
	Nickname     string     `json:"nickname"`
	IsTrusted    bool       `json:"is_trusted"`
	Source       string     `json:"source"` // "manual" or "auto"
	Interactions int        `json:"interaction_count"`
	LastSeen     *time.Time `json:"last_interaction_dt"`
}

var contacts = collection[contactRec, *contactRec]{
	model: "Contact", bucket: bucketContacts,
	in: func(i *identity) *[]contactRec { return &i.contacts },
	read: func(_ *call, f *fields, e *contactRec, isNew bool) {
		if isNew {
			e.Source = "manual"
		}
		if v, sent := f.email("email", need{max: 254}); sent {
			e.Email = addressKey(v)
		}
		f.set(&e.Phone, "phone_number", need{max: 32})
		f.set(&e.DisplayName, "display_name", need{max: 255})
		f.set(&e.Nickname, "nickname", need{max: 255})
		if t, sent := f.boolean("is_trusted"); sent {
			e.IsTrusted = t
		}
		if len(f.errs) == 0 && e.Email == "" && e.Phone == "" {
			f.fail("non_field_errors", "Either email or phone_number is required.")
		}
	},
	conflict: func(e, other *contactRec) error {
		if e.Email != "" && other.Email == e.Email {
			return field("email", "A contact with this email already exists.")
		}
		if e.Phone != "" && other.Phone == e.Phone {
			return field("phone_number", "A contact with this phone number already exists.")
		}
		return nil
	},
}

func (c *call) listContacts() (reply, error) { return ok(contacts.list(c, nil)) }

// searchContacts matches every word of q against names and address, not the number.
func (c *call) searchContacts() (reply, error) {
	words := strings.Fields(strings.ToLower(c.query.Get("q")))
	if len(words) == 0 {
		return reply{}, field("q", "This field is required.")
	}
	return ok(contacts.list(c, func(e *contactRec) bool {
		text := strings.ToLower(e.DisplayName + " " + e.Nickname + " " + e.Email)
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
	}))
}

func (c *call) findContact() (reply, error) {
	email, phone := addressKey(c.query.Get("email")), c.query.Get("phone_number")
	if email == "" && phone == "" {
		return reply{}, detail(400, "Provide email or phone_number.")
	}
	found := contacts.list(c, func(e *contactRec) bool {
		return (email == "" || e.Email == email) && (phone == "" || e.Phone == phone)
	})
	if len(found) == 0 {
		return reply{}, noMatch("Contact")
	}
	return ok(found[0])
}

// countInteraction counts an interaction with a contact, if there is one. identity.mu must be held.
func (s *Server) countInteraction(id *identity, email, phone string) bool {
	now := s.now()
	for i, e := range id.contacts {
		if (email != "" && e.Email == email) || (phone != "" && e.Phone == phone) {
			e.Interactions++
			e.LastSeen = &now
			if s.save(op{bucket: bucketContacts, key: id.key(e.UUID), value: e}) == nil {
				id.contacts[i] = e
			}
			return true
		}
	}
	return false
}

// addRecipient counts an interaction and makes a contact with source "auto" if there was none.
// identity.mu must be held.
func (s *Server) addRecipient(id *identity, email, phone string) {
	if s.countInteraction(id, email, phone) {
		return
	}
	now := s.now()
	e := contactRec{entry: entry{newUUID(), id.rec.ID, now, now}, Email: email, Phone: phone, Source: "auto", Interactions: 1, LastSeen: &now}
	if s.save(op{bucket: bucketContacts, key: id.key(e.UUID), value: e}) == nil {
		id.contacts = append(id.contacts, e)
	}
}
