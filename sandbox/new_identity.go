package sandbox

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// wireIdentity is an identity as it travels (docs/ravi-api.md#identities).
type wireIdentity struct {
	UUID    string    `json:"uuid"`
	Name    string    `json:"name"`
	Inbox   string    `json:"inbox"`
	Phone   *string   `json:"phone"`
	Created time.Time `json:"created_dt"`
	Updated time.Time `json:"updated_dt"`
	APIKey  string    `json:"api_key,omitempty"`
}

func (s *Server) wireIdentity(r identityRec) wireIdentity {
	w := wireIdentity{UUID: r.UUID, Name: r.Name, Inbox: r.Inbox, Created: r.Created, Updated: r.Updated}
	if r.Phone != "" {
		w.Phone = &r.Phone
	}
	return w
}

func (c *call) listIdentities() (reply, error) {
	out := []wireIdentity{}
	for _, id := range c.s.identitiesOf(c.acct) {
		out = append(out, c.s.wireIdentity(id.snapshot()))
	}
	return ok(out)
}

func (s *Server) identitiesOf(a *account) []*identity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(a.identities)
}

func (c *call) createIdentity() (reply, error) {
	f := c.fields()
	var n NewIdentity
	n.Name, _ = f.text("name", need{noBlank: true, max: 100})
	n.Email, _ = f.text("email", need{noBlank: true, max: 254})
	n.ProvisionPhone, _ = f.boolean("provision_phone")
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	id, key, err := s.addIdentity(c.acct, n)
	if err != nil {
		return reply{}, err
	}
	w := s.wireIdentity(id.rec)
	w.APIKey = key
	return created(w)
}

// NewIdentity describes an identity to make.
type NewIdentity struct {
	// Name of the identity; one is invented when empty.
	Name string `json:"name"`
	// Email is a local part or a full address; made from the name when empty.
	Email string `json:"email"`
	// ProvisionPhone gives it a number; in the token era every identity has one.
	ProvisionPhone bool `json:"provision_phone"`
}

// IdentityInfo describes an identity to the program that runs the server.
type IdentityInfo struct {
	UUID         string `json:"uuid"`
	Name         string `json:"name"`
	Inbox        string `json:"inbox"`
	Phone        string `json:"phone"`
	Account      string `json:"account"`       // address of the account
	Key          string `json:"key,omitempty"` // identity key; only from CreateIdentity in the key era
	Messages     int    `json:"messages"`      // mail and texts, in and out
	EmailID      int64  `json:"email_id"`
	PhoneID      int64  `json:"phone_id"`
	EventStreams int    `json:"event_streams"` // open now
}

// CreateIdentity makes an identity without going through the API. It fails as the API would: the
// text of the error names the status.
func (s *Server) CreateIdentity(account string, n NewIdentity) (IdentityInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.byEmail[accountEmail(account)]
	if a == nil {
		return IdentityInfo{}, ErrNoAccount
	}
	id, key, err := s.addIdentity(a, n)
	if err != nil {
		return IdentityInfo{}, fmt.Errorf("sandbox: create identity: %w", err)
	}
	info := s.info(id)
	info.Key = key
	return info, nil
}

// Identities lists all identities of all accounts, in order of creation.
func (s *Server) Identities() []IdentityInfo {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]IdentityInfo, 0, len(s.identities))
	for _, id := range s.identities {
		out = append(out, s.info(id))
	}
	slices.SortFunc(out, func(a, b IdentityInfo) int { return int(a.EmailID - b.EmailID) })
	return out
}

func (s *Server) info(id *identity) IdentityInfo {
	id.mu.Lock()
	defer id.mu.Unlock()
	return IdentityInfo{UUID: id.uuid, Name: id.rec.Name, Inbox: id.rec.Inbox, Phone: id.rec.Phone,
		Account: id.acct.rec.Email, Messages: len(id.emails) + len(id.sms), EmailID: id.rec.EmailID,
		PhoneID: id.rec.PhoneID, EventStreams: s.streams.count(id.uuid)}
}

