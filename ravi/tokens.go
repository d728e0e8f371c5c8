package ravi

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"ravi-mcp/ravi/config"
	"ravi-mcp/secret"
)

const (
	// refreshTimeout bounds a refresh with its lock and its retries.
	refreshTimeout = 60 * time.Second
	// refreshAhead is how long before its expiry a token is refreshed, or a
	// tenth of its life where that is shorter.
	refreshAhead = 5 * time.Minute
	// refreshPause is how long a token that could not be refreshed ahead of
	// its expiry is used as it is before the next try.
	refreshPause = 30 * time.Second
)

// tokenAuthority authorises by JWT (eras 1 and 2; API.md section 3).
type tokenAuthority struct {
	main     *pair // unbound, or bound where there is no other
	second   *pair // a bound pair beside an unbound one; or nil
	isBound  bool  // main is bound
	identity string
}

func newTokenAuthority(c *Client) *tokenAuthority {
	a := &tokenAuthority{isBound: c.cfg.Bound, identity: c.cfg.IdentityUUID}
	a.main = newPair(c, c.cfg.AccessToken, c.cfg.RefreshToken, c.cfg.ExpiresAt, c.cfg.AuthFile)
	if uuid := claimsOf(c.cfg.AccessToken).Identity; uuid != "" {
		a.isBound, a.identity = true, uuid
	}
	if !c.cfg.BoundAccessToken.Empty() && !a.isBound {
		a.second = newPair(c, c.cfg.BoundAccessToken, c.cfg.BoundRefreshToken, time.Time{}, c.cfg.BoundFile)
		if uuid := claimsOf(c.cfg.BoundAccessToken).Identity; uuid != "" {
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
			if a.identity != "" && a.identity != k.identity {
				return grant{}, &Error{Kind: ErrWrongIdentity}
			}
		case a.second != nil && a.identity == k.identity:
			p, g.origin = a.second, fromBound
		default:
			g.header = k.identity
		}
	}
	g.bearer = p.token(ctx)
	return g, nil
}

func (a *tokenAuthority) refused(ctx context.Context, _ *call, g grant, failed *Error) (bool, error) {
	if failed.Status != http.StatusUnauthorized {
		return false, nil
	}
	p := a.main
	if g.origin == fromBound {
		p = a.second
	}
	if err := p.renew(ctx, g.bearer); err != nil {
		return false, err
	}
	return true, nil
}

func (a *tokenAuthority) bound() (string, bool) {
	if !a.isBound {
		return "", false
	}
	return a.identity, true
}

func (a *tokenAuthority) created(string, secret.Secret) {}
func (a *tokenAuthority) deleted(string)                {}

// pair is one token pair and everything about keeping it fresh.
type pair struct {
	c      *Client
	file   string // "" = never saved
	flight singleflight.Group
	warn   sync.Once

	mu      sync.Mutex // guards what follows; never held during a request
	access  secret.Secret
	refresh secret.Secret
	due     time.Time     // when to refresh ahead; zero when no expiry is known
	inFile  secret.Secret // the access token that the file held when last seen
	refused secret.Secret // a refresh token that Ravi will not take again
}

func newPair(c *Client, access, refresh secret.Secret, expires time.Time, file string) *pair {
	p := &pair{c: c, file: file, access: access, refresh: refresh, inFile: access}
	claims := claimsOf(access)
	if expires.IsZero() {
		expires = claims.expiry()
	}
	p.due = dueAt(expires, claims.life())
	return p
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

// token returns the access token to use now, refreshed if it is known to be
// about to expire. That fails silently: Ravi decides whether a token is good.
func (p *pair) token(ctx context.Context) secret.Secret {
	p.mu.Lock()
	access, stale := p.access, !p.due.IsZero() && !time.Now().Before(p.due)
	canRefresh := !p.refresh.Empty() || p.file != ""
	p.mu.Unlock()
	if !stale || !canRefresh {
		return access
	}
	if p.renew(ctx, access) != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.access.Equal(access) {
			p.due = time.Now().Add(refreshPause)
		}
		return p.access
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.access
}

// renew replaces the access token that was used. Any number of callers share
// one refresh; one that comes late finds the new token there.
func (p *pair) renew(ctx context.Context, used secret.Secret) error {
	if !p.holds(used) {
		return nil
	}
	done := p.flight.DoChan("", func() (any, error) {
		// In the background and not under the first caller's context: when that
		// one gives up, the others, and the new pair, must not be lost.
		result := make(chan error, 1)
		if !p.c.spawn(func() { result <- p.renewNow(used) }) {
			return nil, &Error{Kind: ErrUnavailable, Detail: "the client is closed"}
		}
		return nil, <-result
	})
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return &Error{Kind: ErrUnavailable, Cause: context.Cause(ctx)}
	}
}

