package vault

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi/secret"
)

// writeExport writes a file of mode 0600 into the folder, whole or not at all, and reports whether
// it replaced one. Names outside of the folder, and what is no ordinary file, are refused; no
// symlink is followed.
func writeExport(dir *os.Root, name string, text secret.Secret, replace bool) (replaced bool, err error) {
	switch info, err := dir.Lstat(name); {
	case err == nil && !info.Mode().IsRegular():
		return false, fault.New(fault.Forbidden, "There is something of that name in the folder that is no ordinary file.", "Choose another name.")
	case err == nil && !replace:
		return false, errExists
	case err == nil:
		replaced = true
	case !errors.Is(err, fs.ErrNotExist):
		return false, exportProblem(err)
	}
	partial := "." + name + "." + rand.Text()[:10]
	f, err := dir.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, exportProblem(err)
	}
	_, err = f.WriteString(text.Reveal())
	err = errors.Join(err, f.Sync(), f.Close())
	switch {
	case err != nil:
	case replace:
		err = dir.Rename(partial, name)
	default:
		err = dir.Link(partial, name) // fails if a file was made meanwhile
		err = errors.Join(err, dir.Remove(partial))
	}
	if err != nil {
		_ = dir.Remove(partial)
		if errors.Is(err, fs.ErrExist) {
			return false, errExists
		}
		return false, exportProblem(err)
	}
	return replaced, nil
}

var errExists = fault.New(fault.Conflict, "A file of that name exists in the folder.", "Choose another name, or set if_exists to replace.")

func exportProblem(err error) error {
	return fault.New(fault.Unavailable, "The file cannot be written to the folder that the operator chose.",
		"Check that the folder exists, has room and may be written by this server; then call again.").WithCause(err)
}
