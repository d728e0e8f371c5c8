package sandbox

import "time"

// ssoToken lets a site ask who an identity is (docs/ravi-api.md#sso). Guarded by Server.mu; kept in
// memory only.
type ssoToken struct {
	identity string
	created  time.Time
	expires  time.Time
}

// ssoLife is how long an SSO token is good, any number of times.
const ssoLife = 5 * time.Minute

func (c *call) createSSO() (reply, error) {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.acct.rec.NoPlan {
		return reply{}, planRequired()
	}
	now := s.now()
	for k, t := range s.ssoTokens {
		if now.After(t.expires) {
			delete(s.ssoTokens, k)
		}
	}
	tok := "rvt_" + randomHex(20)
	s.ssoTokens[tok] = ssoToken{c.id.uuid, now, now.Add(ssoLife)}
	return created(map[string]any{"token": tok, "expires_at": now.Add(ssoLife)})
}

func (c *call) verifySSO() (reply, error) {
	tok, err := c.onlyField("token")
	if err != nil {
		return reply{}, err
	}
	s := c.s
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, known := s.ssoTokens[tok]
	id := s.identities[t.identity]
	if !known || id == nil || !s.now().Before(t.expires) {
		return reply{}, detail(400, "Invalid or expired token.")
	}
	w, u := s.wireIdentity(id.snapshot()), id.acct.user()
	return ok(map[string]any{
		"identity_uuid": w.UUID, "identity_name": w.Name, "identity_email": w.Inbox, "identity_phone": w.Phone,
		"created_at": t.created, "owner": map[string]string{"name": u.FirstName + " " + u.LastName, "email": u.Email},
	})
}
