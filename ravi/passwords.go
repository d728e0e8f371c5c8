package ravi

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ravi-mcp/ravi/secret"
)

// wirePassword is a PasswordEntry as Ravi sends it.
type wirePassword struct {
	UUID     string    `json:"uuid"`
	Domain   string    `json:"domain"`
	Username looseText `json:"username"`
	Password looseText `json:"password"`
	Notes    looseText `json:"notes"`
	hasNotes *bool
	Created  looseTime `json:"created_dt"`
	Updated  looseTime `json:"updated_dt"`
}

func (w *wirePassword) UnmarshalJSON(data []byte) error {
	type plain wirePassword
	var sent struct {
		*plain
		Notes *looseText `json:"notes"`
	}
	sent.plain = (*plain)(w)
	err := decodeObject(data, &sent)
	if sent.Notes != nil {
		has := *sent.Notes != ""
		w.Notes, w.hasNotes = *sent.Notes, &has
	}
	return err
}

func (w *wirePassword) valid() bool { return w.UUID != "" }

// entry opens the fields and reports whether all are plain now.
func (w *wirePassword) entry(c *Client) (*PasswordEntry, bool) {
	username := string(w.Username)
	ok := c.openText(&username)
	password, okPassword := c.open(string(w.Password))
	notes, okNotes := c.open(string(w.Notes))
	return &PasswordEntry{
		UUID: w.UUID, Domain: w.Domain, Username: username, Password: password, Notes: notes, HasNotes: w.hasNotes,
		Created: time.Time(w.Created), Updated: time.Time(w.Updated),
	}, ok && okPassword && okNotes
}

func (w *wirePassword) hide() { w.Password, w.Notes = "", "" }

// Passwords returns the stored credentials without passwords and notes. A username that no key
// opens stays ciphertext.
func (s *Scope) Passwords(ctx context.Context) ([]PasswordEntry, error) {
	found, err := list[wirePassword](ctx, s.c, s.get("list passwords", "/api/passwords/"))
	return withoutValues[PasswordEntry](s.c, found, err)
}

// Password returns one stored credential with its password.
//
// Errors: ErrNotFound, ErrLocked.
func (s *Scope) Password(ctx context.Context, uuid string) (*PasswordEntry, error) {
	k := s.get("get password", "/api/passwords/{uuid}/", uuid)
	w, err := one[wirePassword](ctx, s.c, k)
	if err != nil {
		return nil, err
	}
	return unsealed(s.c, k.op, w)
}

// NewPassword is a credential to store. Ravi cleans Domain to its base domain (mail.google.com
// becomes google.com).
type NewPassword struct {
	Domain   string
	Username string
	// Password is the password. Without one a Ravi of era 3 or later makes one and returns it; an
	// earlier one stores none.
	Password secret.Secret
	Notes    secret.Secret
}

type passwordBody struct {
	Domain   *string `json:"domain,omitempty"`
	Username *string `json:"username,omitempty"`
	Password *string `json:"password,omitempty"`
	Notes    *string `json:"notes,omitempty"`
}

// CreatePassword stores a credential and returns it in plain. When the answer is lost, it is looked
// up by domain and username before it is sent once more.
//
// Errors: ErrInvalid with the refused fields.
func (s *Scope) CreatePassword(ctx context.Context, n NewPassword) (*PasswordEntry, error) {
	body := passwordBody{Domain: &n.Domain}
	username := secret.New(n.Username)
	err := s.sealed(ctx, sealedField{&body.Username, nonEmpty(&username)}, sealedField{&body.Password, nonEmpty(&n.Password)}, sealedField{&body.Notes, nonEmpty(&n.Notes)})
	if err != nil {
		return nil, err
	}
	w, err := once(ctx, s.c, s.post("create password", "/api/passwords/", body), func(since time.Time) (*wirePassword, error) { return s.findPassword(ctx, n, since) })
	if err != nil {
		return nil, err
	}
	entry, plain := w.entry(s.c)
	if !plain { // written with the public key alone: what was sent is known
		entry.Username, entry.Password, entry.Notes = n.Username, n.Password, n.Notes
	}
	return entry, nil
}

