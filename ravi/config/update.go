package config

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"ravi-mcp/ravi/secret"
)

const (
	lockSuffix = ".lock"
	tempSuffix = ".tmp"
	// lockPoll is how often a taken lock is tried again. A refresh takes one round trip to Ravi, so
	// this adds little to the wait.
	lockPoll = 20 * time.Millisecond
)

// Tokens is one token pair, as a refresh returns it.
type Tokens struct {
	// Access must be set. An empty Refresh keeps the refresh token that the file holds: Ravi need
	// not rotate it.
	Access, Refresh secret.Secret
	// ExpiresAt is written only to a file that has the field already; zero removes it there,
	// because an old expiry beside a new token is wrong.
	ExpiresAt time.Time
}

// UpdateTokens replaces the token pair of the file at path, for any number of processes in turn: it
// takes the file's lock (path + ".lock"), reads the file again, calls fn with what it holds now,
// and writes the pair that fn returns before it lets go of the lock. fn compares cur with what it
// wanted to replace: when another process was faster, it returns the zero Tokens and nothing is
// written.
//
// In auth.json the fields are access_token and refresh_token, in config.json bound_access_token and
// bound_refresh_token; cur carries either as AccessToken and RefreshToken. All other fields of the
// file are kept. The file is replaced in one step (temporary file, fsync, rename) with mode 0600,
// so that it is whole at every instant, also when the process is killed. A path that is a symbolic
// link stays one: its target is replaced.
//
// Errors: those of fn; ctx's while waiting for the lock; a *[FileError] that is [ErrInvalidFile] or
// [ErrPermissions] for a file that cannot be used, and [ErrNotSaved] when fn returned tokens that
// could not be written. On a read-only mount no lock can be taken either: fn is called all the
// same, and the result is ErrNotSaved, so that the caller can keep the tokens in memory.
func UpdateTokens(ctx context.Context, path string, fn func(cur Credentials) (Tokens, error)) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return unreadable(path, err)
	}
	lock := flock.New(target+lockSuffix, flock.SetPermissions(0o600))
	// A lock that cannot be created (read-only mount) leaves nothing to protect: the file cannot be
	// written either.
	locked, lockErr := lock.TryLockContext(ctx, lockPoll)
	if lockErr != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if locked {
		defer lock.Close()
	}

	data, f, err := readRaw(path)
	if err != nil {
		return err
	}
	if f == nil {
		return unreadable(path, fs.ErrNotExist)
	}
	cur, err := parse(path, data)
	if err != nil {
		return err
	}
	if err := f.private(); err != nil {
		return err
	}
	if err := cur.checkValues(path); err != nil {
		return err
	}
	names := fieldsOf(path)
	next, err := fn(cur.credentials(names, path))
	if err != nil || next.Access.Empty() {
		return err
	}
	if !locked {
		return &FileError{Path: path, Reason: "new tokens could not be saved", Kind: ErrNotSaved, Cause: lockErr}
	}
	if err := replaceTokens(f.resolved, data, names, next); err != nil {
		return &FileError{Path: path, Reason: "new tokens could not be saved", Kind: ErrNotSaved, Cause: err}
	}
	return nil
}

// pairFields are the names of a token pair in one kind of file.
type pairFields struct{ access, refresh string }

func fieldsOf(path string) pairFields {
	if filepath.Base(path) == ConfigFileName {
		return pairFields{"bound_access_token", "bound_refresh_token"}
	}
	return pairFields{"access_token", "refresh_token"}
}

func (c content) credentials(names pairFields, path string) Credentials {
	out := Credentials{
		Scheme:       SchemeToken,
		AccessToken:  c.Access,
		RefreshToken: c.Refresh,
		ExpiresAt:    c.ExpiresAt.Time,
		IdentityUUID: c.IdentityUUID,
		IdentityName: c.IdentityName,
		UserEmail:    c.UserEmail,
		AuthFile:     path,
		Source:       path,
	}
	if names.access == "bound_access_token" {
		out.AccessToken, out.RefreshToken, out.Bound = c.BoundAccess, c.BoundRefresh, true
		out.ExpiresAt = time.Time{}
	}
	return out
}

// writeAtomically replaces path by data in one step, as 0600. The caller holds the lock or is the
// only writer, so the temporary file may have a fixed name: what a killed process left behind is
// cleared by the next one.
func writeAtomically(path string, data []byte) (err error) {
	temp := path + tempSuffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err = os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the rename itself durable. Where a directory cannot be synced the rename stands all
// the same.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	_ = d.Sync()
	return d.Close()
}
