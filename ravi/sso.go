package ravi

import (
	"context"
	"net/http"
	"time"

	"ravi-mcp/ravi/secret"
)

// SSOToken lets the identity sign in at a service that trusts Ravi. It is good for five minutes.
type SSOToken struct {
	Token     secret.Secret `json:"token"`
	ExpiresAt time.Time     `json:"expires_at"`
}

// SSOToken returns a new single-sign-on token (era 3 and later). It needs the identity's own key,
// which is minted if there is none.
//
// Errors: ErrSubscriptionRequired; ErrUnsupported in earlier eras.
func (s *Scope) SSOToken(ctx context.Context) (*SSOToken, error) {
	k := s.post("get SSO token", "/api/sso/token/", nil)
	k.needKey, k.repeat = true, true
	t, err := one[SSOToken](ctx, s.c, k)
	if err == nil && t.Token.Empty() {
		return nil, malformed(k.op)
	}
	return t, err
}

// SSOIdentity is who an SSO token speaks for, as the service that is signed in to learns it.
type SSOIdentity struct {
	UUID    string    `json:"identity_uuid"`
	Name    string    `json:"identity_name"`
	Email   string    `json:"identity_email"`
	Phone   string    `json:"identity_phone"`
	Created time.Time `json:"created_at"`
	Owner   struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	} `json:"owner"`
}

// UnmarshalJSON reads an identity leniently.
func (i *SSOIdentity) UnmarshalJSON(data []byte) error {
	type plain SSOIdentity
	return decodeObject(data, &struct {
		*plain
		Created *looseTime `json:"created_at"`
	}{(*plain)(i), (*looseTime)(&i.Created)})
}

// VerifySSO returns the identity that a token speaks for. It is for the service that is signed in
// to and needs no credential.
//
// Errors: ErrInvalid for a token that is unknown or has expired.
func (c *Client) VerifySSO(ctx context.Context, token secret.Secret) (*SSOIdentity, error) {
	return one[SSOIdentity](ctx, c, call{
		op: "verify SSO token", method: http.MethodPost, route: "/api/sso/verify/",
		body: secretField("token", token), who: asAnonymous, repeat: true,
	})
}

// UnmarshalJSON reads a token leniently.
func (t *SSOToken) UnmarshalJSON(data []byte) error {
	type plain SSOToken
	return decodeObject(data, &struct {
		*plain
		Token     *looseSecret `json:"token"`
		ExpiresAt *looseTime   `json:"expires_at"`
	}{(*plain)(t), (*looseSecret)(&t.Token), (*looseTime)(&t.ExpiresAt)})
}
