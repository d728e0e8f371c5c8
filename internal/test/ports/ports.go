// Package ports finds TCP ports for programs that cannot take a free one by themselves, such as
// proxies and databases.
package ports

import (
	"crypto/rand"
	"encoding/binary"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Below 32768 no system takes a port by itself, for a listener on port 0 or for an outgoing
// connection, so that a port that is free stays so until its program starts.
const lowest, count = 10_000, 22_768

var (
	mu    sync.Mutex
	given = map[int]bool{}
)

// Free returns a port of 127.0.0.1 that is not in use and that was not returned before in this
// process. It may be called by any goroutine of the test.
func Free(t testing.TB) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	for range 1000 {
		var random [2]byte
		_, _ = rand.Read(random[:])
		port := lowest + int(binary.BigEndian.Uint16(random[:]))%count
		if given[port] {
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		_ = l.Close()
		given[port] = true
		return strconv.Itoa(port)
	}
	t.Fatal("there is no free port")
	return ""
}
