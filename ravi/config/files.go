package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"ravi-mcp/ravi/secret"
)

// maxFileSize bounds what is read: the files are a few hundred bytes.
const maxFileSize = 1 << 20

// content is everything that either file may hold. Unknown fields are ignored, absent and null ones
// stay empty.
type content struct {
	ManagementKey secret.Secret `json:"management_key"`
	IdentityKey   secret.Secret `json:"identity_key"`
	IdentityUUID  string        `json:"identity_uuid"`
	IdentityName  string        `json:"identity_name"`
	BoundAccess   secret.Secret `json:"bound_access_token"`
	BoundRefresh  secret.Secret `json:"bound_refresh_token"`
	UserEmail     string        `json:"user_email"`

	Access     secret.Secret `json:"access_token"`
	Refresh    secret.Secret `json:"refresh_token"`
	ExpiresAt  fileTime      `json:"expires_at"`
	PrivateKey secret.Secret `json:"private_key"`
	PublicKey  secret.Secret `json:"public_key"`
	Salt       secret.Secret `json:"pin_salt"`
	Plaintext  bool          `json:"plaintext_mode"`
}

func (c content) hasKey() bool { return !c.ManagementKey.Empty() || !c.IdentityKey.Empty() }

func (c content) holdsCredential() bool {
	return c.hasKey() || !c.BoundAccess.Empty() || !c.BoundRefresh.Empty() ||
		!c.Access.Empty() || !c.Refresh.Empty() || !c.PrivateKey.Empty()
}

// fileTime reads RFC 3339 and the ISO 8601 forms without a zone. What it does not understand is an
// unknown time: an expiry is a hint, not a need.
type fileTime struct{ time.Time }

func (t *fileTime) UnmarshalJSON(data []byte) error {
	t.Time = time.Time{}
	var text string
	if json.Unmarshal(data, &text) != nil {
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"} {
		if parsed, err := time.Parse(layout, text); err == nil {
			t.Time = parsed
			return nil
		}
	}
	return nil
}

// file is an opened file as far as it matters for trust.
type file struct {
	path     string // as it was asked for
	resolved string // with symbolic links followed
	info     fs.FileInfo
}

// readFile reads and parses path. A file that does not exist gives the zero content and no error.
func readFile(path string) (content, *file, error) {
	data, f, err := readRaw(path)
	if err != nil || f == nil {
		return content{}, nil, err
	}
	c, err := parse(path, data)
	if err == nil {
		err = c.checkValues(path)
	}
	if err != nil {
		return content{}, nil, err
	}
	return c, f, nil
}

func parse(path string, data []byte) (content, error) {
	var c content
	if err := json.Unmarshal(data, &c); err != nil {
		return content{}, invalidJSON(path, data, err)
	}
	if string(bytes.TrimSpace(data)) == "null" {
		return content{}, &FileError{Path: path, Line: 1, Column: 1, Reason: "a JSON object is needed here", Kind: ErrInvalidFile}
	}
	return c, nil
}

func readRaw(path string) ([]byte, *file, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if isMissing(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	// A pipe or a device in the file's place must neither block nor be read.
	info, err := os.Stat(resolved)
	if err == nil && !info.Mode().IsRegular() {
		return nil, nil, &FileError{Path: path, Reason: "not a regular file", Kind: ErrInvalidFile}
	}
	handle, err := os.Open(resolved)
	if isMissing(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	defer handle.Close()
	// The opened file is asked, not the path, which may name another one by now.
	if info, err = handle.Stat(); err != nil {
		return nil, nil, unreadable(path, err)
	}
	data, err := io.ReadAll(io.LimitReader(handle, maxFileSize+1))
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	if len(data) > maxFileSize {
		return nil, nil, &FileError{Path: path, Reason: "larger than 1 MiB", Kind: ErrInvalidFile}
	}
	return data, &file{path: path, resolved: resolved, info: info}, nil
}

// isMissing reports whether there is no such file, or no such folder for it: a HOME that is no
// folder, such as /dev/null, has none.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func unreadable(path string, err error) error {
	return &FileError{Path: path, Reason: "cannot be read", Kind: ErrInvalidFile, Cause: err}
}

// private refuses a file that others can read or could have put there.
func (f *file) private() error {
	refuse := func(reason string) error {
		return &FileError{Path: f.path, Reason: reason, Kind: ErrPermissions}
	}
	if f.info.Mode().Perm()&0o077 != 0 && modesMatter {
		return refuse(fmt.Sprintf("holds a credential and is open to others (mode %04o): run chmod 600 %s", f.info.Mode().Perm(), f.resolved))
	}
	if !ownedByUs(f.info) {
		return refuse("holds a credential and belongs to another user: let it belong to this one, or to root")
	}
	if !isLinked(f.path) {
		return nil
	}
	dir, err := os.Stat(filepath.Dir(f.resolved))
	if err != nil {
		return unreadable(f.path, err)
	}
	if modesMatter && dir.Mode().Perm()&0o022 != 0 || !ownedByUs(dir) {
		return refuse("holds a credential and is a symbolic link into a directory that others can write: take that right from them, or put the file itself in this place")
	}
	return nil
}

// isLinked reports whether the file or the directory it stands in is a symbolic link.
func isLinked(path string) bool {
	for _, p := range []string{path, filepath.Dir(path)} {
		if info, err := os.Lstat(p); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

// invalidJSON describes what is wrong with a file without quoting it.
func invalidJSON(path string, data []byte, err error) error {
	e := &FileError{Path: path, Reason: "not valid JSON", Kind: ErrInvalidFile}
	offset := int64(-1)
	syntax, isSyntax := errors.AsType[*json.SyntaxError](err)
	kind, isType := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case len(data) == 0:
		e.Reason = "empty file"
	case isSyntax:
		offset = syntax.Offset
	case isType:
		offset = kind.Offset
		if e.Reason = "a JSON object is needed here"; kind.Field != "" {
			e.Reason = fmt.Sprintf("the field %s has the wrong type", kind.Field)
		}
	default:
		e.Reason = "a field has the wrong type"
	}
	if offset >= 0 {
		e.Line, e.Column = position(data, offset)
	}
	return e
}

// position turns a byte offset into line and column, both from 1.
func position(data []byte, offset int64) (line, column int) {
	before := data[:min(max(offset-1, 0), int64(len(data)))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}
