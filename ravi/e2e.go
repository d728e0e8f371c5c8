package ravi

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"

	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/seal"
	"ravi-mcp/ravi/secret"
)

// EncryptionMetadata is what Ravi stores about an account's end-to-end encryption
// (docs/ravi-api.md#encryption-metadata). PublicKey is empty when it was never set up.
type EncryptionMetadata struct {
	Salt      string `json:"salt"`
	Verifier  string `json:"verifier"`
	PublicKey string `json:"public_key"`
}

// UnmarshalJSON reads the metadata, overlooking fields of another type.
func (m *EncryptionMetadata) UnmarshalJSON(data []byte) error {
	type plain EncryptionMetadata
	return decodeObject(data, (*plain)(m))
}

// EncryptionMetadata returns the account's encryption metadata; nil for an account that encrypts
// nothing, which Ravi tells by 404.
func (c *Client) EncryptionMetadata(ctx context.Context) (*EncryptionMetadata, error) {
	m, err := send[EncryptionMetadata](ctx, c, call{op: "get encryption metadata", method: http.MethodGet, route: "/api/encryption/", who: asAccount})
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return m, err
}

// Unlock derives the account's keys from its PIN (six digits), checks them against Ravi's verifier
// and public key, and uses them from now on. The keys are returned in base64 for config.Save, with
// the salt. The PIN is overwritten in any case. An account that encrypts nothing returns empty
// secrets.
//
// Errors: seal.ErrPIN; seal.ErrWrongPIN, after which the caller may ask again.
func (c *Client) Unlock(ctx context.Context, pin []byte) (private, public, salt secret.Secret, err error) {
	defer clear(pin)
	var none secret.Secret
	m, err := c.EncryptionMetadata(ctx)
	if err != nil || m == nil || m.PublicKey == "" {
		return none, none, none, err
	}
	rawSalt, err := base64.StdEncoding.DecodeString(m.Salt)
	if err != nil {
		return none, none, none, malformed("unlock")
	}
	keys, err := seal.DeriveKeys(pin, rawSalt)
	if err != nil {
		return none, none, none, err
	}
	if err := keys.Check(m.Verifier, m.PublicKey); err != nil {
		keys.Clear()
		return none, none, none, err
	}
	c.keys.Store(&keys)
	return keys.Private(), keys.Public(), secret.New(m.Salt), nil
}

// RegisterEncryption sets up end-to-end encryption for an account that has none, with keys derived
// from a new PIN and salt (16 random bytes). It cannot be undone, and only the PIN opens what is
// sealed from then on. The PIN is overwritten.
func (c *Client) RegisterEncryption(ctx context.Context, pin, salt []byte) (private, public secret.Secret, err error) {
	defer clear(pin)
	keys, err := seal.DeriveKeys(pin, salt)
	if err != nil {
		return private, public, err
	}
	verifier, err := keys.Verifier()
	if err != nil {
		return private, public, err
	}
	body := struct {
		Salt      string `json:"salt"`
		PublicKey string `json:"public_key"`
		Verifier  string `json:"verifier"`
	}{base64.StdEncoding.EncodeToString(salt), keys.Public().Reveal(), verifier}
	_, err = c.do(ctx, call{op: "register encryption", method: http.MethodPatch, route: "/api/encryption/", body: body, who: asAccount})
	if err != nil {
		keys.Clear()
		return private, public, err
	}
	c.keys.Store(&keys)
	return keys.Private(), keys.Public(), nil
}

// seal returns a value as it goes to Ravi: sealed for an account with keys, plain for one without.
// The empty value stays empty.
func (c *Client) seal(ctx context.Context, v secret.Secret) (string, error) {
	if v.Empty() || c.creds.Scheme != config.SchemeToken || c.creds.Plaintext {
		return v.Reveal(), nil
	}
	if keys := c.keys.Load(); keys != nil {
		return keys.Seal(v)
	}
	keys := c.sealing.Load()
	if keys == nil {
		learned, err := c.learnSealing(ctx)
		if err != nil {
			return "", err
		}
		keys = &learned
		c.sealing.Store(keys)
	}
	if !keys.CanSeal() {
		return v.Reveal(), nil
	}
	return keys.Seal(v)
}

// learnSealing asks Ravi for the account's public key, which is enough to write, though not to read
// what was written. An account that encrypts nothing has none.
func (c *Client) learnSealing(ctx context.Context) (seal.Keys, error) {
	m, err := c.EncryptionMetadata(ctx)
	if err != nil || m == nil {
		return seal.Keys{}, err
	}
	keys, err := seal.ParseKeys(secret.Secret{}, secret.New(m.PublicKey))
	if err != nil {
		return seal.Keys{}, malformed("get encryption metadata")
	}
	return keys, nil
}

// open returns the plain value of a field, or the field as it is and false when there is no key
// that opens it.
func (c *Client) open(v string) (secret.Secret, bool) {
	if !seal.Is(v) || c.creds.Plaintext {
		return secret.New(v), true
	}
	if keys := c.keys.Load(); keys != nil {
		if opened, err := keys.Open(v); err == nil {
			return opened, true
		}
	}
	return secret.New(v), false
}

// openText opens fields in place and reports whether all of them are plain now.
func (c *Client) openText(fields ...*string) bool {
	all := true
	for _, field := range fields {
		if !seal.Is(*field) {
			continue
		}
		opened, ok := c.open(*field)
		*field = opened.Reveal()
		all = all && ok
	}
	return all
}

// sealedField is a field of a request body, and the value that it gets.
type sealedField struct {
	to   **string
	from *secret.Secret // nil: the field stays absent
}

// sealed fills fields of a body with values as they go to Ravi.
func (s *Scope) sealed(ctx context.Context, fields ...sealedField) error {
	for _, field := range fields {
		if field.from == nil {
			continue
		}
		v, err := s.c.seal(ctx, *field.from)
		if err != nil {
			return err
		}
		*field.to = &v
	}
	return nil
}

func nonEmpty(v *secret.Secret) *secret.Secret {
	if v.Empty() {
		return nil
	}
	return v
}

// unsealed returns an entry in plain, or ErrLocked.
func unsealed[E any](c *Client, op string, w interface{ entry(*Client) (*E, bool) }) (*E, error) {
	entry, plain := w.entry(c)
	if !plain {
		return nil, locked(op)
	}
	return entry, nil
}

// withoutValues returns the entries of a list, whose values are never decrypted.
func withoutValues[E, W any, P interface {
	*W
	entry(*Client) (*E, bool)
	hide()
}](c *Client, found []W, err error) ([]E, error) {
	if err != nil {
		return nil, err
	}
	entries := make([]E, len(found))
	for i := range found {
		P(&found[i]).hide()
		entry, _ := P(&found[i]).entry(c)
		entries[i] = *entry
	}
	return entries, nil
}

// locked is the error for an object with a field that cannot be opened.
func locked(op string) *Error {
	return &Error{Op: op, Kind: ErrLocked, Detail: "log in with ravi-mcp login --unlock, so that auth.json has the account's keys"}
}
