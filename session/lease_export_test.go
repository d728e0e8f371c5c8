package session

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
func (l *Leases) SetDisk(d Disk) { l.disk = d }

// RewriteJournalsAt makes journals of that many lines be written anew.
func RewriteJournalsAt(lines int) { rewriteAt = lines }

// SweepBookEvery is how often a replica looks what is due in its book.
func (l *Leases) SweepBookEvery(d time.Duration) { l.pace = d }

// Kill ends everything as if the process had been killed.
func (l *Leases) Kill() {
	l.mu.Lock()
	stop, done := l.stop, l.done
	l.ending, l.closed = true, true
	for _, j := range l.held {
		_ = j.close()
	}
	l.held, l.own = nil, nil
	l.mu.Unlock()
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
func (l *Leases) CountLeases() int { return int(l.count.Load()) }

// CredentialOf names a client's credential as leases do.
func (l *Leases) CredentialOf(c *ravi.Client) string { return l.credential(c) }

// NewAddress is the address that a lease asks for.
var NewAddress = newAddress
