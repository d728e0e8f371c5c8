package sandbox

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"
)

// refresh trades a refresh token for a new pair (docs/ravi-api.md#tokens-and-401).
func (c *call) refresh() (reply, error) {
	tok, err := c.onlyField("refresh")
	if err != nil {
		return reply{}, err
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	cl, valid := s.openToken(tok, "refresh")
	a := s.accounts[cl.User]
	if !valid || a == nil {
		return reply{}, notAuthenticated("Token is invalid or expired")
	}
	old, live := a.rec.Refresh[cl.ID]
	if !live {
		return reply{}, notAuthenticated("Token is blacklisted")
	}
	if old.Identity != "" && s.identities[old.Identity] == nil {
		return reply{}, notAuthenticated("Token is invalid or expired")
	}
	if s.cfg.KeepRefresh {
		access, _ := s.accessToken(a, old.Identity)
		return ok(tokenPair{Access: access})
	}
	delete(a.rec.Refresh, cl.ID)
	pair, err := s.issue(a, old.Identity)
	if err != nil {
		a.rec.Refresh[cl.ID] = old
		return reply{}, err
	}
	return ok(pair)
}

// logout ends every session of the account.
func (c *call) logout() (reply, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.acct.rec.Generation++
	c.acct.rec.Refresh = map[string]refreshRec{}
	if err := c.s.saveAccount(c.acct); err != nil {
		return reply{}, err
	}
	return noContent()
}

// bindIdentity mints a pair bound to an identity (era 2).
func (c *call) bindIdentity() (reply, error) {
	uuid, err := c.onlyField("identity")
	if err != nil {
		return reply{}, err
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := c.identity(uuid)
	if err != nil {
		return reply{}, err
	}
	pair, err := s.issue(c.acct, id.uuid)
	if err != nil {
		return reply{}, err
	}
	return ok(pair)
}

// wireKey describes a key; Key itself is shown once, when it is made.
type wireKey struct {
	Key      string     `json:"key,omitempty"`
	Prefix   string     `json:"prefix,omitempty"`
	Identity string     `json:"identity_uuid,omitempty"`
	Label    string     `json:"label"`
	Created  *time.Time `json:"created_dt,omitempty"`
}

func (c *call) listKeys(identityKeys bool) (reply, error) {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	out := []wireKey{}
	for _, k := range c.s.keys {
		if k.Account != c.acct.rec.ID || k.Revoked || (k.Identity != "") != identityKeys ||
			c.cred.identity != "" && c.cred.identity != k.Identity {
			continue
		}
		out = append(out, wireKey{Prefix: k.Key[:14], Identity: k.Identity, Label: k.Label, Created: &k.Created})
	}
	slices.SortFunc(out, func(a, b wireKey) int { return strings.Compare(a.Prefix, b.Prefix) })
	return ok(out)
}

func (c *call) listIdentityKeys() (reply, error)   { return c.listKeys(true) }
func (c *call) listManagementKeys() (reply, error) { return c.listKeys(false) }

func (c *call) createIdentityKey() (reply, error)   { return c.createKey(true) }
func (c *call) createManagementKey() (reply, error) { return c.createKey(false) }

func (c *call) createKey(identityKey bool) (reply, error) {
	f := c.fields()
	var uuid string
	if identityKey {
		uuid, _ = f.text("identity_uuid", nonBlank)
	}
	label, _ := f.text("label", need{max: 255})
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if identityKey {
		id, err := c.identity(uuid)
		if err != nil {
			return reply{}, err
		}
		uuid = id.uuid
	}
	k, err := c.s.addKey(c.acct, uuid, label)
	if err != nil {
		return reply{}, err
	}
	return created(wireKey{Key: k, Identity: uuid, Label: label})
}

// addKey makes a key. Server.mu must be held for writing.
func (s *Server) addKey(a *account, identityUUID, label string) (string, error) {
	rec := &keyRec{Key: pick(identityUUID == "", "ravi_mgmt_", "ravi_id_") + randomHex(20),
		Account: a.rec.ID, Identity: identityUUID, Label: label, Created: s.now()}
	if err := s.save(op{bucket: bucketKeys, key: rec.Key, value: rec}); err != nil {
		return "", err
	}
	s.keys[rec.Key] = rec
	return rec.Key, nil
}

// ErrNoKey means that there is no such API key.
var ErrNoKey = errors.New("sandbox: no such key")

// RevokeKey makes an API key invalid (401 from then on).
func (s *Server) RevokeKey(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[key]
	if k == nil {
		return ErrNoKey
	}
	k.Revoked = true
	return s.save(op{bucket: bucketKeys, key: key, value: k})
}

// userCode is what the owner types in: four letters, four digits.
func userCode() string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ" // no vowels, so that no words come up
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	for i := range b {
		if i < 4 {
			b[i] = letters[int(b[i])%len(letters)]
		} else {
			b[i] = '0' + b[i]%10
		}
	}
	return string(b[:4]) + "-" + string(b[4:])
}
