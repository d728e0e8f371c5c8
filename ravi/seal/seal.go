// Package seal encrypts and decrypts the single fields that Ravi keeps end-to-end encrypted for
// accounts of the token scheme.
//
// # The format
//
// A sealed value is the prefix "e2e::" followed by the standard base64 of a NaCl sealed box
// (X25519, XSalsa20-Poly1305; 48 bytes longer than the value). The empty string is never sealed,
// and a value without the prefix is plain text: both pass through unchanged
// (docs/ravi-api.md#end-to-end-encryption).
//
// # The keys
//
// One key pair belongs to an account and serves all its identities. It comes from a PIN of six
// digits and a salt that Ravi stores, by Argon2id and SHA-512 ([DeriveKeys]); after a login the
// pair itself is stored, in base64, so that no PIN is needed any more ([ParseKeys]). Whether a PIN
// was right shows only by comparison with what Ravi stores ([Keys.Check]).
//
// Nothing in this package logs or keeps a value. All functions and methods are safe for concurrent
// use, except [Keys.Clear] beside any other use of the same keys.
package seal

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"

	"golang.org/x/crypto/nacl/box"

	"ravi-mcp/ravi/secret"
)

// Prefix stands before every sealed value.
const Prefix = "e2e::"

// verifierText is what a verifier contains.
const verifierText = "ravi-e2e-verify"

// Failures of this package, for errors.Is. None of them carries a value.
var (
	// ErrNotSealed: the value has the prefix and is no sealed box behind it.
	ErrNotSealed = errors.New("seal: the value is not a sealed box")
	// ErrOpen: the value was sealed for another key, or was changed since.
	ErrOpen = errors.New("seal: this key does not open the value")
	// ErrNoKey: there is no private key (for opening) or no public key (for sealing).
	ErrNoKey = errors.New("seal: no key")
	// ErrKey: a stored key is not the base64 of 32 bytes, or the two do not belong together.
	ErrKey = errors.New("seal: the stored key pair is damaged")
	// ErrPIN: a PIN is not exactly six digits.
	ErrPIN = errors.New("seal: a PIN has exactly six digits")
	// ErrWrongPIN: the derived keys do not fit what Ravi stores for the account.
	ErrWrongPIN = errors.New("seal: wrong PIN")
)

// Is reports whether v is marked as sealed. It does not look behind the mark.
func Is(v string) bool { return strings.HasPrefix(v, Prefix) }

// Open returns the plain text of v. A value that is not marked as sealed is returned as it is.
//
// Errors: [ErrNoKey] without a private key, [ErrNotSealed], [ErrOpen].
func (k Keys) Open(v string) (secret.Secret, error) {
	if !Is(v) {
		return secret.New(v), nil
	}
	if k.private == nil || k.public == nil {
		return secret.Secret{}, ErrNoKey
	}
	sealed, err := base64.StdEncoding.DecodeString(v[len(Prefix):])
	if err != nil || len(sealed) < box.AnonymousOverhead {
		return secret.Secret{}, ErrNotSealed
	}
	plain, ok := box.OpenAnonymous(nil, sealed, k.public, k.private)
	if !ok {
		return secret.Secret{}, ErrOpen
	}
	return secret.New(string(plain)), nil
}

// Seal returns v encrypted for these keys, with the prefix. The empty value stays empty. A public
// key is enough. Sealing the same value twice gives two different results.
//
// Errors: [ErrNoKey] without a public key.
func (k Keys) Seal(v secret.Secret) (string, error) {
	if v.Empty() {
		return "", nil
	}
	if k.public == nil {
		return "", ErrNoKey
	}
	sealed, err := box.SealAnonymous(nil, []byte(v.Reveal()), k.public, rand.Reader)
	if err != nil {
		return "", err
	}
	return Prefix + base64.StdEncoding.EncodeToString(sealed), nil
}

// Verifier returns a new verifier for these keys: the base64 of a sealed box around a fixed text,
// without the prefix. Ravi stores it so that a client can tell a right PIN from a wrong one.
//
// Errors: [ErrNoKey] without a public key.
func (k Keys) Verifier() (string, error) {
	v, err := k.Seal(secret.New(verifierText))
	return strings.TrimPrefix(v, Prefix), err
}

// Check reports whether these keys are the account's: the verifier must open to the fixed text and
// the public key must be the stored one (base64). Both are compared, since either alone could be
// another account's.
//
// Errors: [ErrWrongPIN] when one of them does not fit.
func (k Keys) Check(verifier, publicKey string) error {
	opened, err := k.Open(Prefix + verifier)
	if err != nil || !opened.Equal(secret.New(verifierText)) {
		return ErrWrongPIN
	}
	stored, err := base64.StdEncoding.DecodeString(publicKey)
	if err != nil || k.public == nil || subtle.ConstantTimeCompare(stored, k.public[:]) != 1 {
		return ErrWrongPIN
	}
	return nil
}

// decodeKey stands here because it reads a secret: this file is the only one of the package that
// does.
func decodeKey(key secret.Secret) (*[keySize]byte, error) {
	if key.Empty() {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key.Reveal()))
	if err != nil || len(raw) != keySize {
		return nil, ErrKey
	}
	defer clear(raw)
	out := [keySize]byte(raw)
	return &out, nil
}
