package ravi

import (
	"context"
	"net/http"
	"time"

	"ravi-mcp/ravi/secret"
)

// User is the human account that owns the identities.
type User struct {
	ID        int64  `json:"id"`
	Email     string `json:"email"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

// UnmarshalJSON reads a user leniently.
func (u *User) UnmarshalJSON(data []byte) error {
	type plain User
	return decodeObject(data, &struct {
		*plain
		ID *looseInt `json:"id"`
	}{(*plain)(u), (*looseInt)(&u.ID)})
}

// User returns the account that the credential belongs to.
func (c *Client) User(ctx context.Context) (*User, error) {
	return one[User](ctx, c, call{op: "get user", method: http.MethodGet, route: "/api/auth/user/", who: asAccount})
}

// Owner is the human behind an identity. Not to be used for filling forms.
type Owner struct {
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

// UnmarshalJSON reads an owner leniently.
func (o *Owner) UnmarshalJSON(data []byte) error {
	type plain Owner
	return decodeObject(data, (*plain)(o))
}

// Owner returns the human behind the identity.
func (s *Scope) Owner(ctx context.Context) (*Owner, error) {
	return one[Owner](ctx, s.c, s.get("get owner", "/api/master/"))
}

// Domain is a domain that addresses can be created on.
type Domain struct {
	UUID       string    `json:"uuid"`
	Domain     string    `json:"domain"`
	IsPlatform bool      `json:"is_platform"` // Ravi's own
	IsVerified bool      `json:"is_verified"`
	Created    time.Time `json:"created_dt"`
}

// UnmarshalJSON reads a domain leniently.
func (d *Domain) UnmarshalJSON(data []byte) error {
	type plain Domain
	return decodeObject(data, &struct {
		*plain
		Created *looseTime `json:"created_dt"`
	}{(*plain)(d), (*looseTime)(&d.Created)})
}

// Domains returns the domains of the account.
//
// Errors: ErrUnsupported in era 1.
func (c *Client) Domains(ctx context.Context) ([]Domain, error) {
	return list[Domain](ctx, c, call{op: "list domains", method: http.MethodGet, route: "/api/domains/", who: asAccount})
}

// IdentityKey is an API key of one identity, or, without IdentityUUID, of the account. Key is shown
// by its creation only.
type IdentityKey struct {
	Key          secret.Secret `json:"key"`
	IdentityUUID string        `json:"identity_uuid"`
	Label        string        `json:"label"`
}

// UnmarshalJSON reads a key leniently.
func (k *IdentityKey) UnmarshalJSON(data []byte) error {
	type plain IdentityKey
	return decodeObject(data, &struct {
		*plain
		Key *looseSecret `json:"key"`
	}{(*plain)(k), (*looseSecret)(&k.Key)})
}

// MintIdentityKey makes a new API key for an identity, with a management key (era 3 and later). It
// is never repeated, since every key made stays valid. Scopes do this by themselves where they
// must; this is for a login.
func (c *Client) MintIdentityKey(ctx context.Context, identityUUID, label string) (*IdentityKey, error) {
	body := map[string]string{"identity_uuid": identityUUID, "label": label}
	return c.mint(ctx, "mint identity key", "/api/auth/keys/identity/", body)
}

// IdentityKeys returns the API keys of the identity, without the keys themselves.
func (s *Scope) IdentityKeys(ctx context.Context) ([]IdentityKey, error) {
	k := s.get("list identity keys", "/api/auth/keys/identity/")
	k.needKey = true
	return s.c.keysOf(ctx, k)
}

// ManagementKeys returns the API keys of the account, without the keys themselves (era 3 and
// later).
func (c *Client) ManagementKeys(ctx context.Context) ([]IdentityKey, error) {
	return c.keysOf(ctx, call{op: "list management keys", method: http.MethodGet, route: "/api/auth/keys/management/", who: asAccount})
}

func (c *Client) keysOf(ctx context.Context, k call) ([]IdentityKey, error) {
	keys, err := list[IdentityKey](ctx, c, k)
	for i := range keys {
		keys[i].Key = secret.Secret{}
	}
	return keys, err
}

// MintManagementKey makes a new API key for the account. It is never repeated.
func (c *Client) MintManagementKey(ctx context.Context, label string) (*IdentityKey, error) {
	return c.mint(ctx, "mint management key", "/api/auth/keys/management/", map[string]string{"label": label})
}

func (c *Client) mint(ctx context.Context, op, route string, body any) (*IdentityKey, error) {
	key, err := one[IdentityKey](ctx, c, call{op: op, method: http.MethodPost, route: route, who: asAccount, body: body})
	if err == nil && key.Key.Empty() {
		return nil, malformed(op)
	}
	return key, err
}
