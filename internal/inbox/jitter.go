package inbox

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// jitter returns a random duration in [0, below), so that watchers do not
// poll in step. It comes from crypto/rand only because this project has no
// other source of chance (SECURITY.md S8).
func jitter(below time.Duration) time.Duration {
	if below <= 0 {
		return 0
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (Go 1.24)
	return time.Duration(binary.LittleEndian.Uint64(b[:]) % uint64(below))
}
