package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"ravi-mcp/ravi/secret"
)

// This file is the only one of the package that reads secrets: they go into the files they belong
// to.

// replaceTokens writes the file anew with another pair and every other field as it was.
func replaceTokens(path string, data []byte, names pairFields, next Tokens) error {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return errors.New("not a JSON object")
	}
	set(fields, names.access, next.Access)
	set(fields, names.refresh, next.Refresh)
	if _, ok := fields["expires_at"]; ok && names.access == "access_token" {
		delete(fields, "expires_at")
		setTime(fields, "expires_at", next.ExpiresAt)
	}
	return writeFields(path, fields)
}

// Save writes what a login brought into dir (0700 when it is created; both files 0600): the API
// keys and the chosen identity into config.json, a token pair and the encryption keys into
// auth.json. auth.json is written last, so that a login that fails on the way leaves no new
// credential. Credentials and keys of an earlier login go, because they may be another account's;
// the chosen identity, unless c has one, and fields that this package does not know stay. A person
// runs this; no server does.
//
// Errors: a *[FileError] that is [ErrInvalidFile] when a file is there that is not JSON, or
// [ErrNotSaved].
func Save(ctx context.Context, dir string, c Credentials) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &FileError{Path: dir, Reason: "cannot be created", Kind: ErrNotSaved, Cause: err}
	}
	boundAccess, boundRefresh := c.BoundAccessToken, c.BoundRefreshToken
	if c.Bound {
		boundAccess, boundRefresh = c.AccessToken, c.RefreshToken
	}
	err := merge(ctx, filepath.Join(dir, ConfigFileName), func(fields map[string]json.RawMessage) {
		remove(fields, "management_key", "identity_key", "bound_access_token", "bound_refresh_token", "user_email")
		set(fields, "management_key", c.ManagementKey)
		set(fields, "identity_key", c.IdentityKey)
		set(fields, "bound_access_token", boundAccess)
		set(fields, "bound_refresh_token", boundRefresh)
		setText(fields, "identity_uuid", c.IdentityUUID)
		setText(fields, "identity_name", c.IdentityName)
		if c.Scheme == SchemeKey {
			setText(fields, "user_email", c.UserEmail)
		}
	})
	if err != nil || c.Bound {
		return err
	}
	if c.Scheme != SchemeToken {
		c = Credentials{} // what auth.json has is of an earlier login
	}
	return merge(ctx, filepath.Join(dir, AuthFileName), func(fields map[string]json.RawMessage) {
		remove(fields, "access_token", "refresh_token", "expires_at", "private_key", "public_key", "pin_salt", "user_email")
		set(fields, "access_token", c.AccessToken)
		set(fields, "refresh_token", c.RefreshToken)
		set(fields, "private_key", c.PrivateKey)
		set(fields, "public_key", c.PublicKey)
		set(fields, "pin_salt", c.Salt)
		setText(fields, "user_email", c.UserEmail)
		setTime(fields, "expires_at", c.ExpiresAt)
	})
}

// SaveKeys adds the encryption keys of an account to the file that its tokens are in
// (Credentials.AuthFile), under the file's lock, and leaves everything else in it as it is: a
// server may have rotated the tokens meanwhile.
//
// Errors: as of Save.
func SaveKeys(ctx context.Context, authFile string, private, public, salt secret.Secret) error {
	return merge(ctx, authFile, func(fields map[string]json.RawMessage) {
		set(fields, "private_key", private)
		set(fields, "public_key", public)
		set(fields, "pin_salt", salt)
	})
}

// merge changes fields of one file under its lock. A file that would stay without any field is not
// created.
func merge(ctx context.Context, path string, change func(map[string]json.RawMessage)) error {
	notSaved := func(err error) error {
		return &FileError{Path: path, Reason: "cannot be written", Kind: ErrNotSaved, Cause: err}
	}
	target := path
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		target = resolved
	} else if !errors.Is(err, fs.ErrNotExist) {
		return unreadable(path, err)
	}
	lock := flock.New(target+lockSuffix, flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return notSaved(err)
	}
	defer lock.Close()

	data, _, err := readRaw(path)
	if err != nil {
		return err
	}
	fields := map[string]json.RawMessage{}
	if len(data) > 0 {
		if _, err := parse(path, data); err != nil {
			return err
		}
		if err := json.Unmarshal(data, &fields); err != nil {
			return invalidJSON(path, data, err)
		}
	}
	change(fields)
	if len(fields) == 0 && len(data) == 0 {
		return nil
	}
	if err := writeFields(target, fields); err != nil {
		return notSaved(err)
	}
	return nil
}

func writeFields(path string, fields map[string]json.RawMessage) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(fields); err != nil {
		return errors.New("not a JSON object")
	}
	return writeAtomically(path, buf.Bytes())
}

func set(fields map[string]json.RawMessage, name string, value secret.Secret) {
	setText(fields, name, value.Reveal())
}

func setText(fields map[string]json.RawMessage, name, value string) {
	if value == "" {
		return
	}
	if encoded, err := json.Marshal(value); err == nil {
		fields[name] = encoded
	}
}

func remove(fields map[string]json.RawMessage, names ...string) {
	maps.DeleteFunc(fields, func(name string, _ json.RawMessage) bool { return slices.Contains(names, name) })
}

func setTime(fields map[string]json.RawMessage, name string, t time.Time) {
	if !t.IsZero() {
		setText(fields, name, t.UTC().Format(time.RFC3339))
	}
}
