// Package config finds and reads what a machine knows about Ravi: the credential to use and the
// identity to act as.
//
// # Where a credential comes from
//
// The first of these that holds one (docs/ravi-api.md#choosing-an-era):
//
//  1. RAVI_API_KEY: a management key (ravi_mgmt_…) or an identity key (ravi_id_…)
//  2. RAVI_ACCESS_TOKEN: an access token, which cannot be refreshed; a value
//     that starts with ravi_ counts as an API key
//  3. the files of the directory that RAVI_CONFIG_DIR names
//  4. the files of .ravi in the working directory, only with [Sources.TrustProject]
//  5. the files of ~/.ravi
//
// RAVI_CONFIG_DIR decides alone when it is set: a directory that is missing, or holds neither a
// credential nor an identity, is [ErrConfigDir] whatever 1 and 2 say, and one that holds a
// credential is the account where they say nothing. One that only names an identity, as Ravi's own
// samples make it (docs/ravi-api.md#environment), leaves the login of the user, of whose account
// that identity then has to be. A variable of the list that is set and empty is an error where a
// file of 4 or 5 would be used in its place: it was meant to say which account.
//
// A directory holds up to two files, which count together: config.json (management_key,
// identity_key, bound_access_token, bound_refresh_token, identity_uuid, identity_name) and
// auth.json (access_token, refresh_token, expires_at, private_key, public_key, user_email,
// plaintext_mode; and, as one revision wrote it, the two API keys). API keys win over tokens.
//
// A file that holds a credential must be readable by its owner only (0600) and owned by this user
// or root. A symbolic link is followed only to a directory that no other user can write. A file
// that merely names an identity may have any mode.
//
// # Where an identity comes from
//
// With RAVI_CONFIG_DIR set, from its config.json and from nowhere else; without it from
// .ravi/config.json in the working directory, else from ~/.ravi/config.json. See
// [Sources.Identity].
//
// # Writing
//
// Only two functions write. [UpdateTokens] replaces the tokens of a file when Ravi has issued new
// ones, under a lock that all processes share. [Save] writes the credential of a login.
//
// Broken files are errors that name file, line and column, and never repeat what the file contains.
// Values that were left unfinished, such as ${RAVI_API_KEY}, are errors that name the shape
// ([CheckText]), and never the value.
package config

import (
	"errors"
	"fmt"
	"time"

	"ravi-mcp/ravi/secret"
)

// Failures of this package, for errors.Is.
var (
	// ErrNoCredentials: none of the places holds a credential.
	ErrNoCredentials = errors.New("no Ravi credential found: set RAVI_API_KEY or RAVI_ACCESS_TOKEN, or log in so that ~/.ravi holds one")
	// ErrInvalidFile: a file is there and is not what it should be. The error is a *FileError.
	ErrInvalidFile = errors.New("invalid file")
	// ErrPermissions: a file that holds a credential is open to others. The error is a *FileError.
	ErrPermissions = errors.New("file with a credential is not private")
	// ErrConfigDir: RAVI_CONFIG_DIR is set and names no directory that says anything. The error is
	// a *FileError.
	ErrConfigDir = errors.New("RAVI_CONFIG_DIR names no usable folder")
	// ErrNotSaved: new tokens could not be written back. The error is a *FileError.
	ErrNotSaved = errors.New("tokens could not be saved")
)

// Scheme is one of the two ways to authenticate (docs/ravi-api.md#eras).
type Scheme string

// The two schemes.
const (
	SchemeToken Scheme = "token" // JWT pairs; eras 1 and 2
	SchemeKey   Scheme = "key"   // API keys; eras 3 and 4
)

// Credentials is what was found. Which fields are set depends on the scheme; the others are empty.
type Credentials struct {
	// Scheme is SchemeToken or SchemeKey; empty when there is no credential.
	Scheme Scheme

	// AccessToken and RefreshToken are the pair of the token scheme. They are unbound (good for
	// every identity of the account), or, where only a bound pair was found, bound to IdentityUUID:
	// then Bound is set.
	AccessToken, RefreshToken secret.Secret
	// ExpiresAt is when AccessToken expires; zero when the file does not say.
	ExpiresAt time.Time
	// Bound says that AccessToken is good for one identity only (era 2).
	Bound bool

	// BoundAccessToken and BoundRefreshToken are a second pair, good for IdentityUUID only, where a
	// directory holds an unbound and a bound one.
	BoundAccessToken, BoundRefreshToken secret.Secret
	// BoundFile is the file the bound pair is written back to; "" = never.
	BoundFile string

	// ManagementKey acts for the account, IdentityKey for one identity.
	ManagementKey, IdentityKey secret.Secret

	// IdentityUUID and IdentityName say which identity IdentityKey or a bound token belongs to.
	// They may be empty even so: a key from the environment has no name.
	IdentityUUID, IdentityName string

	// PrivateKey and PublicKey are the base64 keys of an account with end-to-end encrypted fields.
	PrivateKey, PublicKey secret.Secret
	// Salt is the base64 salt that belongs to them (pin_salt).
	Salt secret.Secret
	// Plaintext says that the account encrypts nothing (plaintext_mode).
	Plaintext bool

	// UserEmail is the account's address, where a file names it.
	UserEmail string
	// AuthFile is the file that a new AccessToken is written back to; "" means that it came from
	// the environment and is never written.
	AuthFile string
	// BaseURL is RAVI_BASE_URL, or "".
	BaseURL string
	// Source says in words where the credential came from, e.g. "RAVI_API_KEY", "~/.ravi/auth.json"
	// or "/etc/ravi/a/auth.json (RAVI_CONFIG_DIR)".
	Source string
}

// IdentityRef names the identity that a file selects.
type IdentityRef struct {
	UUID, Name string
	// Path is the file that says so, and Source the same in words, as Credentials.Source.
	Path, Source string
}

// FileError is a file that cannot be used. Its text has the path, the position and the reason, and
// never a word of the content.
type FileError struct {
	Path string
	// Line and Column count from 1; 0 when the trouble has no position.
	Line, Column int
	// Reason is one sentence without a full stop, e.g. "not valid JSON".
	Reason string
	// Kind is ErrInvalidFile, ErrPermissions, ErrConfigDir or ErrNotSaved.
	Kind error
	// Cause is the underlying error, if any. Its text is not part of Error's.
	Cause error
}

// Error returns one line that is safe to show.
func (e *FileError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s: line %d, column %d: %s", e.Path, e.Line, e.Column, e.Reason)
	}
	return fmt.Sprintf("%s: %s", e.Path, e.Reason)
}

// Unwrap returns the kind and the cause, for errors.Is and errors.As.
func (e *FileError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
