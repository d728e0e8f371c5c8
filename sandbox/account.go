package sandbox

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// AccountConfig names an account and says how it is made if it is new.
type AccountConfig struct {
	// Email is the address of the owner and names the account; "owner@example.com" when empty.
	Email string `json:"email"`
	// FirstName and LastName are the owner's; "Ada" and "Lovelace" when both are empty.
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	// PIN makes an account with end-to-end encryption (token era): six digits. For an existing
	// account it must be its PIN. Empty: a plaintext account, whose encryption metadata is 404.
	PIN string `json:"pin"`
	// AwaitKeys makes an account that has not set up encryption yet: its metadata has an empty
	// public_key until a client registers keys.
	AwaitKeys bool `json:"await_keys"`
	// NoPlan makes an account without a paid plan (402).
	NoPlan bool `json:"no_plan"`
}

// Account is what a client holds after logging in. Which fields are set depends on the era.
type Account struct {
	Email  string `json:"email"`
	UserID int64  `json:"user_id"`
	// AccessToken and RefreshToken are the unbound pair of the token era.
	AccessToken  string `json:"access_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	// ExpiresAt is when AccessToken expires, by the server's clock.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// ManagementKey is the account's first management key (key era).
	ManagementKey string `json:"management_key,omitempty"`
	// PrivateKey, PublicKey and Salt are base64, for accounts with a PIN.
	PrivateKey string `json:"private_key,omitempty"`
	PublicKey  string `json:"public_key,omitempty"`
	Salt       string `json:"pin_salt,omitempty"`
}

// ErrPIN means that the PIN is malformed, or not the one the account has.
var ErrPIN = errors.New("sandbox: wrong PIN")

// Account logs in to an account, which is made on first use. In the token era every call issues a
// new pair of tokens. Deriving keys from a PIN takes about a tenth of a second and 64 MiB.
func (s *Server) Account(cfg AccountConfig) (*Account, error) {
	var private, public [32]byte
	var err error
	salt := make([]byte, 16)
	if cfg.PIN != "" {
		if known := s.saltOf(cfg.Email); known != nil {
			salt = known
		} else {
			_, _ = rand.Read(salt) // never fails (crypto/rand)
		}
		if private, public, err = deriveKeys(cfg.PIN, salt); err != nil {
			return nil, errors.Join(ErrPIN, err)
		}
	}
	b64 := base64.StdEncoding.EncodeToString
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.byEmail[accountEmail(cfg.Email)]
	if a == nil {
		a = s.newAccount(cfg)
		if cfg.PIN != "" {
			a.rec.Salt, a.rec.PublicKey = b64(salt), b64(public[:])
			if a.rec.Verifier, err = sealRaw(a.rec.PublicKey, verifierText); err != nil {
				return nil, err
			}
		}
		if err := s.addAccount(a); err != nil {
			return nil, err
		}
	}
	out := &Account{Email: a.rec.Email, UserID: a.rec.ID, Salt: a.rec.Salt, PublicKey: a.rec.PublicKey}
	if cfg.PIN != "" {
		if b64(public[:]) != a.rec.PublicKey {
			return nil, ErrPIN
		}
		out.PrivateKey = b64(private[:])
	}
	if s.cfg.Era == EraKeys {
		out.ManagementKey = a.rec.ManagementKey
		return out, nil
	}
	pair, err := s.issue(a, "")
	out.AccessToken, out.RefreshToken, out.ExpiresAt = pair.Access, pair.Refresh, pair.Expires
	return out, err
}

func accountEmail(v string) string { return addressKey(cmp.Or(v, "owner@example.com")) }

func (s *Server) saltOf(email string) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.byEmail[accountEmail(email)]; a != nil && a.rec.Salt != "" {
		if salt, err := base64.StdEncoding.DecodeString(a.rec.Salt); err == nil {
			return salt
		}
	}
	return nil
}

// newAccount fills in a record; addAccount makes it known. Server.mu must be held.
func (s *Server) newAccount(cfg AccountConfig) *account {
	if cfg.FirstName == "" && cfg.LastName == "" {
		cfg.FirstName, cfg.LastName = "Ada", "Lovelace"
	}
	a := &account{rec: accountRec{
		ID: s.nextID(), EncryptionID: s.nextID(), Email: accountEmail(cfg.Email),
		FirstName: cfg.FirstName, LastName: cfg.LastName,
		NoPlan: cfg.NoPlan, AwaitKeys: cfg.AwaitKeys, Created: s.now(), Refresh: map[string]refreshRec{},
	}}
	if s.cfg.Era == EraKeys {
		a.rec.ManagementKey = "ravi_mgmt_" + randomHex(20)
	}
	return a
}

func (s *Server) addAccount(a *account) error {
	ops := []op{{bucket: bucketAccounts, key: strconv.FormatInt(a.rec.ID, 10), value: a.rec}}
	if k := a.rec.ManagementKey; k != "" {
		rec := &keyRec{Key: k, Account: a.rec.ID, Label: "first", Created: s.now()}
		ops = append(ops, op{bucket: bucketKeys, key: k, value: rec})
		s.keys[k] = rec
	}
	if err := s.save(ops...); err != nil {
		return err
	}
	s.accounts[a.rec.ID], s.byEmail[a.rec.Email] = a, a
	return nil
}

func (s *Server) saveAccount(a *account) error {
	return s.save(op{bucket: bucketAccounts, key: strconv.FormatInt(a.rec.ID, 10), value: a.rec})
}

// ExpireAccess makes every access token issued so far to the account expire at once; refresh tokens
// stay good.
func (s *Server) ExpireAccess(email string) error {
	return s.changeAccount(email, func(a *account) { a.rec.Generation++ })
}

// RevokeTokens makes every access and refresh token of the account invalid.
func (s *Server) RevokeTokens(email string) error {
	return s.changeAccount(email, func(a *account) {
		a.rec.Generation++
		a.rec.Refresh = map[string]refreshRec{}
	})
}

// SetPlan gives the account a paid plan or takes it away.
func (s *Server) SetPlan(email string, paid bool) error {
	return s.changeAccount(email, func(a *account) { a.rec.NoPlan = !paid })
}

// ErrNoAccount means that there is no account with this address.
var ErrNoAccount = errors.New("sandbox: no such account")

func (s *Server) changeAccount(email string, change func(*account)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.byEmail[accountEmail(email)]
	if a == nil {
		return ErrNoAccount
	}
	change(a)
	return s.saveAccount(a)
}

// user is the owner, as endpoints of authentication show it.
type user struct {
	ID        int64  `json:"id"`
	Email     string `json:"email"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

func (a *account) user() user {
	return user{a.rec.ID, a.rec.Email, a.rec.FirstName, a.rec.LastName}
}

func (c *call) getUser() (reply, error) {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	return ok(c.acct.user())
}

func (c *call) getOwner() (reply, error) {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	return ok(map[string]string{"first_name": c.acct.rec.FirstName, "last_name": c.acct.rec.LastName})
}

// encryption is the body of docs/ravi-api.md#encryption-metadata.
type encryption struct {
	ID               int64  `json:"id"`
	Salt             string `json:"salt"`
	Verifier         string `json:"verifier"`
	PublicKey        string `json:"public_key"`
	ManagedMasterKey string `json:"managed_master_key"`
}

func (a *account) encryption() encryption {
	return encryption{ID: a.rec.EncryptionID, Salt: a.rec.Salt, Verifier: a.rec.Verifier, PublicKey: a.rec.PublicKey}
}

func (c *call) getEncryption() (reply, error) {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	if c.acct.rec.PublicKey == "" && !c.acct.rec.AwaitKeys {
		return reply{}, noMatch("UserEncryption")
	}
	return ok(c.acct.encryption())
}

// registerKeys sets the account's keys once and for all.
func (c *call) registerKeys() (reply, error) {
	f := c.fields()
	salt, _ := f.text("salt", nonBlank)
	public, _ := f.text("public_key", nonBlank)
	verifier, _ := f.text("verifier", nonBlank)
	for name, want := range map[string]int{"salt": 16, "public_key": 32, "verifier": len(verifierText) + 48} {
		v := map[string]string{"salt": salt, "public_key": public, "verifier": verifier}[name]
		if raw, err := base64.StdEncoding.DecodeString(v); v != "" && (err != nil || len(raw) != want) {
			f.fail(name, "Expected base64 of "+strconv.Itoa(want)+" bytes.")
		}
	}
	if strings.HasPrefix(verifier, sealedPrefix) {
		f.fail("verifier", "Not a verifier.")
	}
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.acct.rec.PublicKey != "" {
		return reply{}, detail(400, "Encryption is already set up.")
	}
	c.acct.rec.Salt, c.acct.rec.PublicKey, c.acct.rec.Verifier = salt, public, verifier
	if err := c.s.saveAccount(c.acct); err != nil {
		return reply{}, err
	}
	return ok(c.acct.encryption())
}
