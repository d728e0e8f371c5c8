package sandbox

import (
	"strings"
	"sync"
	"time"
)

// account owns identities. Guarded by Server.mu.
type account struct {
	rec        accountRec
	identities []*identity // in order of creation
	sent       []time.Time // emails of the last day, for the limits
	uploads    []time.Time
}

type accountRec struct {
	ID            int64                 `json:"id"`
	Email         string                `json:"email"`
	FirstName     string                `json:"first_name"`
	LastName      string                `json:"last_name"`
	NoPlan        bool                  `json:"no_plan"`
	AwaitKeys     bool                  `json:"await_keys"`
	Created       time.Time             `json:"created"`
	Salt          string                `json:"salt"`
	Verifier      string                `json:"verifier"`
	PublicKey     string                `json:"public_key"`
	EncryptionID  int64                 `json:"encryption_id"`
	ManagementKey string                `json:"management_key"`
	Generation    int64                 `json:"generation"` // access tokens of earlier ones are expired
	Refresh       map[string]refreshRec `json:"refresh"`    // live refresh tokens by jti
}

type refreshRec struct {
	Expires  time.Time `json:"expires"`
	Identity string    `json:"identity,omitempty"`
}

// keyRec is an API key. Guarded by Server.mu.
type keyRec struct {
	Key      string    `json:"key"`
	Account  int64     `json:"account"`
	Identity string    `json:"identity,omitempty"` // empty for a management key
	Label    string    `json:"label"`
	Created  time.Time `json:"created"`
	Revoked  bool      `json:"revoked"`
}

// identity is what a client acts as, with all it owns. Its mutex guards the fields that stand below
// it. Lock order: Server.mu before identity.mu, and never two identities at once.
type identity struct {
	uuid string
	acct *account
	gone chan struct{} // closed when the identity is deleted

	mu          sync.Mutex
	rec         identityRec
	deleted     bool
	emails      []*emailRec // by time, then id
	sms         []*smsRec   // by time, then id
	passwords   []passwordRec
	secrets     []secretRec
	contacts    []contactRec
	attachments map[string]*attachmentRec
	log         eventLog
}

type identityRec struct {
	ID      int64     `json:"id"`
	UUID    string    `json:"uuid"`
	Account int64     `json:"account"`
	Name    string    `json:"name"`
	Inbox   string    `json:"inbox"`
	EmailID int64     `json:"email_id"`
	Phone   string    `json:"phone"`
	PhoneID int64     `json:"phone_id"`
	Created time.Time `json:"created"`
	PhoneAt time.Time `json:"phone_at"`
	Updated time.Time `json:"updated"`
}

func newIdentity(acct *account, rec identityRec) *identity {
	return &identity{uuid: rec.UUID, acct: acct, rec: rec, gone: make(chan struct{}), attachments: map[string]*attachmentRec{}}
}

// key is the storage key of what belongs to this identity.
func (i *identity) key(rest string) string { return i.uuid + "/" + rest }

func (i *identity) snapshot() identityRec {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.rec
}

// addressKey is the form in which addresses are compared.
func addressKey(addr string) string { return strings.ToLower(strings.TrimSpace(addr)) }
