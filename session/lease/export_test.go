package lease

import (
	"context"
	"encoding/json"
	"time"

	"ravi-mcp/ravi"
)

// What a test needs to make a disk that dies.
type (
	Disk       = disk
	OSDisk     = osDisk
	AppendFile = appendFile
)

// SetDisk puts the journals on another disk.
func (m *Manager) SetDisk(d Disk) { m.disk = d }

// Journals are written anew so early that tests see it.
func init() { rewriteAt = 16 }

// SweepRegistryEvery is how often a replica looks what is due in its Registry.
func (m *Manager) SweepRegistryEvery(d time.Duration) { m.pace = d }

// Kill ends everything as if the process had been killed.
func (m *Manager) Kill() {
	m.backends()
	m.ending.Store(true)
	m.journals.mu.Lock()
	m.journals.close()
	m.journals.mu.Unlock()
	m.stop()
	m.running.Wait()
}

// Sweep does what is due in the journals now.
func (m *Manager) Sweep(ctx context.Context) {
	m.backends()
	m.journals.sweep(ctx)
}

// ParsedJournal is what a journal's text says: the names of its leases.
func ParsedJournal(data []byte) (names []string, torn bool) {
	records, torn := parseJournal(data)
	for _, r := range records {
		if !r.Gone {
			names = append(names, r.Name)
		}
	}
	return names, torn
}

// CredentialOf names a client's credential as leases do.
func (m *Manager) CredentialOf(c *ravi.Client) string { return m.credential(c) }

// NewAddress is the address that a lease asks for.
var NewAddress = newAddress

// JournalLine is a line of a journal in which every field of a record is set.
func JournalLine() ([]byte, error) {
	at := time.Date(2026, 7, 28, 0, 0, 0, 0, time.UTC)
	return json.Marshal(record{
		ID: "1", Name: "task", Known: []string{"v"}, Credential: "k", Caller: "alice", Persistent: true, Address: "task-1", ByAddress: true,
		Intended: at, Ahead: time.Second, Clock: true, TTL: time.Minute, UUID: "u", Expires: at, Gone: true, Owned: true,
	})
}

// SealedEntry is an entry of a Registry, and OpenEntry what one says, as a line of a journal.
func (m *Manager) SealedEntry(line []byte) (e Entry, err error) {
	var r record
	if err = json.Unmarshal(line, &r); err == nil {
		e, err = m.seal(r, 0)
	}
	return e, err
}

func (m *Manager) OpenEntry(e Entry) ([]byte, error) {
	r, err := m.open(e)
	if err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// FindByName looks among identities for what an intent of now became.
func (m *Manager) FindByName(ctx context.Context, all []ravi.Identity, name string) (string, error) {
	m.backends()
	return m.findByName(ctx, nil, all, record{ID: "intent", Name: name, Intended: m.now(), Clock: true})
}
