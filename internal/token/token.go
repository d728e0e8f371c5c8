package token

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length of a sealing key in bytes.
const KeySize = chacha20poly1305.KeySize

// MaxLength is the length of the longest token that is looked at, in characters; [Sealer.Seal]
// refuses to make a longer one.
const MaxLength = 64 << 10

// nonceSize is how many bytes of a nonce are random and written. XChaCha20 makes a key of the first
// 16 bytes of its nonce, so that these alone keep two tokens of a key apart.
const nonceSize = 16

// ErrInvalid is the only error of opening a token.
var ErrInvalid = errors.New("the token is not valid")

// Binding is the caller, identity and purpose of a token. All three are authenticated.
type Binding struct {
	Caller   string // the authenticated caller, e.g. "local"
	Identity string // the uuid of the identity; may be empty
	Purpose  string // e.g. "cursor"; different purposes never accept each other's tokens
}

// Sealer seals and opens tokens. It may be used by any number of goroutines.
type Sealer struct {
	// Now is the clock that expiry is judged by; nil means time.Now. Set it before the first use.
	Now func() time.Time

	aeads []cipher.AEAD // the first one seals, all of them open
}

// NewSealer returns a Sealer for the current key and, during a rotation, the previous one (nil when
// there is none). Keys have [KeySize] bytes.
func NewSealer(current, previous []byte) (*Sealer, error) {
	s := &Sealer{}
	keys := [][]byte{current}
	if previous != nil {
		keys = append(keys, previous)
	}
	for _, key := range keys {
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return nil, fmt.Errorf("token: a sealing key must have %d bytes, not %d", KeySize, len(key))
		}
		s.aeads = append(s.aeads, aead)
	}
	return s, nil
}

// Random returns a Sealer with a fresh key that lives as long as the process.
func Random() *Sealer {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	s, err := NewSealer(key, nil)
	if err != nil {
		panic("token: unreachable: " + err.Error()) // KeySize is the size NewX wants
	}
	return s
}

// Seal returns payload as a token that [Sealer.Open] accepts for the same binding until ttl has
// passed. It fails when ttl is not positive and when the token would be longer than [MaxLength].
func (s *Sealer) Seal(b Binding, ttl time.Duration, payload []byte) (string, error) {
	if ttl <= 0 {
		return "", errors.New("token: the time to live must be positive")
	}
	plain := binary.AppendVarint(nil, s.now().Add(ttl).UnixMilli())
	plain = appendIdentity(plain, b.Identity)
	plain = append(plain, payload...)

	var nonce [chacha20poly1305.NonceSizeX]byte
	_, _ = rand.Read(nonce[:nonceSize]) // never fails (crypto/rand)
	sealed := append(make([]byte, 0, nonceSize+len(plain)+chacha20poly1305.Overhead), nonce[:nonceSize]...)
	sealed = s.aeads[0].Seal(sealed, nonce[:], plain, b.associated())
	tok := base64.RawURLEncoding.EncodeToString(sealed)
	if len(tok) > MaxLength {
		return "", fmt.Errorf("token: %d bytes of payload are too many", len(payload))
	}
	return tok, nil
}

// Open returns the payload of a token that was sealed for exactly this binding and has not expired;
// anything else is [ErrInvalid].
func (s *Sealer) Open(b Binding, tok string) ([]byte, error) {
	identity, payload, err := s.OpenAny(b.Caller, b.Purpose, tok)
	if err != nil || subtle.ConstantTimeCompare([]byte(identity), []byte(b.Identity)) != 1 {
		return nil, ErrInvalid
	}
	return payload, nil
}

// OpenAny is [Sealer.Open] for a caller that does not know the identity yet: it returns the
// identity that the token is bound to beside the payload. The caller, the purpose and the expiry
// are checked as always.
func (s *Sealer) OpenAny(caller, purpose, tok string) (identity string, payload []byte, err error) {
	sealed, ok := decode(tok)
	if !ok || len(sealed) < nonceSize+chacha20poly1305.Overhead {
		return "", nil, ErrInvalid
	}
	var nonce [chacha20poly1305.NonceSizeX]byte
	copy(nonce[:], sealed[:nonceSize])
	box := sealed[nonceSize:]
	associated := Binding{Caller: caller, Purpose: purpose}.associated()
	for _, aead := range s.aeads {
		plain, openErr := aead.Open(nil, nonce[:], box, associated)
		if openErr != nil {
			continue
		}
		expiry, rest, ok := cutVarint(plain)
		if !ok || !s.now().Before(time.UnixMilli(expiry)) {
			return "", nil, ErrInvalid
		}
		identity, rest, ok = cutIdentity(rest)
		if !ok {
			return "", nil, ErrInvalid
		}
		return identity, rest, nil
	}
	return "", nil, ErrInvalid
}

func (s *Sealer) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// associated is what is authenticated without being carried. Lengths stand before the parts, so
// that no two bindings give the same bytes.
func (b Binding) associated() []byte {
	out := appendString(nil, "ravi-mcp token 2")
	out = appendString(out, b.Caller)
	return appendString(out, b.Purpose)
}

// decode accepts only what Seal writes: a token has one spelling, and the decoder alone would skip
// line breaks.
func decode(tok string) ([]byte, bool) {
	if len(tok) > MaxLength || strings.ContainsAny(tok, "\r\n") {
		return nil, false
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(tok)
	return data, err == nil
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func cutVarint(data []byte) (int64, []byte, bool) {
	v, n := binary.Varint(data)
	if n <= 0 {
		return 0, nil, false
	}
	return v, data[n:], true
}

func cutString(data []byte) (string, []byte, bool) {
	size, n := binary.Uvarint(data)
	if n <= 0 || size > uint64(len(data)-n) {
		return "", nil, false
	}
	end := n + int(size)
	return string(data[n:end]), data[end:], true
}

// appendIdentity appends a uuid as its 16 bytes, and any other name as it is; a byte says which.
func appendIdentity(dst []byte, identity string) []byte {
	if raw, err := hex.DecodeString(strings.ReplaceAll(identity, "-", "")); err == nil && len(raw) == 16 && formatUUID(raw) == identity {
		return append(append(dst, 1), raw...)
	}
	return appendString(append(dst, 0), identity)
}

func cutIdentity(data []byte) (string, []byte, bool) {
	switch {
	case len(data) > 16 && data[0] == 1:
		return formatUUID(data[1:17]), data[17:], true
	case len(data) > 0 && data[0] == 0:
		return cutString(data[1:])
	}
	return "", nil, false
}

func formatUUID(b []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
