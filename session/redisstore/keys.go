package redisstore

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"ravi-mcp/session"
)

// hash names something without revealing it: 128 bits over the length and the bytes of each part.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write([]byte(p))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// sessionHash names a session of a caller. Without the caller the id means nothing (SECURITY.md
// T2).
func sessionHash(key session.Key) string { return hash("session", key.Caller, key.Session) }

func callerHash(caller string) string { return hash("caller", caller) }

func (s *Store) key(kind, name string) string { return s.cfg.Prefix + kind + ":" + name }
