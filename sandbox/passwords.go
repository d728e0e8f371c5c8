package sandbox

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// passwordRec is PasswordEntry of API.md section 2.6, stored as it travels.
type passwordRec struct {
	UUID     string    `json:"uuid"`
	Identity int64     `json:"identity"`
	Domain   string    `json:"domain"`
	Username string    `json:"username"`
	Password string    `json:"password"`
	Notes    string    `json:"notes"`
	Created  time.Time `json:"created_dt"`
	Updated  time.Time `json:"updated_dt"`
}

// cleanDomain reduces a URL or a host to its registrable domain, as Ravi does
// (mail.google.com/inbox becomes google.com). Hosts without one (localhost,
// addresses, a bare public suffix) stay as they are. Empty for nonsense.
func cleanDomain(v string) string {
	v = strings.TrimSpace(v)
	if !strings.Contains(v, "://") {
		v = "https://" + v
	}
	u, err := url.Parse(v)
	if err != nil {
		return ""
	}
	host := strings.TrimRight(strings.ToLower(u.Hostname()), ".")
	if host == "" || host[0] == '.' || strings.Contains(host, "..") || strings.ContainsAny(host, " \t<>\"'") {
		return ""
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	if base, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return base
	}
	return host
}

func (c *call) listPasswords() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	if c.s.cfg.HidePasswords {
		type hidden struct {
			UUID     string    `json:"uuid"`
			Identity int64     `json:"identity"`
			Domain   string    `json:"domain"`
			Username string    `json:"username"`
			Created  time.Time `json:"created_dt"`
			Updated  time.Time `json:"updated_dt"`
		}
		out := []hidden{}
		for _, p := range c.id.passwords {
			out = append(out, hidden{p.UUID, p.Identity, p.Domain, p.Username, p.Created, p.Updated})
		}
		return ok(out)
	}
	out := []passwordRec{}
	for _, p := range c.id.passwords {
		out = append(out, *p)
	}
	return ok(out)
}

func (c *call) createPassword() (reply, error) {
	f, err := c.fields()
	if err != nil {
		return reply{}, err
	}
	now := c.s.now()
	p := &passwordRec{UUID: newUUID(), Created: now, Updated: now}
	p.Domain, _ = f.text("domain", need{required: true, noBlank: true, max: 2000})
	p.Username, _ = f.text("username", need{})
	p.Password, _ = f.text("password", need{})
	p.Notes, _ = f.text("notes", need{})
	c.checkSealed(f, "username", "password", "notes")
	if p.Domain != "" {
		if p.Domain = cleanDomain(p.Domain); p.Domain == "" {
			f.fail("domain", "Enter a valid domain.")
		}
	}
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	if p.Password == "" && c.s.cfg.Era == EraKeys {
		if p.Password, err = generatePassword(defaultRules()); err != nil {
			return reply{}, err
		}
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	if c.id.deleted {
		return reply{}, noMatch("Identity")
	}
	p.Identity = c.id.rec.ID
	if err := c.s.save(op{bucket: bucketPasswords, key: c.id.key(p.UUID), value: p}); err != nil {
		return reply{}, err
	}
	c.id.passwords = append(c.id.passwords, p)
	return created(*p)
}

// findPassword returns the place of the entry named in the path. identity.mu
// must be held.
func (c *call) findPassword() (int, error) {
	i := slices.IndexFunc(c.id.passwords, func(p *passwordRec) bool { return p.UUID == strings.ToLower(c.arg(0)) })
	if i < 0 {
		return 0, noMatch("PasswordEntry")
	}
	return i, nil
}

func (c *call) getPassword() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	i, err := c.findPassword()
	if err != nil {
		return reply{}, err
	}
	return ok(*c.id.passwords[i])
}

func (c *call) updatePassword() (reply, error) {
	f, err := c.fields()
	if err != nil {
		return reply{}, err
	}
	domain, hasDomain := f.text("domain", need{noBlank: true, max: 2000})
	username, hasUsername := f.text("username", need{})
	password, hasPassword := f.text("password", need{})
	notes, hasNotes := f.text("notes", need{})
	c.checkSealed(f, "username", "password", "notes")
	if hasDomain {
		if domain = cleanDomain(domain); domain == "" {
			f.fail("domain", "Enter a valid domain.")
		}
	}
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	i, err := c.findPassword()
	if err != nil {
		return reply{}, err
	}
	p := *c.id.passwords[i]
	p.Domain = pick(hasDomain, domain, p.Domain)
	p.Username = pick(hasUsername, username, p.Username)
	p.Password = pick(hasPassword, password, p.Password)
	p.Notes = pick(hasNotes, notes, p.Notes)
	p.Updated = c.s.now()
	if err := c.s.save(op{bucket: bucketPasswords, key: c.id.key(p.UUID), value: p}); err != nil {
		return reply{}, err
	}
	c.id.passwords[i] = &p
	return ok(p)
}

func (c *call) deletePassword() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	i, err := c.findPassword()
	if err != nil {
		return reply{}, err
	}
	if err := c.s.save(op{bucket: bucketPasswords, key: c.id.key(c.id.passwords[i].UUID)}); err != nil {
		return reply{}, err
	}
	c.id.passwords = slices.Delete(c.id.passwords, i, i+1)
	return noContent()
}
