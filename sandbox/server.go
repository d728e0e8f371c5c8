package sandbox

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server is an embedded Ravi. Make one with New; it is an http.Handler.
type Server struct {
	cfg     Config
	routes  *router
	disk    *disk
	seq     atomic.Int64 // last integer id given
	signKey []byte       // signs access and refresh tokens and upload links
	faults  FaultPlan
	records recorder
	streams streamCount
	done    chan struct{} // closed by Close
	closing sync.Once

	mu         sync.RWMutex // guards the maps and every account
	accounts   map[int64]*account
	byEmail    map[string]*account
	identities map[string]*identity // by uuid
	addresses  map[string]*identity // by address; nil for a retired one
	phones     map[string]*identity // by number; nil for a retired one
	keys       map[string]*keyRec   // by key
	lastPhone  int64
	devices    map[string]*device // by device code
	ssoTokens  map[string]ssoToken
}

// New makes a Server. With Config.Data it reads what the folder holds; ErrDataInUse when another
// process has it open.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if cfg.Era != EraTokens && cfg.Era != EraKeys {
		return nil, fmt.Errorf("sandbox: unknown era %q (want %q or %q)", cfg.Era, EraTokens, EraKeys)
	}
	s := &Server{
		cfg: cfg, done: make(chan struct{}),
		accounts: map[int64]*account{}, byEmail: map[string]*account{},
		identities: map[string]*identity{}, addresses: map[string]*identity{}, phones: map[string]*identity{},
		keys: map[string]*keyRec{}, devices: map[string]*device{}, ssoTokens: map[string]ssoToken{},
		signKey: make([]byte, 32),
	}
	s.records.limit = cfg.KeptRequests
	if _, err := rand.Read(s.signKey); err != nil {
		return nil, err
	}
	s.routes = newRouter(cfg.Era, s.routeTable())
	if cfg.Data != "" {
		var err error
		if s.disk, err = openDisk(cfg.Data); err != nil {
			return nil, err
		}
		if err := s.load(); err != nil {
			_ = s.disk.close()
			return nil, err
		}
	}
	return s, nil
}

// Close ends all streams, long polls and SMTP sessions and closes the data file. After that, a
// server with a data folder refuses changes (500).
func (s *Server) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.done)
		err = s.disk.close()
	})
	return err
}

// Era returns the dialect the server speaks.
func (s *Server) Era() Era { return s.cfg.Era }

// now is the server's clock, with the precision of the wire.
func (s *Server) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

func (s *Server) nextID() int64 { return s.seq.Add(1) }

// save puts changes on disk before they are applied to memory.
func (s *Server) save(ops ...op) error { return s.disk.write(s.seq.Load, ops) }

// newUUID returns a random (version 4) UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

var _ http.Handler = (*Server)(nil)
