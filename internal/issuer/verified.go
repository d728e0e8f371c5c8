package issuer

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxVerified is how many tokens of one half of verifiedTokens are remembered.
const maxVerified = 8192

// verifiedTokens remembers the claims of tokens that were verified with the latest keys, by the
// hash of the token. It has two halves: when the newer one is full, the older one is dropped, and
// what is asked for moves to the newer one.
type verifiedTokens struct {
	mu           sync.Mutex
	version      uint64 // of the keys that they were verified with
	newer, older map[[sha256.Size]byte]claims
}

// find returns what a token says that was verified and has not expired.
func (v *verifiedTokens) find(keys *keySet, token string, now time.Time) (claims, bool) {
	if keys == nil {
		return claims{}, false
	}
	hash := sha256.Sum256([]byte(token))
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.version != keys.version {
		v.newer, v.older, v.version = nil, nil, keys.version
		return claims{}, false
	}
	c, ok := v.newer[hash]
	if !ok {
		if c, ok = v.older[hash]; ok {
			v.put(hash, c)
		}
	}
	if !ok || !now.Before(c.expires) {
		return claims{}, false
	}
	return c, true
}

// add remembers a token.
func (v *verifiedTokens) add(keys *keySet, token string, c claims) {
	hash := sha256.Sum256([]byte(token))
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.version == keys.version {
		v.put(hash, c)
	}
}

// put is add with mu held.
func (v *verifiedTokens) put(hash [sha256.Size]byte, c claims) {
	if len(v.newer) >= maxVerified {
		v.older, v.newer = v.newer, nil
	}
	if v.newer == nil {
		v.newer = make(map[[sha256.Size]byte]claims)
	}
	v.newer[hash] = c
}
