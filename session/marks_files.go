package session

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ravi-mcp/internal/fault"
)

const (
	// markLife is how long a mark in a folder stands: at least as long as UseOnce is ever asked
	// for.
	markLife = time.Hour
	// sweepMarks is how often a process looks for marks whose time is over.
	sweepMarks = time.Minute
)

// MarkFiles keeps single-use marks in a folder, for processes that accept what the others have
// sealed. A mark is the name of an empty file, which the system lets one of them make. It may be
// used by any number of goroutines and processes.
type MarkFiles struct {
	dir string
	max int // maxUsed

	mu       sync.Mutex
	swept    time.Time
	standing int // marks, when it was swept and of this process since
}

// OpenMarkFiles returns the marks in a folder, which it makes. It fails where none can be made
// there.
func OpenMarkFiles(dir string) (*MarkFiles, error) {
	m := &MarkFiles{dir: dir, max: maxUsed}
	if _, err := m.mark("opened "+NewID(), time.Now()); err != nil {
		return nil, err
	}
	return m, nil
}

// use is Store.UseOnce, but that a mark stands for markLife where ttl is less.
func (m *MarkFiles) use(key string, now time.Time, ttl time.Duration) (first bool, err error) {
	err = errors.New("session: a mark in a folder stands for an hour only")
	if ttl <= markLife {
		first, err = m.mark(key, now)
	}
	if err != nil {
		return false, fault.New(fault.Unavailable, "It cannot be noted that this is used, so nothing was done.",
			"Call again in a moment; if it happens again, the operator has to look at the state directory of this server.").WithCause(err)
	}
	return first, nil
}

func (m *MarkFiles) mark(key string, now time.Time) (first bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return false, err
	}
	if now.Sub(m.swept) >= sweepMarks || m.standing >= m.max {
		if err := m.sweep(now); err != nil {
			return false, err
		}
	}
	if m.standing >= m.max {
		return false, errTooManyMarks
	}
	f, err := os.OpenFile(filepath.Join(m.dir, ownerHash(key)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	m.standing++
	return true, f.Close()
}

// sweep removes the marks whose time is over, and counts the others. The caller holds mu.
func (m *MarkFiles) sweep(now time.Time) error {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	m.standing = 0
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && now.Sub(info.ModTime()) < markLife {
			m.standing++
			continue
		}
		if err == nil {
			err = os.Remove(filepath.Join(m.dir, entry.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // another process removes them too
			return err
		}
	}
	m.swept = now
	return nil
}
