package lease

import (
	"io"
	"os"

	"github.com/gofrs/flock"
)

// disk is all that journals do to the file system. A test puts one in its place
// that stops working at a chosen moment, as it does for a process that is killed.
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
