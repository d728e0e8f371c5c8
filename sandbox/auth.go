package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Kinds of credential, as RequestRecord.Credential shows them.
const (
	credNone       = "none"
	credAccess     = "access"
	credBound      = "bound"
	credManagement = "management"
	credIdentity   = "identity"
)

// credential is what a request authenticates with.
type credential struct {
	kind     string
	acct     *account
	identity string // uuid, for bound tokens and identity keys
}

// claims are the payload of a token.
type claims struct {
	Type       string `json:"token_type"`
	Expires    int64  `json:"exp"`
	Issued     int64  `json:"iat"`
	ID         string `json:"jti"`
	User       int64  `json:"user_id"`
	Generation int64  `json:"gen"`
	Identity   string `json:"identity_uuid,omitempty"`
}

var jwtHeader = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))

func (s *Server) mac(text string) string {
	m := hmac.New(sha256.New, s.signKey)
	m.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func (s *Server) signToken(c claims) string {
	payload, _ := json.Marshal(c) // plain struct: cannot fail
	text := jwtHeader + "." + base64.RawURLEncoding.EncodeToString(payload)
	return text + "." + s.mac(text)
}

// openToken checks signature, type and expiry.
func (s *Server) openToken(tok, kind string) (c claims, valid bool) {
	cut := strings.LastIndexByte(tok, '.')
	if cut < 0 || !hmac.Equal([]byte(s.mac(tok[:cut])), []byte(tok[cut+1:])) {
		return c, false
	}
	_, payload, _ := strings.Cut(tok[:cut], ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || json.Unmarshal(raw, &c) != nil || c.Type != kind {
		return c, false
	}
	return c, s.now().Unix() < c.Expires
}

// refreshLife is how long a refresh token lasts.
const refreshLife = 30 * 24 * time.Hour

// tokenPair is what a login or a refresh answers with.
type tokenPair struct {
	Access  string    `json:"access"`
	Refresh string    `json:"refresh,omitempty"`
	Expires time.Time `json:"-"` // of Access
}

func (s *Server) accessToken(a *account, identityUUID string) (tok string, expires time.Time) {
	now := s.now()
	expires = now.Add(s.cfg.TokenLife)
	return s.signToken(claims{"access", expires.Unix(), now.Unix(), randomHex(8), a.rec.ID, a.rec.Generation, identityUUID}), expires
}

// issue makes an access and a refresh token. Server.mu must be held for writing; the account is on
// disk when it returns.
func (s *Server) issue(a *account, identityUUID string) (pair tokenPair, err error) {
	now := s.now()
	pair.Access, pair.Expires = s.accessToken(a, identityUUID)
	jti := randomHex(16)
	until := now.Add(refreshLife)
	pair.Refresh = s.signToken(claims{"refresh", until.Unix(), now.Unix(), jti, a.rec.ID, 0, identityUUID})
	for id, r := range a.rec.Refresh {
		if !now.Before(r.Expires) {
			delete(a.rec.Refresh, id)
		}
	}
	a.rec.Refresh[jti] = refreshRec{until, identityUUID}
	if err := s.saveAccount(a); err != nil {
		delete(a.rec.Refresh, jti)
		return tokenPair{}, err
	}
	return pair, nil
}

func notAuthenticated(text string) *problem {
	p := detail(401, text)
	p.header = http.Header{"Www-Authenticate": {`Bearer realm="api"`}}
	return p
}

// identify finds out whose credential the request carries. Server.mu must be held for reading.
func (s *Server) identify(r *http.Request) (credential, *problem) {
	none := credential{kind: credNone}
	tok, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !isBearer || tok == "" {
		return none, notAuthenticated("Authentication credentials were not provided.")
	}
	invalid := notAuthenticated("Token is invalid")
	if s.cfg.Era == EraKeys {
		k, known := s.keys[tok]
		if !known || k.Revoked {
			return none, invalid
		}
		kind := pick(k.Identity == "", credManagement, credIdentity)
		return credential{kind, s.accounts[k.Account], k.Identity}, nil
	}
	c, valid := s.openToken(tok, "access")
	if !valid {
		return none, invalid
	}
	a := s.accounts[c.User]
	if a == nil || c.Generation < a.rec.Generation {
		return none, invalid
	}
	return credential{pick(c.Identity == "", credAccess, credBound), a, c.Identity}, nil
}

// authorize fills in credential, account and identity, or says why not.
func (c *call) authorize() error {
	s := c.s
	if c.route.access == accessNone {
		c.cred.kind = credNone
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	cred, refused := s.identify(c.r)
	c.cred, c.acct = cred, cred.acct
	if refused != nil {
		return refused
	}
	switch c.route.access {
	case accessAny:
		return nil
	case accessOwn:
		if cred.identity != "" && !strings.EqualFold(cred.identity, c.arg(0)) {
			return noMatch("Identity")
		}
		return nil
	case accessAccount:
		if cred.kind == credIdentity {
			return detail(403, "Management key required.")
		}
		if cred.kind == credBound {
			return detail(403, "This token is bound to an identity.")
		}
		return nil
	case accessIdentityKey:
		if cred.kind == credManagement {
			return detail(403, "Identity-scoped key required.")
		}
	}
	return c.chooseIdentity()
}

// chooseIdentity finds the identity a call is about.
func (c *call) chooseIdentity() error {
	requested := c.query.Get("identity")
	if c.s.cfg.Era == EraTokens {
		requested = c.r.Header.Get("X-Ravi-Identity")
	}
	uuid := requested
	switch c.cred.kind {
	case credBound, credIdentity:
		uuid = c.cred.identity
		if requested != "" && !strings.EqualFold(requested, uuid) {
			return noMatch("Identity")
		}
	case credAccess:
		if requested == "" {
			return detail(400, "X-Ravi-Identity header is required.")
		}
	case credManagement:
		// Era 3 does not know the parameter and lists the whole account.
		if c.route.access == accessList && (requested == "" || c.s.cfg.NoIdentityQuery) {
			return nil
		}
		if requested == "" || c.s.cfg.NoIdentityQuery {
			return detail(403, "Identity-scoped key required.")
		}
	}
	id, err := c.identity(uuid)
	if err != nil {
		return err
	}
	c.id = id
	return nil
}
