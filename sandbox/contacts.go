package sandbox

import (
	"slices"
	"strings"
	"time"
)

// contactRec is ContactEntry of API.md section 2.9, stored as it travels.
type contactRec struct {
	UUID         string     `json:"uuid"`
	Identity     int64      `json:"identity"`
	Email        string     `json:"email"`
	Phone        string     `json:"phone_number"`
	DisplayName  string     `json:"display_name"`
	Nickname     string     `json:"nickname"`
	IsTrusted    bool       `json:"is_trusted"`
	Source       string     `json:"source"` // "manual" or "auto"
	Interactions int        `json:"interaction_count"`
	LastSeen     *time.Time `json:"last_interaction_dt"`
	Created      time.Time  `json:"created_dt"`
	Updated      time.Time  `json:"updated_dt"`
}

// readContact takes the sent fields over into e.
func readContact(f *fields, e *contactRec) {
	take := func(p *string, v string, sent bool) {
		if sent {
			*p = v
		}
	}
	v, sent := f.email("email", need{max: 254})
	take(&e.Email, addressKey(v), sent)
	v, sent = f.text("phone_number", need{max: 32})
	take(&e.Phone, v, sent)
	v, sent = f.text("display_name", need{max: 255})
	take(&e.DisplayName, v, sent)
	v, sent = f.text("nickname", need{max: 255})
	take(&e.Nickname, v, sent)
	if t, sent := f.boolean("is_trusted"); sent {
		e.IsTrusted = t
	}
	if len(f.errs) == 0 && e.Email == "" && e.Phone == "" {
		f.fail("non_field_errors", "Either email or phone_number is required.")
	}
}

// clash refuses a second contact with the same address or number.
// identity.mu must be held.
func (i *identity) clash(e *contactRec, at int) error {
	for n, o := range i.contacts {
		if n != at && e.Email != "" && o.Email == e.Email {
			return field("email", "A contact with this email already exists.")
		}
		if n != at && e.Phone != "" && o.Phone == e.Phone {
			return field("phone_number", "A contact with this phone number already exists.")
		}
	}
	return nil
}

func (c *call) listContacts() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	return c.contactsWhere(func(*contactRec) bool { return true })
}

func (c *call) contactsWhere(keep func(*contactRec) bool) (reply, error) {
	out := []contactRec{}
	for _, e := range c.id.contacts {
		if keep(e) {
			out = append(out, *e)
		}
	}
	return ok(out)
}

// searchContacts matches every word of q against names and address, not the number.
func (c *call) searchContacts() (reply, error) {
	words := strings.Fields(strings.ToLower(c.query.Get("q")))
	if len(words) == 0 {
		return reply{}, field("q", "This field is required.")
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	return c.contactsWhere(func(e *contactRec) bool {
		text := strings.ToLower(e.DisplayName + " " + e.Nickname + " " + e.Email)
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	})
}

func (c *call) findContact() (reply, error) {
	email, phone := addressKey(c.query.Get("email")), c.query.Get("phone_number")
	if email == "" && phone == "" {
		return reply{}, detail(400, "Provide email or phone_number.")
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	for _, e := range c.id.contacts {
		if (email == "" || e.Email == email) && (phone == "" || e.Phone == phone) {
			return ok(*e)
		}
	}
	return reply{}, noMatch("Contact")
}

func (c *call) createContact() (reply, error) {
	f, err := c.fields()
	if err != nil {
		return reply{}, err
	}
	now := c.s.now()
	e := &contactRec{UUID: newUUID(), Source: "manual", Created: now, Updated: now}
	readContact(f, e)
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	if c.id.deleted {
		return reply{}, noMatch("Identity")
	}
	if err := c.id.clash(e, -1); err != nil {
		return reply{}, err
	}
	e.Identity = c.id.rec.ID
	if err := c.s.save(op{bucket: bucketContacts, key: c.id.key(e.UUID), value: e}); err != nil {
		return reply{}, err
	}
	c.id.contacts = append(c.id.contacts, e)
	return created(*e)
}

// contactAt returns the place of the contact named in the path. identity.mu
// must be held.
func (c *call) contactAt() (int, error) {
	i := slices.IndexFunc(c.id.contacts, func(e *contactRec) bool { return e.UUID == strings.ToLower(c.arg(0)) })
	if i < 0 {
		return 0, noMatch("Contact")
	}
	return i, nil
}

func (c *call) getContact() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	i, err := c.contactAt()
	if err != nil {
		return reply{}, err
	}
	return ok(*c.id.contacts[i])
}

func (c *call) updateContact() (reply, error) {
	f, err := c.fields()
	if err != nil {
		return reply{}, err
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	i, err := c.contactAt()
	if err != nil {
		return reply{}, err
	}
	e := *c.id.contacts[i]
	readContact(f, &e)
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	if err := c.id.clash(&e, i); err != nil {
		return reply{}, err
	}
	e.Updated = c.s.now()
	if err := c.s.save(op{bucket: bucketContacts, key: c.id.key(e.UUID), value: e}); err != nil {
		return reply{}, err
	}
	c.id.contacts[i] = &e
	return ok(e)
}

func (c *call) deleteContact() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	i, err := c.contactAt()
	if err != nil {
		return reply{}, err
	}
	if err := c.s.save(op{bucket: bucketContacts, key: c.id.key(c.id.contacts[i].UUID)}); err != nil {
		return reply{}, err
	}
	c.id.contacts = slices.Delete(c.id.contacts, i, i+1)
	return noContent()
}

// touchContact counts an interaction with a contact, if there is one.
// identity.mu must be held.
func (s *Server) touchContact(id *identity, email, phone string) bool {
	now := s.now()
	for i, old := range id.contacts {
		if (email != "" && old.Email == email) || (phone != "" && old.Phone == phone) {
			e := *old
			e.Interactions++
			e.LastSeen = &now
			if s.save(op{bucket: bucketContacts, key: id.key(e.UUID), value: e}) == nil {
				id.contacts[i] = &e
			}
			return true
		}
	}
	return false
}

// rememberRecipient counts an interaction and makes a contact with source
// "auto" if there was none. identity.mu must be held.
func (s *Server) rememberRecipient(id *identity, email, phone string) {
	if s.touchContact(id, email, phone) {
		return
	}
	now := s.now()
	e := &contactRec{UUID: newUUID(), Identity: id.rec.ID, Email: email, Phone: phone, Source: "auto",
		Interactions: 1, LastSeen: &now, Created: now, Updated: now}
	if s.save(op{bucket: bucketContacts, key: id.key(e.UUID), value: e}) == nil {
		id.contacts = append(id.contacts, e)
	}
}
