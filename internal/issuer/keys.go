package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are those by which a token may be signed: asymmetric ones only.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

func algorithmNames() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	return names
}

const (
	// keepFor is how long keys are used that could not be read again.
	keepFor = 24 * time.Hour
	// maxKeys is how many keys an issuer may publish.
	maxKeys = 64
	// The length in bits of RSA keys that are used.
	leastRSA, mostRSA = 2048, 8192
)

// keySet is what the issuer published at one moment; it is immutable.
type keySet struct {
	keys []jose.JSONWebKey
	raw  string
	read time.Time
	// version is another one whenever raw is.
	version uint64
}

// usable reports whether there are keys, and not too old ones.
func (s *keySet) usable(now time.Time) bool { return s != nil && now.Sub(s.read) < keepFor }

// has reports whether there is a key for a signature with that header. Without a key's id there
// must be exactly one that fits (OpenID Connect Core section 10.1).
func (s *keySet) has(header jose.Header) bool { return len(s.fitting(header)) > 0 }

func (s *keySet) fitting(header jose.Header) []jose.JSONWebKey {
	var found []jose.JSONWebKey
	for _, k := range s.keys {
		if (header.KeyID == "" || header.KeyID == k.KeyID) && fits(k, header.Algorithm) {
			found = append(found, k)
		}
	}
	if header.KeyID == "" && len(found) > 1 {
		return nil
	}
	return found
}

// fits reports whether a key is one for the algorithm.
func fits(k jose.JSONWebKey, algorithm string) bool {
	if k.Algorithm != "" && k.Algorithm != algorithm {
		return false
	}
	switch k.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return strings.HasPrefix(algorithm, "ES")
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	}
	return false
}

// parseKeys reads a JWK Set. Keys of kinds that are not known, are not for signatures, or are too
// small or too large to be used are left out (RFC 7517 section 5).
func parseKeys(body []byte, now time.Time) (*keySet, error) {
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, errors.New("its keys are not a JWK Set")
	}
	if len(document.Keys) > maxKeys {
		return nil, errors.New("it has more than 64 keys")
	}
	s := &keySet{raw: string(body), read: now}
	for _, raw := range document.Keys {
		var k jose.JSONWebKey
		if err := k.UnmarshalJSON(raw); err != nil || !usableKey(k) {
			continue
		}
		s.keys = append(s.keys, k)
	}
	if len(s.keys) == 0 {
		return nil, errors.New("it has no key that can be used")
	}
	return s, nil
}

func usableKey(k jose.JSONWebKey) bool {
	if k.Use != "" && k.Use != "sig" {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= leastRSA && key.N.BitLen() <= mostRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false // a shared secret, or a private key
}

type keySetKey struct{}

// VerifySignature implements oidc.KeySet for Verify, which puts the keys into ctx.
func (i *Issuer) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	keys, ok := ctx.Value(keySetKey{}).(*keySet)
	if !ok {
		return nil, errors.New("issuer: no keys")
	}
	parsed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, err
	}
	for _, k := range keys.fitting(parsed.Signatures[0].Header) {
		if payload, err := parsed.Verify(&k); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("issuer: no key has made this signature")
}
