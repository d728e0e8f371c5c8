package sandbox

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// passwordRec is a password entry, stored as it travels (docs/ravi-api.md#passwords).
type passwordRec struct {
	entry
	Domain   string `json:"domain"`
	Username string `json:"username"`
	Password string `json:"password"`
	Notes    string `json:"notes"`
}

var passwords = collection[passwordRec, *passwordRec]{
	model: "PasswordEntry", bucket: bucketPasswords, sealed: []string{"username", "password", "notes"}, bodyFirst: true,
	in: func(i *identity) *[]passwordRec { return &i.passwords },
	read: func(c *call, f *fields, p *passwordRec, isNew bool) {
		if v, sent := f.text("domain", need{required: isNew, noBlank: true, max: 2000}); sent {
			if p.Domain = cleanDomain(v); p.Domain == "" {
				f.fail("domain", "Enter a valid domain.")
			}
		}
		f.set(&p.Username, "username", need{})
		f.set(&p.Password, "password", need{})
		f.set(&p.Notes, "notes", need{})
		if isNew && p.Password == "" && c.s.cfg.Era == EraKeys {
			p.Password = generatePassword(16, upperCase, lowerCase, digits, special)
		}
	},
}

func (c *call) listPasswords() (reply, error) {
	all := passwords.list(c, nil)
	if !c.s.cfg.HidePasswords {
		return ok(all)
	}
	type hidden struct {
		entry
		Domain   string `json:"domain"`
		Username string `json:"username"`
	}
	out := []hidden{}
	for _, p := range all {
		out = append(out, hidden{p.entry, p.Domain, p.Username})
	}
	return ok(out)
}

// cleanDomain reduces a URL or a host to its registrable domain, as Ravi does
// (mail.google.com/inbox becomes google.com). Hosts without one (localhost, addresses, a bare
// public suffix) stay as they are. Empty for nonsense.
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
