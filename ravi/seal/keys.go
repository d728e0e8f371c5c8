package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha512"
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/argon2"

	"ravi-mcp/ravi/secret"
)

// The parameters of the derivation (docs/ravi-api.md#end-to-end-encryption). They are part of the
// format: other numbers give other keys.
const (
	argonTime    = 3
	argonMemory  = 64 * 1024 // KiB
	argonThreads = 1         // as libsodium does it
	pinLength    = 6
	keySize      = 32
)

// Keys is an account's key pair, or its public key alone. The zero Keys has none: it passes plain
// values through and opens nothing. Copies share the memory of the original, so that [Keys.Clear]
// clears them all.
type Keys struct{ private, public *[keySize]byte }

// DeriveKeys computes the key pair of a PIN (six ASCII digits) and the account's salt (decoded; 16
// bytes at Ravi). It takes about a tenth of a second and 64 MiB. Whether the PIN is the account's
// is for [Keys.Check] to say. The caller clears the PIN.
//
// Errors: [ErrPIN].
func DeriveKeys(pin, salt []byte) (Keys, error) {
	if len(pin) != pinLength || len(bytes.Trim(pin, "0123456789")) > 0 {
		return Keys{}, ErrPIN
	}
	seed := argon2.IDKey(pin, salt, argonTime, argonMemory, argonThreads, keySize)
	defer clear(seed)
	digest := sha512.Sum512(seed)
	defer clear(digest[:])

	private := [keySize]byte(digest[:keySize])
	private[0] &= 248
	private[31] &= 127
	private[31] |= 64
	public, err := publicOf(&private)
	if err != nil {
		return Keys{}, err
	}
	return Keys{private: &private, public: public}, nil
}

// ParseKeys reads a stored pair: two base64 strings of 32 bytes each. The private key may be empty:
// such keys seal and cannot open. With a private key the public one may be empty; where both are
// given they must belong together. Two empty strings give the zero Keys.
//
// Errors: [ErrKey].
func ParseKeys(private, public secret.Secret) (Keys, error) {
	privateKey, err := decodeKey(private)
	if err != nil {
		return Keys{}, err
	}
	publicKey, err := decodeKey(public)
	if err != nil || privateKey == nil {
		return Keys{public: publicKey}, err
	}
	own, err := publicOf(privateKey)
	if err != nil || publicKey != nil && *publicKey != *own {
		return Keys{}, ErrKey
	}
	return Keys{private: privateKey, public: own}, nil
}

func publicOf(private *[keySize]byte) (*[keySize]byte, error) {
	key, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		return nil, ErrKey
	}
	public := [keySize]byte(key.PublicKey().Bytes())
	return &public, nil
}

// CanOpen reports whether there is a private key.
func (k Keys) CanOpen() bool { return k.private != nil }

// CanSeal reports whether there is a public key.
func (k Keys) CanSeal() bool { return k.public != nil }

// Private returns the private key in base64, as it is stored; empty without one.
func (k Keys) Private() secret.Secret { return encodeKey(k.private) }

// Public returns the public key in base64, as it is stored; empty without one.
func (k Keys) Public() secret.Secret { return encodeKey(k.public) }

// Clear overwrites the keys in memory, those of all copies too, and leaves the zero Keys.
func (k *Keys) Clear() {
	for _, key := range []*[keySize]byte{k.private, k.public} {
		if key != nil {
			clear(key[:])
		}
	}
	*k = Keys{}
}

// Format prints a mask for every verb.
func (Keys) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(secret.Mask)) }

func encodeKey(key *[keySize]byte) secret.Secret {
	if key == nil {
		return secret.Secret{}
	}
	return secret.New(base64.StdEncoding.EncodeToString(key[:]))
}
