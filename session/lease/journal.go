package lease

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

const (
	journalSuffix = ".jsonl"
	lockSuffix    = ".lock"
	// maxJournal bounds what is read of a journal; one is written anew long before that.
	maxJournal = 64 << 20
)

// parseJournal returns the last record of every lease, in the order of their first: the last whole
// line of an id holds. Lines that are torn, or no records, are skipped; torn reports whether the
// text ends in the middle of a line.
func parseJournal(data []byte) (records []record, torn bool) {
	at := map[string]int{}
	for line := range bytes.Lines(data) {
		var r record
		if json.Unmarshal(line, &r) != nil || !r.valid() {
			continue
		}
		if i, ok := at[r.ID]; ok {
			records[i] = r
			continue
		}
		at[r.ID] = len(records)
		records = append(records, r)
	}
	return records, len(data) > 0 && data[len(data)-1] != '\n'
}

// journal is a file of leases that this process has locked. A living process holds the lock of each
// of its journals; the system gives it back when the process ends, however it does. It has no lock
// of its own: journals.mu guards it.
type journal struct {
	disk  disk
	path  string
	lock  *flock.Flock
	file  appendFile
	lines int
	torn  bool     // the last line may not be whole
	live  int      // leases of it that are not gone, those of other credentials included
	left  []record // of a process that is gone: those that are left to the next one of its kind
}

// createJournal makes a journal, with its folder if need be.
func createJournal(d disk, dir string) (*journal, error) {
	if err := d.Mkdir(dir); err != nil {
		return nil, err
	}
	for range 10 {
		path := filepath.Join(dir, "leases-"+strings.ToLower(rand.Text())+journalSuffix)
		lock, err := lockJournal(d, path)
		if err != nil {
			return nil, err
		}
		if lock == nil {
			continue // a process that looked for journals without an owner was faster
		}
		file, err := d.Create(path)
		if err != nil {
			return nil, errors.Join(err, d.Remove(lock.Path()), lock.Close())
		}
		d.SyncFolder(dir)
		return &journal{disk: d, path: path, lock: lock, file: file}, nil
	}
	return nil, errors.New("lease: no lock of a new journal could be had")
}

// takeJournal takes over a journal whose process is gone. It returns nil if it is held, or has been
// dealt with.
func takeJournal(d disk, path string) (*journal, []record, error) {
	lock, err := lockJournal(d, path)
	if lock == nil {
		return nil, nil, err
	}
	j := &journal{disk: d, path: path, lock: lock}
	data, err := readJournal(path)
	if errors.Is(err, fs.ErrNotExist) {
		_ = d.Remove(lock.Path())
		return nil, nil, lock.Close()
	}
	if err == nil {
		j.file, err = d.Open(path)
	}
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	records, torn := parseJournal(data)
	j.torn = torn
	for _, r := range records {
		if !r.Gone {
			j.live++
		}
	}
	j.lines = bytes.Count(data, []byte("\n"))
	return j, records, nil
}

// lockJournal locks a journal, or returns nil if another process has it.
func lockJournal(d disk, path string) (*flock.Flock, error) {
	lock, ok, err := d.Lock(strings.TrimSuffix(path, journalSuffix) + lockSuffix)
	if !ok {
		if lock != nil {
			_ = lock.Close()
		}
		return nil, err
	}
	// The file may have been removed by its former owner just before.
	mine, err := lock.Stat()
	if err == nil {
		var there fs.FileInfo
		if there, err = os.Stat(lock.Path()); err == nil && os.SameFile(mine, there) {
			return lock, nil
		}
	}
	_ = lock.Close()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return nil, err
}

func readJournal(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxJournal+1))
	if err == nil && len(data) > maxJournal {
		err = fmt.Errorf("lease: %s is too large to be a journal", path)
	}
	return data, err
}

// append writes a record; with durable it is on the disk when append returns.
func (j *journal) append(r record, durable bool) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	j.lines++
	line = append(line, '\n')
	if j.torn {
		line = append([]byte("\n"), line...)
	}
	_, err = j.file.Write(line)
	if j.torn = err != nil; err != nil {
		return err
	}
	if durable {
		return j.file.Sync()
	}
	return nil
}

// close gives the journal up and leaves it to the next start.
func (j *journal) close() error {
	var err error
	if j.file != nil {
		err = j.file.Close()
	}
	return errors.Join(err, j.lock.Close())
}

// remove ends a journal in which nothing stands any more. If it cannot be removed it stays locked,
// so that no process acts on what stands in it.
func (j *journal) remove() error {
	if j.file != nil {
		_ = j.file.Close()
	}
	if err := j.disk.Remove(j.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_ = j.disk.Remove(j.lock.Path())
	return j.lock.Close()
}

// journalsIn returns the paths of all journals in a folder.
func journalsIn(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, "leases-*"+journalSuffix))
}

// sweepLocks removes the locks of journals that do not exist, which a process that was killed in
// between leaves behind.
func sweepLocks(d disk, dir string) {
	locks, _ := filepath.Glob(filepath.Join(dir, "leases-*"+lockSuffix))
	for _, path := range locks {
		journal := strings.TrimSuffix(path, lockSuffix) + journalSuffix
		if _, err := os.Stat(journal); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if j, _, _ := takeJournal(d, journal); j != nil {
			_ = j.close() // made in this moment
		}
	}
}

// disk is all that journals do to the file system. A test puts one in its place that stops working
// at a chosen moment, as it does for a process that is killed.
type disk interface {
	Mkdir(dir string) error
	// Lock takes the lock of a file, made if need be; false: another process has it.
	Lock(path string) (*flock.Flock, bool, error)
	Create(path string) (appendFile, error)
	Open(path string) (appendFile, error)
	Remove(path string) error
	// SyncFolder makes a new name in a folder durable, where the system can.
	SyncFolder(dir string)
}

// appendFile is a file that is only added to.
type appendFile interface {
	io.WriteCloser
	Sync() error
}

// osDisk is the disk itself.
type osDisk struct{}

func (osDisk) Mkdir(dir string) error { return os.MkdirAll(dir, 0o700) }

func (osDisk) Lock(path string) (*flock.Flock, bool, error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	return lock, ok, err
}

func (osDisk) Create(path string) (appendFile, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
}

func (osDisk) Open(path string) (appendFile, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
}

func (osDisk) Remove(path string) error { return os.Remove(path) }

func (osDisk) SyncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}
