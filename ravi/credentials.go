package ravi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
)

// grant is what one request is authorised with.
type grant struct {
	bearer secret.Secret
	header string // X-Ravi-Identity, "" = not sent
	query  string // ?identity=, "" = not sent
	origin origin // where the bearer is from
}

// origin tells what to do when Ravi refuses a grant.
type origin int

const (
	fromToken      origin = iota // the token pair
	fromBound                    // the bound token pair
	fromManagement               // the management key
	fromConfigured               // the configured identity key
	fromKeys                     // a key of a creation, or a minted one
)

// apply puts the credential on the wire.
func (g grant) apply(header http.Header) {
	if !g.bearer.Empty() {
		header.Set("Authorization", "Bearer "+g.bearer.Reveal())
	}
	if g.header != "" {
		header.Set("X-Ravi-Identity", g.header)
	}
}

// authority authorises calls: one implementation for each scheme.
type authority interface {
	// grant returns what to send for a call.
	grant(ctx context.Context, k call) (grant, error)
	// refused is told that Ravi answered 401 or 403 to a grant, and reports whether asking for
	// another grant may help. It may change the call.
	refused(ctx context.Context, k *call, g grant, failed *Error) (again bool, err error)
	// bound returns the only identity that the credential acts for.
	bound() (uuid string, ok bool)
	// created is told of a new identity and its key, deleted of its end.
	created(uuid string, key secret.Secret)
	deleted(uuid string)
}

func newAuthority(c *Client) authority {
	switch c.creds.Scheme {
	case config.SchemeToken:
		return newTokenAuthority(c)
	case config.SchemeKey:
		return newKeyAuthority(c)
	}
	return noAuthority{}
}

// noAuthority is the authority of a client without a credential.
type noAuthority struct{}

func (noAuthority) grant(context.Context, call) (grant, error) {
	return grant{}, &Error{Kind: ErrNotAuthenticated}
}
func (noAuthority) refused(context.Context, *call, grant, *Error) (bool, error) { return false, nil }
func (noAuthority) bound() (string, bool)                                       { return "", false }
func (noAuthority) created(string, secret.Secret)                               {}
func (noAuthority) deleted(string)                                              {}

// Bound reports whether the credential is an identity key or a bound token, and returns the only
// identity it may act for. The uuid may be empty: an identity key from the environment does not say
// whose it is. [Client.BoundIdentity] asks Ravi then.
func (c *Client) Bound() (uuid string, ok bool) { return c.auth.bound() }

// CredentialID returns a hash that names the credential and the Ravi it is for, so that a note
// about an identity can say which credential can delete it. It stays the same when a token is
// refreshed, where the token names its user, and it cannot be turned back into the credential. It
// is empty without one.
func (c *Client) CredentialID() string {
	name := ""
	claims := claimsOf(c.creds.AccessToken)
	switch {
	case c.creds.Scheme == "":
		return ""
	case !c.creds.ManagementKey.Empty():
		name = "management " + c.creds.ManagementKey.Reveal()
	case !c.creds.IdentityKey.Empty():
		name = "identity " + c.creds.IdentityKey.Reveal()
	case claims.user() != "":
		name = "user " + claims.user() + " " + claims.Identity
	case c.creds.UserEmail != "":
		name = "email " + c.creds.UserEmail
	case !c.creds.RefreshToken.Empty():
		name = "refresh " + c.creds.RefreshToken.Reveal()
	default:
		name = "access " + c.creds.AccessToken.Reveal()
	}
	sum := sha256.Sum256([]byte("ravi credential\x00" + c.base + "\x00" + name))
	return hex.EncodeToString(sum[:16])
}

// claims are the parts of a JWT that matter here. They are read, not verified: they only save
// requests, and Ravi decides.
type claims struct {
	Expires  float64 `json:"exp"`
	Issued   float64 `json:"iat"`
	UserID   any     `json:"user_id"`
	Subject  any     `json:"sub"`
	Identity string  `json:"identity_uuid"`
}

func claimsOf(token secret.Secret) claims {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return claims{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return claims{}
	}
	var c claims
	if decode(payload, &c) != nil {
		return claims{}
	}
	return c
}

func (c claims) user() string {
	for _, v := range []any{c.UserID, c.Subject} {
		switch v := v.(type) {
		case string:
			return v
		case float64:
			return fmt.Sprintf("%.0f", v)
		}
	}
	return ""
}

// maxUnix keeps a claimed time within what time.Time and JSON can hold.
const maxUnix = 253402300799 // the end of the year 9999

func (c claims) expiry() time.Time {
	if c.Expires <= 0 || c.Expires > maxUnix {
		return time.Time{}
	}
	return time.Unix(int64(c.Expires), 0)
}

// life is how long the token is good from its issue on; 0 when it does not say.
func (c claims) life() time.Duration {
	if c.Issued <= 0 || c.Expires <= c.Issued || c.Expires > maxUnix {
		return 0
	}
	return time.Duration((c.Expires - c.Issued) * float64(time.Second))
}

// secretField is the body of a request with one field.
func secretField(name string, value secret.Secret) map[string]string {
	return map[string]string{name: value.Reveal()}
}

// refreshAnswer is what a refresh returns. The refresh token may rotate.
type refreshAnswer struct {
	Access  secret.Secret `json:"access"`
	Refresh secret.Secret `json:"refresh"`
}
