package sandbox

import (
	"slices"
	"strings"
	"time"
)

// target finds the identity named in the path of an account call.
func (c *call) target() (*identity, error) {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	return c.identity(c.arg(0))
}

// identity finds an identity of the account. Server.mu must be held.
func (c *call) identity(uuid string) (*identity, error) {
	id := c.s.identities[strings.ToLower(uuid)]
	if id == nil || id.acct != c.acct {
		return nil, noMatch("Identity")
	}
	return id, nil
}

func (c *call) getIdentity() (reply, error) {
	id, err := c.target()
	if err != nil {
		return reply{}, err
	}
	return ok(c.s.wireIdentity(id.snapshot()))
}

func (c *call) updateIdentity() (reply, error) {
	f := c.fields()
	name, sent := f.text("name", need{required: c.r.Method == "PUT", noBlank: true, max: 100})
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	id, err := c.target()
	if err != nil {
		return reply{}, err
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	if id.deleted {
		return reply{}, noMatch("Identity")
	}
	rec := id.rec
	if sent {
		rec.Name = name
	}
	if err := c.s.replace(id, rec); err != nil {
		return reply{}, err
	}
	return ok(c.s.wireIdentity(id.rec))
}

// replace stores a changed record. identity.mu must be held.
func (s *Server) replace(id *identity, rec identityRec) error {
	rec.Updated = s.now()
	err := s.save(op{bucket: bucketIdentities, key: id.uuid, value: rec})
	if err == nil {
		id.rec = rec
	}
	return err
}

func (c *call) provisionPhone() (reply, error) {
	f := c.fields()
	country, _ := f.text("country_code", need{max: 2})
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	if country != "" && country != "US" && country != "CA" {
		return reply{}, field("country_code", "No numbers are available in this country.")
	}
	id, err := c.target()
	if err != nil {
		return reply{}, err
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.acct.rec.NoPlan {
		return reply{}, planRequired()
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	if id.deleted {
		return reply{}, noMatch("Identity")
	}
	if id.rec.Phone != "" {
		return reply{}, detail(409, "This identity already has a phone number.")
	}
	rec := id.rec
	rec.Phone, rec.PhoneID, rec.PhoneAt = s.nextPhone(), s.nextID(), s.now()
	if err := s.replace(id, rec); err != nil {
		return reply{}, err
	}
	s.phones[rec.Phone] = id
	return created(s.wireIdentity(id.rec))
}

// deleteIdentity destroys an identity and all it owns; its address and number stay reserved, so
// that later mail bounces instead of reaching another identity.
func (c *call) deleteIdentity() (reply, error) {
	id, err := c.target()
	if err != nil {
		return reply{}, err
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	id.mu.Lock()
	defer id.mu.Unlock()
	if id.deleted {
		return reply{}, noMatch("Identity")
	}
	address := addressKey(id.rec.Inbox)
	ops := []op{
		{bucket: bucketIdentities, key: id.uuid},
		{bucket: bucketRetired, key: address, value: "address"},
	}
	if id.rec.Phone != "" {
		ops = append(ops, op{bucket: bucketRetired, key: id.rec.Phone, value: "phone"})
	}
	for _, b := range []string{bucketEmails, bucketSMS, bucketPasswords, bucketSecrets, bucketContacts, bucketAttachments, bucketEvents} {
		ops = append(ops, op{bucket: b, key: id.uuid + "/", prefix: true})
	}
	var revoked []string
	for k, rec := range s.keys {
		if rec.Identity == id.uuid {
			revoked = append(revoked, k)
			ops = append(ops, op{bucket: bucketKeys, key: k})
		}
	}
	if err := s.save(ops...); err != nil {
		return reply{}, err
	}
	for _, k := range revoked {
		delete(s.keys, k)
	}
	id.deleted = true
	close(id.gone)
	delete(s.identities, id.uuid)
	s.addresses[address] = nil
	if id.rec.Phone != "" {
		s.phones[id.rec.Phone] = nil
	}
	c.acct.identities = slices.DeleteFunc(c.acct.identities, func(o *identity) bool { return o == id })
	return noContent()
}

// wireEmail and wirePhone are an address and a number as they travel
// (docs/ravi-api.md#resources-of-an-identity).
type wireEmail struct {
	ID      int64     `json:"id"`
	Email   string    `json:"email"`
	Created time.Time `json:"created_dt"`
}

type wirePhone struct {
	ID       int64     `json:"id"`
	Number   string    `json:"phone_number"`
	Provider string    `json:"provider"`
	Created  time.Time `json:"created_dt"`
}

// scope is the one identity of the call, or all of the account's.
func (c *call) scope() []*identity {
	if c.id != nil {
		return []*identity{c.id}
	}
	return c.s.identitiesOf(c.acct)
}

func (c *call) listEmails() (reply, error) {
	out := []wireEmail{}
	for _, id := range c.scope() {
		r := id.snapshot()
		out = append(out, wireEmail{r.EmailID, r.Inbox, r.Created})
	}
	return ok(out)
}

func (c *call) listPhones() (reply, error) {
	out := []wirePhone{}
	for _, id := range c.scope() {
		if r := id.snapshot(); r.Phone != "" {
			out = append(out, wirePhone{r.PhoneID, r.Phone, "twilio", r.PhoneAt})
		}
	}
	return ok(out)
}

func (c *call) listDomains() (reply, error) {
	return ok([]map[string]any{{
		"uuid": "00000000-0000-4000-8000-000000000001", "domain": c.s.cfg.Domain,
		"is_platform": true, "is_verified": true, "created_dt": time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}})
}