// addIdentity makes an identity. Server.mu must be held for writing.
func (s *Server) addIdentity(a *account, n NewIdentity) (id *identity, key string, err error) {
	if a.rec.NoPlan {
		return nil, "", planRequired()
	}
	if n.Name == "" {
		n.Name = inventedName(len(a.identities))
	}
	addr, err := s.chooseAddress(n)
	if err != nil {
		return nil, "", err
	}
	now := s.now()
	rec := identityRec{ID: s.nextID(), UUID: newUUID(), Account: a.rec.ID, Name: n.Name,
		Inbox: addr, EmailID: s.nextID(), Created: now, Updated: now}
	if n.ProvisionPhone || s.cfg.Era == EraTokens {
		rec.Phone, rec.PhoneID, rec.PhoneAt = s.nextPhone(), s.nextID(), now
	}
	ops := []op{{bucket: bucketIdentities, key: rec.UUID, value: rec}}
	var k *keyRec
	if s.cfg.Era == EraKeys {
		k = &keyRec{Key: "ravi_id_" + randomHex(20), Account: a.rec.ID, Identity: rec.UUID, Label: "created", Created: now}
		key = k.Key
		ops = append(ops, op{bucket: bucketKeys, key: key, value: k})
	}
	if err := s.save(ops...); err != nil {
		return nil, "", err
	}
	id = newIdentity(a, rec)
	s.index(id)
	if k != nil {
		s.keys[key] = k
	}
	return id, key, nil
}

// index makes an identity known. Server.mu must be held for writing.
func (s *Server) index(id *identity) {
	s.identities[id.uuid] = id
	s.addresses[addressKey(id.rec.Inbox)] = id
	if id.rec.Phone != "" {
		s.phones[id.rec.Phone] = id
	}
	id.acct.identities = append(id.acct.identities, id)
}

// nextPhone gives out fictitious numbers, none twice.
func (s *Server) nextPhone() string {
	for {
		s.lastPhone++
		n := fmt.Sprintf("+1555%07d", 2000000+s.lastPhone%7999999)
		if _, taken := s.phones[n]; !taken {
			return n
		}
	}
}

var (
	localPart = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,28}[a-z0-9]$`)
	notSlug   = regexp.MustCompile(`[^a-z0-9]+`)
)

// chooseAddress checks a requested address (docs/ravi-api.md#identities), or makes one from the
// name.
func (s *Server) chooseAddress(n NewIdentity) (string, error) {
	if n.Email != "" {
		local, domain, full := strings.Cut(n.Email, "@")
		if full && domain != s.cfg.Domain {
			return "", field("email", "This domain is not available.")
		}
		if !localPart.MatchString(local) || strings.Contains(local, "..") || strings.Contains(local, "--") {
			return "", field("email", "Use 3-30 characters: lowercase letters, digits, dots and hyphens.")
		}
		addr := local + "@" + s.cfg.Domain
		if _, taken := s.addresses[addressKey(addr)]; taken {
			return "", detail(409, "This email address is already taken.")
		}
		return addr, nil
	}
	slug := cmp.Or(strings.Trim(notSlug.ReplaceAllString(strings.ToLower(n.Name), "-"), "-"), "agent")
	if len(slug) < 3 {
		slug += "-agent"
	}
	for i := 1; ; i++ {
		tail := ""
		if i > 1 {
			tail = "-" + strconv.Itoa(i)
		}
		head := strings.TrimRight(slug[:min(len(slug), 30-len(tail))], "-")
		addr := head + tail + "@" + s.cfg.Domain
		if _, taken := s.addresses[addr]; !taken {
			return addr, nil
		}
	}
}

func inventedName(n int) string {
	first := []string{"Sarah", "James", "Mira", "Oskar", "Ines", "Tomas", "Lena", "Noel"}
	last := []string{"Johnson", "Keller", "Novak", "Silva", "Brandt", "Moreau", "Okafor"}
	return first[n%len(first)] + " " + last[n%len(last)]
}
