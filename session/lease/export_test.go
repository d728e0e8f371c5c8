package lease

import (
	"context"
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
