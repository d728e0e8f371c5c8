package sandbox

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/nacl/box"
)

const sealedPrefix = "e2e::"

const verifierText = "ravi-e2e-verify"

// deriveKeys turns a PIN and a salt into the account's key pair
// (docs/ravi-api.md#end-to-end-encryption).
func deriveKeys(pin string, salt []byte) (private, public [32]byte, err error) {
	if len(pin) != 6 || strings.Trim(pin, "0123456789") != "" {
		return private, public, errors.New("sandbox: a PIN is six digits")
	}
	seed := argon2.IDKey([]byte(pin), salt, 3, 64*1024, 1, 32)
	sum := sha512.Sum512(seed)
	private = [32]byte(sum[:32])
	private[0] &= 248
	private[31] &= 127
	private[31] |= 64
	pub, err := curve25519.X25519(private[:], curve25519.Basepoint)
	if err != nil {
		return private, public, err
	}
	return private, [32]byte(pub), nil
}

// sealRaw makes an anonymous sealed box for a base64 public key.
func sealRaw(publicKey, text string) (string, error) {
	pub, err := base64.StdEncoding.DecodeString(publicKey)
	if err != nil || len(pub) != 32 {
		return "", errors.New("sandbox: bad public key")
	}
	out, err := box.SealAnonymous(nil, []byte(text), (*[32]byte)(pub), rand.Reader)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(out), nil
}

// sealMessage returns a function that seals message fields for an account, or leaves them as they
// are. Server.mu must be held for reading.
func (s *Server) sealMessage(a *account) func(string) string {
	key := a.rec.PublicKey
	if key == "" || s.cfg.PlainMessages || s.cfg.Era != EraTokens {
		return func(v string) string { return v }
	}
	return func(v string) string {
		if v == "" || strings.HasPrefix(v, sealedPrefix) {
			return v
		}
		out, err := sealRaw(key, v)
		if err != nil {
			return ""
		}
		return sealedPrefix + out
	}
}

// checkSealed enforces Config.RequireSealed on the named fields of a body.
func (c *call) checkSealed(f *fields, names ...string) {
	if !c.s.cfg.RequireSealed {
		return
	}
	c.s.mu.RLock()
	key := c.acct.rec.PublicKey
	c.s.mu.RUnlock()
	if key == "" {
		return
	}
	for _, n := range names {
		raw, sent := f.m[n]
		if sent && string(raw) != `""` && !strings.HasPrefix(string(raw), `"`+sealedPrefix) {
			f.fail(n, "This field must be encrypted.")
		}
	}
}
