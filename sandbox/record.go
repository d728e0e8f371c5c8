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

// RequestRecord is one request the server answered, for tests to look at. It holds no credential.
type RequestRecord struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	// Endpoint is the template of the route, e.g. "/api/passwords/{uuid}/"; "" for an unknown path.
	Endpoint string `json:"endpoint"`
	// Path is the path as escaped by the client.
	Path  string     `json:"path"`
	Query url.Values `json:"query,omitempty"`
	// Identity is the uuid the call was about, "" when none or unknown.
	Identity string `json:"identity,omitempty"`
	// Credential is the kind of credential: "none", "access", "bound", "management" or "identity".
	Credential string `json:"credential"`
	// Fingerprint names the credential without revealing it; "" when none.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Status is 0 for a connection that was cut before an answer.
	Status int `json:"status"`
	// Header is the request's, without Authorization and Cookie.
	Header http.Header `json:"header,omitempty"`
	// Body is kept only with Config.RecordBodies.
	Body []byte `json:"body,omitempty"`
	// Stream marks an event stream that was opened.
	Stream bool `json:"stream,omitempty"`
	// Fault says that a fault of the plan was applied.
	Fault bool `json:"fault,omitempty"`
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

// inOrder copies the ring, oldest first. recorder.mu must be held.
func (r *recorder) inOrder() []RequestRecord {
	return append(append([]RequestRecord{}, r.ring[r.next:]...), r.ring[:r.next]...)
}

// Requests returns the requests answered so far, oldest first; at most Config.KeptRequests of them.
// A stream is recorded when it opens.
func (s *Server) Requests() []RequestRecord {
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	return s.records.inOrder()
}

// TakeRequests returns the requests answered since the last time, like Requests, and forgets them;
// none is lost between the two.
func (s *Server) TakeRequests() []RequestRecord {
	r := &s.records
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.inOrder()
	r.ring, r.next = nil, 0
	return out
}

// KeptRequests is how many requests are kept at most.
func (s *Server) KeptRequests() int { return s.records.limit }

// ClearRequests forgets the requests recorded so far.
func (s *Server) ClearRequests() { s.TakeRequests() }

// CountRequests returns how many recorded requests had this method and endpoint template; an empty
// method or endpoint matches all.
func (s *Server) CountRequests(method, endpoint string) int {
	n := 0
	for _, rec := range s.Requests() {
		if (method == "" || rec.Method == method) && (endpoint == "" || rec.Endpoint == endpoint) {
			n++
		}
	}
	return n
}
