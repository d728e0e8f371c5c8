package lease

import (
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

// RewriteJournalsAt makes journals of that many lines be written anew.
func RewriteJournalsAt(lines int) { rewriteAt = lines }

// SweepBookEvery is how often a replica looks what is due in its book.
func (m *Manager) SweepBookEvery(d time.Duration) { m.pace = d }

// Kill ends everything as if the process had been killed.
func (m *Manager) Kill() {
	m.mu.Lock()
	stop, done := m.stop, m.done
	m.ending, m.closed = true, true
	for _, j := range m.held {
		_ = j.close()
	}
	m.held, m.own = nil, nil
	m.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
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

// CountLeases returns how many leases there are.
func (m *Manager) CountLeases() int { return int(m.count.Load()) }

// CredentialOf names a client's credential as leases do.
func (m *Manager) CredentialOf(c *ravi.Client) string { return m.credential(c) }

// NewAddress is the address that a lease asks for.
var NewAddress = newAddress
