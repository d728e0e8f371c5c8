package ravi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"ravi-mcp/ravi/secret"
)

// tokenAuthority authorises by JWT (eras 1 and 2).
type tokenAuthority struct {
	main     *pair // unbound, or bound where there is no other
	second   *pair // a bound pair beside an unbound one; or nil
	isBound  bool  // main is bound
	identity string
}

func newTokenAuthority(c *Client) *tokenAuthority {
	a := &tokenAuthority{isBound: c.creds.Bound, identity: c.creds.IdentityUUID}
	a.main = newPair(c, c.creds.AccessToken, c.creds.RefreshToken, c.creds.ExpiresAt, c.creds.AuthFile)
	if uuid := claimsOf(c.creds.AccessToken).Identity; uuid != "" {
		a.isBound, a.identity = true, uuid
	}
	if !c.creds.BoundAccessToken.Empty() && !a.isBound {
		a.second = newPair(c, c.creds.BoundAccessToken, c.creds.BoundRefreshToken, time.Time{}, c.creds.BoundFile)
		if uuid := claimsOf(c.creds.BoundAccessToken).Identity; uuid != "" {
			a.identity = uuid
		}
	}
	return a
}

func (a *tokenAuthority) grant(ctx context.Context, k call) (grant, error) {
	g := grant{}
	p := a.main
	if k.who == asIdentity {
		switch {
		case a.isBound:
			if a.identity != "" && !strings.EqualFold(a.identity, k.identity) {
				return grant{}, &Error{Kind: ErrWrongIdentity}
			}
		case a.second != nil && strings.EqualFold(a.identity, k.identity):
			p, g.origin = a.second, fromBound
		default:
			g.header = k.identity
		}
	}
	g.bearer = p.token(ctx)
	return g, nil
}

func (a *tokenAuthority) refused(ctx context.Context, k *call, g grant, failed *Error) (bool, error) {
	if failed.Status != http.StatusUnauthorized || k.refreshed {
		return false, nil
	}
	p := a.main
	if g.origin == fromBound {
		p = a.second
	}
	var err error
	k.refreshed, err = p.renew(ctx, g.bearer)
	return err == nil, err
}

func (a *tokenAuthority) bound() (string, bool) {
	if !a.isBound {
		return "", false
	}
	return a.identity, true
}

func (a *tokenAuthority) created(string, secret.Secret) {}
func (a *tokenAuthority) deleted(string)                {}
