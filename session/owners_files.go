package session

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ravi-mcp/internal/fault"
)

// OwnerFiles keeps in a folder which caller created which identity, for as long as the identity
// exists. Any number of processes may use the folder at the same time: a record is the name of a
// file, which is there or not, so that neither a lock nor a killed process can leave half of one.
// What stands in the file only helps to find records of identities that are gone. It may be used by
// any number of goroutines.
type OwnerFiles struct {
	// Dir is the folder. It is made when it is first written to; "" is an error then.
	Dir string

	mu     sync.Mutex
	read   map[string]string // hash of the identity -> hash of the caller
	ofTime time.Time         // of the folder when it was read; zero: read it again
}

// settled is how old a change of the folder must be before a list of it is kept. Clocks of file
// systems are coarse, so that two changes close together can have one time.
const settled = 2 * time.Second

// torn is in place of a caller for an identity with two records, which no caller has then.
const torn = "?"

func ownerHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

func identityHash(uuid string) string { return ownerHash(strings.ToLower(uuid)) }

// record is Store.RecordOwner.
func (o *OwnerFiles) record(made Ownership) error {
	if o.Dir == "" {
		return errors.New("session: there is no state folder for records of owners")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ofTime = time.Time{}
	all, err := o.load()
	identity, caller := identityHash(made.Identity), ownerHash(made.Caller)
	switch owner, known := all[identity]; {
	case err != nil:
		return err
	case known && owner == caller:
		return nil
	case known:
		return ErrOtherOwner
	case len(all) >= MaxOwners:
		return ErrTooManyOwners
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(ownerFile{made.Identity, made.Credential})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(o.path(identity, caller), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	syncFolder(o.Dir)
	syncFolder(filepath.Dir(o.Dir))
	return nil
}

// ownerFile is what stands in a record.
type ownerFile struct {
	Identity   string `json:"identity"`
	Credential string `json:"credential"`
}

func (o *OwnerFiles) path(identity, caller string) string {
	return filepath.Join(o.Dir, identity+"-"+caller)
}

// ownedWith is Store.OwnedWith.
func (o *OwnerFiles) ownedWith(credential string, most int) ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all, err := o.load()
	var found []string
	for identity, caller := range all { // in random order
		if most--; most < 0 {
			break
		}
		var file ownerFile
		text, err := os.ReadFile(o.path(identity, caller))
		if err == nil && json.Unmarshal(text, &file) == nil && file.Credential == credential && identityHash(file.Identity) == identity {
			found = append(found, file.Identity)
		}
	}
	return found, err
}

// syncFolder makes a new name in a folder durable, where the system can.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}

// owners is Store.Owners.
func (o *OwnerFiles) owners(caller string, identities []string) ([]Owner, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all, err := o.load()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "This server could not read its records of who created which identity.",
			"Call again; if it happens again, a person has to look at the server's state folder.").WithCause(err)
	}
	found := make([]Owner, len(identities))
	for i, identity := range identities {
		found[i] = OfCaller(all[identityHash(identity)], ownerHash(caller))
	}
	return found, nil
}

// forget drops the record of an identity that does not exist any more.
func (o *OwnerFiles) forget(identity string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ofTime = time.Time{}
	paths, err := filepath.Glob(o.path(identityHash(identity), "*"))
	for _, path := range paths {
		if failed := os.Remove(path); !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// load returns the records, from memory if the folder has not changed. The caller holds mu.
func (o *OwnerFiles) load() (map[string]string, error) {
	info, err := os.Stat(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !o.ofTime.IsZero() && info.ModTime().Equal(o.ofTime) {
		return o.read, nil
	}
	entries, err := os.ReadDir(o.Dir)
	if err != nil {
		return nil, err
	}
	o.read = make(map[string]string, len(entries))
	for _, entry := range entries {
		identity, caller, whole := strings.Cut(entry.Name(), "-")
		if !whole {
			continue
		}
		if _, twice := o.read[identity]; twice {
			caller = torn
		}
		o.read[identity] = caller
	}
	o.ofTime = time.Time{}
	if time.Since(info.ModTime()) > settled {
		o.ofTime = info.ModTime()
	}
	return o.read, nil
}
