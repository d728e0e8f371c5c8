package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// RequestRecord is one request the server answered, for tests to look at.
// It holds no credential.
type RequestRecord struct {
	Time     time.Time
	Method   string
	Endpoint string // template of the route, e.g. "/api/passwords/{uuid}/"; "" for an unknown path
	Path     string // as escaped by the client
	Query    url.Values
	// Identity is the uuid the call was about, "" when none or unknown.
	Identity string
	// Credential is the kind of credential: "none", "access", "bound",
	// "management" or "identity".
	Credential string
	// Fingerprint names the credential without revealing it; "" when none.
	Fingerprint string
	Status      int         // 0 for a connection cut before an answer
	Header      http.Header // of the request, without Authorization and Cookie
	Body        []byte      // only with Config.RecordBodies
	Stream      bool        // an event stream that was opened
	Fault       bool        // the fault plan had a hand in it
}

func (s *Server) newRecord(r *http.Request) RequestRecord {
	rec := RequestRecord{Time: s.now(), Method: r.Method, Path: r.URL.EscapedPath(), Credential: credNone}
	if s.records.limit < 0 {
		return rec
	}
	rec.Query = r.URL.Query()
	rec.Header = r.Header.Clone()
	if auth := rec.Header.Get("Authorization"); auth != "" {
		sum := sha256.Sum256([]byte(strings.TrimPrefix(auth, "Bearer ")))
		rec.Fingerprint = hex.EncodeToString(sum[:4])
	}
	rec.Header.Del("Authorization")
	rec.Header.Del("Cookie")
	return rec
}

// recorder keeps the last requests in a ring.
type recorder struct {
	limit int
	mu    sync.Mutex
	ring  []RequestRecord
	next  int
}

func (r *recorder) add(rec RequestRecord) {
	if r.limit < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < r.limit {
		r.ring = append(r.ring, rec)
		return
	}
	r.ring[r.next] = rec
	r.next = (r.next + 1) % r.limit
}

// Requests returns the requests answered so far, oldest first; at most
// Config.KeptRequests of them. A stream is recorded when it opens.
func (s *Server) Requests() []RequestRecord {
	r := &s.records
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]RequestRecord, 0, len(r.ring))
	out = append(out, r.ring[r.next:]...)
	return append(out, r.ring[:r.next]...)
}

// ClearRequests forgets the requests recorded so far.
func (s *Server) ClearRequests() {
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	s.records.ring, s.records.next = nil, 0
}

// CountRequests returns how many recorded requests had this method and
// endpoint template; an empty method or endpoint matches all.
func (s *Server) CountRequests(method, endpoint string) int {
	n := 0
	for _, rec := range s.Requests() {
		if (method == "" || rec.Method == method) && (endpoint == "" || rec.Endpoint == endpoint) {
			n++
		}
	}
	return n
}
