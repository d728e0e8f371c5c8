package ravi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
)

// How a device login can end without one, for errors.Is.
var (
	// ErrLoginPending: the user has not decided yet.
	ErrLoginPending = errors.New("the login is not approved yet")
	// ErrLoginExpired: the code has expired; start again.
	ErrLoginExpired = errors.New("the login code has expired")
	// ErrLoginDenied: the login was refused.
	ErrLoginDenied = errors.New("the login was refused")
	// errSlowDown: asked too often (RFC 8628).
	errSlowDown = errors.New("asked too often")
)

const deviceTokenRoute = "/api/auth/device/token/"

// DeviceCode is a login that waits for its user (docs/ravi-api.md#device-login).
type DeviceCode struct {
	// UserCode is what the user enters at VerificationURI.
	UserCode        string
	VerificationURI string
	// ExpiresIn is how long there is to do so, Interval how often to ask.
	ExpiresIn, Interval time.Duration

	device secret.Secret
}

// UnmarshalJSON reads a device code leniently.
func (d *DeviceCode) UnmarshalJSON(data []byte) error {
	var aux struct {
		Device    looseText `json:"device_code"`
		User      looseText `json:"user_code"`
		URI       looseText `json:"verification_uri"`
		ExpiresIn looseInt  `json:"expires_in"`
		Interval  looseInt  `json:"interval"`
	}
	if err := decodeObject(data, &aux); err != nil {
		return err
	}
	*d = DeviceCode{
		UserCode: string(aux.User), VerificationURI: string(aux.URI), device: secret.New(string(aux.Device)),
		ExpiresIn: seconds(aux.ExpiresIn, 900), Interval: seconds(aux.Interval, 5),
	}
	return nil
}

// seconds turns a number of seconds into a duration between one second and a day.
func seconds(n looseInt, otherwise int64) time.Duration {
	if n <= 0 {
		n = looseInt(otherwise)
	}
	return time.Duration(min(int64(n), 86400)) * time.Second
}

// Login is what a completed device login brings: tokens in eras 1 and 2, API keys later.
type Login struct {
	AccessToken, RefreshToken  secret.Secret
	ManagementKey, IdentityKey secret.Secret
	// Identity is the one that IdentityKey is for; it comes on sign-up.
	Identity *Identity
	// Identities are those of the account, as far as Ravi says.
	Identities []Identity
	User       User
}

// UnmarshalJSON reads a login leniently.
func (l *Login) UnmarshalJSON(data []byte) error {
	var aux struct {
		Access     looseText       `json:"access"`
		Refresh    looseText       `json:"refresh"`
		Management looseText       `json:"management_key"`
		Key        looseText       `json:"identity_key"`
		Identity   json.RawMessage `json:"identity"`
		Identities json.RawMessage `json:"identities"`
		User       json.RawMessage `json:"user"`
	}
	if err := decodeObject(data, &aux); err != nil {
		return err
	}
	*l = Login{
		AccessToken: secret.New(string(aux.Access)), RefreshToken: secret.New(string(aux.Refresh)),
		ManagementKey: secret.New(string(aux.Management)), IdentityKey: secret.New(string(aux.Key)),
	}
	var identity Identity
	if decode(aux.Identity, &identity) == nil && identity.valid() {
		l.Identity = &identity
	}
	if p, err := decodePage[Identity](aux.Identities); err == nil {
		l.Identities = p.items
	}
	_ = decode(aux.User, &l.User)
	return nil
}

// Credentials returns the login as config.Save and Config take it.
func (l *Login) Credentials() config.Credentials {
	c := config.Credentials{UserEmail: l.User.Email}
	if l.ManagementKey.Empty() && l.IdentityKey.Empty() {
		c.Scheme, c.AccessToken, c.RefreshToken = config.SchemeToken, l.AccessToken, l.RefreshToken
		return c
	}
	c.Scheme, c.ManagementKey, c.IdentityKey = config.SchemeKey, l.ManagementKey, l.IdentityKey
	if l.Identity != nil && !l.IdentityKey.Empty() {
		c.IdentityUUID, c.IdentityName = l.Identity.UUID, l.Identity.Name
	}
	return c
}

// StartLogin begins a device login. It needs no credential.
func (c *Client) StartLogin(ctx context.Context) (*DeviceCode, error) {
	k := call{op: "start login", method: http.MethodPost, route: "/api/auth/device/", who: asAnonymous, repeat: true}
	d, err := one[DeviceCode](ctx, c, k)
	if err == nil && d.device.Empty() {
		return nil, malformed(k.op)
	}
	return d, err
}

// PollLogin asks once whether the user has decided.
//
// Errors: ErrLoginPending, ErrLoginExpired, ErrLoginDenied.
func (c *Client) PollLogin(ctx context.Context, d *DeviceCode) (*Login, error) {
	k := call{op: "wait for login", method: http.MethodPost, route: deviceTokenRoute, who: asAnonymous}
	k.body = secretField("device_code", d.device)
	l, err := one[Login](ctx, c, k)
	if err == nil && l.AccessToken.Empty() && l.ManagementKey.Empty() && l.IdentityKey.Empty() {
		return nil, malformed(k.op)
	}
	return l, err
}

// WaitLogin polls until the user has decided, as often as Ravi allows, and slower when it says so.
//
// Errors: ErrLoginExpired, also when ExpiresIn is over; ErrLoginDenied; the context's.
func (c *Client) WaitLogin(ctx context.Context, d *DeviceCode) (*Login, error) {
	end := time.Now().Add(d.ExpiresIn)
	interval := d.Interval
	for {
		if !sleep(ctx, interval) {
			return nil, &Error{Op: "wait for login", Kind: ErrUnavailable, Cause: context.Cause(ctx)}
		}
		l, err := c.PollLogin(ctx, d)
		switch {
		case errors.Is(err, errSlowDown):
			interval += 5 * time.Second // RFC 8628 section 3.5
		case err == nil || !errors.Is(err, ErrLoginPending) && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrRateLimited):
			return l, err
		}
		if time.Now().After(end) {
			return nil, &Error{Op: "wait for login", Kind: ErrLoginExpired}
		}
	}
}

// loginKind reads the state of a device login from an error body.
func loginKind(body []byte) error {
	var state struct {
		Error string `json:"error"`
	}
	_ = decode(body, &state)
	switch state.Error {
	case "authorization_pending":
		return ErrLoginPending
	case "slow_down":
		return errSlowDown
	case "expired_token":
		return ErrLoginExpired
	case "":
		return ErrInvalid
	}
	return ErrLoginDenied
}

// Logout makes the account's tokens invalid, here and everywhere (eras 1 and 2). It changes no
// file.
func (c *Client) Logout(ctx context.Context) error {
	_, err := c.do(ctx, call{op: "log out", method: http.MethodPost, route: "/api/auth/logout/", who: asAccount})
	return err
}

// BindIdentity mints a token pair that is good for one identity only (era 2).
func (c *Client) BindIdentity(ctx context.Context, identityUUID string) (config.Tokens, error) {
	k := call{op: "bind identity", method: http.MethodPost, route: "/api/auth/bind-identity/", who: asAccount}
	k.body = map[string]string{"identity": identityUUID}
	got, err := one[refreshAnswer](ctx, c, k)
	if err != nil {
		return config.Tokens{}, err
	}
	if got.Access.Empty() || got.Refresh.Empty() {
		return config.Tokens{}, malformed(k.op)
	}
	return config.Tokens{Access: got.Access, Refresh: got.Refresh, ExpiresAt: claimsOf(got.Access).expiry()}, nil
}