func (p *pair) holds(access secret.Secret) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.access.Equal(access)
}

func (p *pair) renewNow(used secret.Secret) error {
	if !p.holds(used) {
		return nil
	}
	// Close ends the wait for the lock, but not a request whose answer is the
	// only copy of the new pair.
	lockCtx, cancelLock := context.WithTimeout(p.c.ctx, refreshTimeout)
	defer cancelLock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.c.ctx), refreshTimeout)
	defer cancel()
	if p.file == "" {
		p.mu.Lock()
		refresh := p.refresh
		p.mu.Unlock()
		next, err := p.exchange(ctx, refresh)
		if err == nil {
			p.adopt(next, false)
		}
		return err
	}

	var fresh config.Tokens
	err := config.UpdateTokens(lockCtx, p.file, func(cur config.Credentials) (config.Tokens, error) {
		if p.changedTo(cur) {
			return config.Tokens{}, nil
		}
		p.mu.Lock()
		refresh := p.refresh
		p.mu.Unlock()
		var err error
		fresh, err = p.exchange(ctx, refresh)
		return fresh, err
	})
	switch {
	case err == nil && !fresh.Access.Empty():
		p.adopt(fresh, true)
		return nil
	case errors.Is(err, config.ErrNotSaved):
		p.adopt(fresh, false)
		p.warn.Do(func() {
			p.c.conf.Logger.Warn().Str("file", p.file).
				Msg("the refreshed Ravi token cannot be saved and is kept in memory: other processes that use this file will have to log in again")
		})
		return nil
	case errors.As(err, new(*config.FileError)):
		return &Error{Kind: ErrTokenExpired, Detail: "the file it came from cannot be used any more: log in again", Cause: err}
	case err != nil && !errors.As(err, new(*Error)):
		return &Error{Kind: ErrUnavailable, Detail: "waiting for another process's refresh", Cause: err}
	}
	return err
}

// changedTo takes over the file's pair when another process has changed it
// since it was last seen, and reports whether it did.
func (p *pair) changedTo(cur config.Credentials) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cur.AccessToken.Empty() || cur.AccessToken.Equal(p.inFile) {
		return false
	}
	claims := claimsOf(cur.AccessToken)
	expires := cur.ExpiresAt
	if expires.IsZero() {
		expires = claims.expiry()
	}
	p.access, p.refresh, p.inFile = cur.AccessToken, cur.RefreshToken, cur.AccessToken
	p.due = dueAt(expires, claims.life())
	return true
}

// exchange asks Ravi for a new pair.
func (p *pair) exchange(ctx context.Context, refresh secret.Secret) (config.Tokens, error) {
	if refresh.Empty() {
		detail := "there is no refresh token: log in again"
		if p.file == "" {
			detail = config.EnvAccessToken + " cannot be refreshed: set a fresh one, or use a login file or an API key"
		}
		return config.Tokens{}, &Error{Kind: ErrTokenExpired, Detail: detail}
	}
	expired := &Error{Kind: ErrTokenExpired, Detail: "Ravi refused to refresh it: log in again"}
	p.mu.Lock()
	known := p.refused.Equal(refresh)
	p.mu.Unlock()
	if known {
		return config.Tokens{}, expired
	}
	got, err := send[refreshAnswer](ctx, p.c, call{
		op: "refresh the access token", method: http.MethodPost, route: "/api/auth/token/refresh/",
		body: refreshBody(refresh), who: asNobody, repeat: true,
	})
	var failed *Error
	if errors.As(err, &failed) && (failed.Status == 400 || failed.Status == 401 || failed.Status == 403) {
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
	next := config.Tokens{Access: got.Access, Refresh: got.Refresh}
	if next.Refresh.Empty() {
		next.Refresh = refresh
	}
	// The life that the token states counts from now, by our clock: a clock that
	// differs from Ravi's must not make every token look expired.
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
