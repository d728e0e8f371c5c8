package ravi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
)

const (
	// refreshTimeout bounds a refresh with its lock and its retries.
	refreshTimeout = 60 * time.Second
	// refreshAhead is how long before its expiry a token is refreshed, or a tenth of its life where
	// that is shorter.
	refreshAhead = 5 * time.Minute
	// refreshPause is how long a token that could not be refreshed ahead of its expiry is used as
	// it is before the next try.
	refreshPause = 30 * time.Second
)

// pair is one token pair and everything about keeping it fresh.
type pair struct {
	c         *Client
	file      string // "" = never saved
	refreshes singleflight.Group
	warn      sync.Once

	mu      sync.Mutex // guards what follows; never held during a request
	access  secret.Secret
	refresh secret.Secret
	due     time.Time     // when to refresh ahead; zero when no expiry is known
	inFile  secret.Secret // the access token that the file held when last seen
	refused secret.Secret // a refresh token that Ravi will not take again
}

func newPair(c *Client, access, refresh secret.Secret, expires time.Time, file string) *pair {
	return &pair{c: c, file: file, access: access, refresh: refresh, inFile: access, due: dueOf(access, expires)}
}

// dueOf returns when a token is to be refreshed, by its claims unless its expiry is known.
func dueOf(access secret.Secret, expires time.Time) time.Time {
	claims := claimsOf(access)
	if expires.IsZero() {
		expires = claims.expiry()
	}
	return dueAt(expires, claims.life())
}

// dueAt returns when a token that expires at a time is to be refreshed.
func dueAt(expires time.Time, life time.Duration) time.Time {
	if expires.IsZero() {
		return time.Time{}
	}
	ahead := refreshAhead
	if life > 0 {
		ahead = min(ahead, life/10)
	}
	return expires.Add(-ahead)
}

// token returns the access token to use now, refreshed if it is known to be about to expire. That
// fails silently: Ravi decides whether a token is good.
func (p *pair) token(ctx context.Context) secret.Secret {
	p.mu.Lock()
	access, stale := p.access, !p.due.IsZero() && !time.Now().Before(p.due)
	canRefresh := !p.refresh.Empty() || p.file != ""
	p.mu.Unlock()
	if !stale || !canRefresh {
		return access
	}
	_, err := p.renew(ctx, access)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && p.access.Equal(access) {
		p.due = time.Now().Add(refreshPause)
	}
	return p.access
}

// renew replaces the access token that was used, and reports whether the new one is fresh from Ravi
// and not another process's. Any number of callers share one refresh; one that comes late finds the
// new token there.
func (p *pair) renew(ctx context.Context, used secret.Secret) (fresh bool, err error) {
	if !p.holds(used) {
		return false, nil
	}
	return shared(ctx, p.c, &p.refreshes, "", func(context.Context) (bool, error) { return p.renewNow(used) })
}

func (p *pair) holds(access secret.Secret) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.access.Equal(access)
}

func (p *pair) renewNow(used secret.Secret) (fresh bool, err error) {
	if !p.holds(used) {
		return false, nil
	}
	// Close ends the wait for the lock, but not a request whose answer is the only copy of the new
	// pair.
	lockCtx, cancelLock := context.WithTimeout(p.c.ctx, refreshTimeout)
	defer cancelLock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.c.ctx), refreshTimeout)
	defer cancel()
	if p.file == "" {
		next, err := p.exchange(ctx)
		if err != nil {
			return false, err
		}
		p.adopt(next, false)
		return true, nil
	}

	var next config.Tokens
	err = config.UpdateTokens(lockCtx, p.file, func(cur config.Credentials) (config.Tokens, error) {
		if p.changedTo(cur) {
			return config.Tokens{}, nil
		}
		var err error
		next, err = p.exchange(ctx)
		return next, err
	})
	switch {
	case err == nil && next.Access.Empty():
		return false, nil
	case err == nil:
		p.adopt(next, true)
		return true, nil
	case errors.Is(err, config.ErrNotSaved):
		p.adopt(next, false)
		p.warn.Do(func() {
			p.c.conf.Logger.Warn().Str("file", p.file).
				Msg("the refreshed Ravi token cannot be saved and is kept in memory: other processes that use this file will have to log in again")
		})
		return true, nil
	}
	return false, describe(err)
}

// describe turns an error of the file or its lock into one of this package.
func describe(err error) error {
	switch {
	case errors.As(err, new(*config.FileError)):
		return &Error{Kind: ErrTokenExpired, Detail: "the file it came from cannot be used any more: log in again", Cause: err}
	case errors.As(err, new(*Error)):
		return err
	}
	return &Error{Kind: ErrUnavailable, Detail: "waiting for another process's refresh", Cause: err}
}

// changedTo takes over the file's pair when another process has changed it since it was last seen,
// and reports whether it did.
func (p *pair) changedTo(cur config.Credentials) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cur.AccessToken.Empty() || cur.AccessToken.Equal(p.inFile) {
		return false
	}
	p.access, p.refresh, p.inFile = cur.AccessToken, cur.RefreshToken, cur.AccessToken
	p.due = dueOf(cur.AccessToken, cur.ExpiresAt)
	return true
}

// exchange asks Ravi for a new pair.
func (p *pair) exchange(ctx context.Context) (config.Tokens, error) {
	p.mu.Lock()
	refresh, known := p.refresh, !p.refresh.Empty() && p.refused.Equal(p.refresh)
	p.mu.Unlock()
	if refresh.Empty() {
		detail := "there is no refresh token: log in again"
		if p.file == "" {
			detail = config.EnvAccessToken + " cannot be refreshed: set a fresh one, or use a login file or an API key"
		}
		return config.Tokens{}, &Error{Kind: ErrTokenExpired, Detail: detail}
	}
	expired := &Error{Kind: ErrTokenExpired, Detail: "Ravi refused to refresh it: log in again"}
	if known {
		return config.Tokens{}, expired
	}
	got, err := send[refreshAnswer](ctx, p.c, call{
		op: "refresh the access token", method: http.MethodPost, route: "/api/auth/token/refresh/",
		body: secretField("refresh", refresh), who: asAnonymous, repeat: true,
	})
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		p.mu.Lock()
		p.refused = refresh
		p.mu.Unlock()
		expired.Cause = err
		return config.Tokens{}, expired
	}
	if err != nil {
		return config.Tokens{}, err
	}
	if got == nil || got.Access.Empty() {
		return config.Tokens{}, &Error{Kind: ErrUnavailable, Cause: errShape}
	}
	next := config.Tokens{Access: got.Access, Refresh: cmp.Or(got.Refresh, refresh)}
	// The life that the token states counts from now, by our clock: a clock that differs from
	// Ravi's must not make every token look expired.
	claims := claimsOf(got.Access)
	if life := claims.life(); life > 0 {
		next.ExpiresAt = time.Now().Add(life)
	} else if at := claims.expiry(); at.After(time.Now()) {
		next.ExpiresAt = at
	}
	return next, nil
}

// adopt uses a new pair from now on.
func (p *pair) adopt(next config.Tokens, saved bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	life := time.Duration(0)
	if !next.ExpiresAt.IsZero() {
		life = time.Until(next.ExpiresAt)
	}
	p.access, p.refresh, p.due = next.Access, next.Refresh, dueAt(next.ExpiresAt, life)
	if saved {
		p.inFile = next.Access
	}
}