// findPassword looks for an entry whose creation was not answered.
func (s *Scope) findPassword(ctx context.Context, n NewPassword, since time.Time) (*wirePassword, error) {
	all, err := s.Passwords(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.Username == n.Username && !e.Created.Before(since) && sameDomain(n.Domain, e.Domain) {
			return one[wirePassword](ctx, s.c, s.get("get password", "/api/passwords/{uuid}/", e.UUID))
		}
	}
	return nil, nil
}

// sameDomain reports whether base may be what Ravi made of a domain or a URL.
func sameDomain(given, base string) bool {
	host := lowerASCII(given)
	if _, rest, ok := strings.Cut(host, "://"); ok {
		host = rest
	}
	host, _, _ = strings.Cut(host, "/")
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host, base = strings.Trim(host, "[]"), strings.Trim(lowerASCII(base), "[]")
	return host == base || strings.HasSuffix(host, "."+base)
}

// lowerASCII leaves other letters alone: U+0130 lowered is i, and another host.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// PasswordUpdate changes a credential. Nil fields stay as they are; an empty value empties the
// field.
type PasswordUpdate struct {
	Domain   *string
	Username *string
	Password *secret.Secret
	Notes    *secret.Secret
}

// UpdatePassword changes fields of a credential and returns it in plain. Only the fields given are
// sent, and only they are sealed anew.
//
// Errors: ErrNotFound, ErrInvalid; ErrLocked when it was changed and other fields of it cannot be
// opened.
func (s *Scope) UpdatePassword(ctx context.Context, uuid string, u PasswordUpdate) (*PasswordEntry, error) {
	body := passwordBody{Domain: u.Domain}
	var username *secret.Secret
	if u.Username != nil {
		v := secret.New(*u.Username)
		username = &v
	}
	if err := s.sealed(ctx, sealedField{&body.Username, username}, sealedField{&body.Password, u.Password}, sealedField{&body.Notes, u.Notes}); err != nil {
		return nil, err
	}
	k := s.patch("update password", "/api/passwords/{uuid}/", body, uuid)
	w, err := send[wirePassword](ctx, s.c, k)
	if err != nil {
		return nil, err
	}
	if w == nil || !w.valid() {
		return s.Password(ctx, uuid)
	}
	return unsealed(s.c, k.op, w)
}

// DeletePassword deletes a credential.
//
// Errors: ErrNotFound.
func (s *Scope) DeletePassword(ctx context.Context, uuid string) error {
	return s.remove(ctx, "delete password", "/api/passwords/{uuid}/", uuid)
}

// PasswordRules is what a generated password is made of. The zero value leaves everything to Ravi.
type PasswordRules struct {
	Length                                        int // 0 = Ravi's choice; the official client asks for 16
	NoUppercase, NoLowercase, NoDigits, NoSpecial bool
	Exclude                                       string // characters not to use
}

// GeneratePassword returns a new password from Ravi's generator. It is stored nowhere.
func (s *Scope) GeneratePassword(ctx context.Context, r PasswordRules) (secret.Secret, error) {
	k := s.get("generate password", "/api/passwords/generate-password/")
	k.query = url.Values{}
	if r.Length > 0 {
		k.query.Set("length", strconv.Itoa(r.Length))
	}
	for name, off := range map[string]bool{"uppercase": r.NoUppercase, "lowercase": r.NoLowercase, "digits": r.NoDigits, "special": r.NoSpecial} {
		if off {
			k.query.Set(name, "false")
		}
	}
	if r.Exclude != "" {
		k.query.Set("exclude_chars", r.Exclude)
	}
	got, err := one[struct {
		Password secret.Secret `json:"password"`
	}](ctx, s.c, k)
	if err != nil {
		return secret.Secret{}, err
	}
	if got.Password.Empty() {
		return secret.Secret{}, malformed(k.op)
	}
	return got.Password, nil
}
