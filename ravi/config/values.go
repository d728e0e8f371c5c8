package config

import (
	"errors"
	"regexp"
)

// ErrInvalidValue says that a setting holds what cannot have been meant. The error is a
// *ValueError, or a *FileError for a field of a file.
var ErrInvalidValue = errors.New("invalid value")

// ValueError is a setting, such as an environment variable, whose value cannot have been meant. Its
// text never has a part of the value.
type ValueError struct {
	// Name is the setting, e.g. "RAVI_API_KEY".
	Name string
	// Shape says what the value looks like, as the rest of a sentence that begins with the name.
	Shape string
}

// Error returns one line that is safe to show.
func (e *ValueError) Error() string { return e.Name + " " + e.Shape }

// Unwrap returns ErrInvalidValue, for errors.Is.
func (e *ValueError) Unwrap() error { return ErrInvalidValue }

// shape is a way in which templates, shells and hands leave a value that is not meant.
type shape struct {
	says    string
	matches *regexp.Regexp
}

// unfinished are the shapes that no identity, folder, URL or credential has.
var unfinished = []shape{
	{"is set and empty: give it a value, or unset it", regexp.MustCompile(`^$`)},
	{"has the shape ${...}: nothing has put a value in its place", regexp.MustCompile(`\$\{`)},
	{"has the shape {{...}}: nothing has put a value in its place", regexp.MustCompile(`\{\{`)},
	{"has the shape $(...): no shell has run it", regexp.MustCompile(`\$\(`)},
	{"has the shape $NAME: no shell has put a value in its place", regexp.MustCompile(`(?i)(^|[/\\:@])\$(env:)?[A-Z_]`)},
	{"has the shape %NAME%: nothing has put a value in its place", regexp.MustCompile(`(?i)(^|[/\\:@])%%?[A-Z_][A-Z0-9_]*%`)},
	{"has the shape #{...}: nothing has put a value in its place", regexp.MustCompile(`#\{`)},
	{"has the shape env:NAME: nothing has put a value in its place", regexp.MustCompile(`^(?i:env|environment):[A-Z_]`)},
	{"is a piece of a program that reads a variable: nothing has run it", regexp.MustCompile(`(?i)(process|import\.meta|deno|bun)\.env\b|\bos\.(environ|getenv)\b|\bgetenv\(|\bENV\[`)},
	{"has the shape __NAME__: nothing has put a value in its place", regexp.MustCompile(`^(__[A-Z0-9_]+__|@+[A-Z0-9_]+@+|\[\[.*\]\])$`)},
	{"has the shape <...>: it stands for the value to write there", regexp.MustCompile(`^<.*>$|//<.*>`)},
	{"begins with ~, which only a shell turns into the home directory: write the whole path", regexp.MustCompile(`^~([/\\]|$)`)},
	{"has quotation marks around it: leave them out", regexp.MustCompile("^[\"'`“”‘’«]|[\"'`“”‘’»]$")},
	{"is a word such as null or undefined, which programs write for no value", regexp.MustCompile(`(?i)^(null|undefined|\[object object\])$`)},
	{"has a line break or another control character in it", regexp.MustCompile(`[\x00-\x1f\x7f]`)},
}

// notToken are the further shapes that no key and no token has (RFC 6750, section 2.1).
var notToken = []shape{
	{"begins with Bearer, or another scheme of HTTP: give the bare value", regexp.MustCompile(`(?i)^(authorization:|bearer|basic|token)\s`)},
	{"is a reference such as op://vault/item/field or keychain:item, which nothing has looked up", regexp.MustCompile(`://|^[A-Za-z][A-Za-z0-9+.-]*:`)},
	{"is the name of a file: give what is in it", regexp.MustCompile(`^\.{0,2}/([a-z][a-z0-9_.-]*|Users|Volumes)/[\w. /-]+$|^\.{1,2}[/\\]`)},
	{"is the name of a variable in place of its value", regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*_(KEY|TOKEN|SECRET|PASSWORD)$`)},
	{"is an example in place of a value", regexp.MustCompile(`(?i)^([.*x_-]+|…|(your|insert|paste|enter)[-_ ].*|change[-_]?me|placeholder|todo|none|nil|\[.*\])$`)},
	{"has a space in it", regexp.MustCompile(`\s`)},
	{"has characters that no key and no token has", regexp.MustCompile(`[^!-~]|["'<>{}\\^` + "`" + `]`)},
}

// CheckText returns a *[ValueError] where the value of a setting is empty or was left unfinished:
// an unexpanded variable in the notation of a shell, a client or a template, a placeholder,
// quotation marks around it. Name is how the error calls the setting.
func CheckText(name, value string) error { return check(name, value, unfinished) }

// CheckToken is CheckText for a key or a token. It also refuses what cannot stand in a header: a
// scheme before it, white space inside.
func CheckToken(name, value string) error {
	if value == name {
		return &ValueError{Name: name, Shape: "holds its own name in place of a value"}
	}
	if err := check(name, value, unfinished); err != nil {
		return err
	}
	return check(name, value, notToken)
}

func check(name, value string, shapes []shape) error {
	for _, s := range shapes {
		if s.matches.MatchString(value) {
			return &ValueError{Name: name, Shape: s.says}
		}
	}
	return nil
}

// checkValues refuses a file whose fields were left unfinished.
func (c content) checkValues(path string) error {
	for _, field := range []struct {
		name, value string
		check       func(name, value string) error
	}{
		{"management_key", c.ManagementKey.Reveal(), CheckToken},
		{"identity_key", c.IdentityKey.Reveal(), CheckToken},
		{"bound_access_token", c.BoundAccess.Reveal(), CheckToken},
		{"bound_refresh_token", c.BoundRefresh.Reveal(), CheckToken},
		{"access_token", c.Access.Reveal(), CheckToken},
		{"refresh_token", c.Refresh.Reveal(), CheckToken},
		{"private_key", c.PrivateKey.Reveal(), CheckText},
		{"public_key", c.PublicKey.Reveal(), CheckText},
		{"pin_salt", c.Salt.Reveal(), CheckText},
		{"identity_uuid", c.IdentityUUID, CheckText},
		{"identity_name", c.IdentityName, CheckText},
	} {
		if field.value == "" {
			continue
		}
		if err := field.check(field.name, field.value); err != nil {
			return &FileError{Path: path, Reason: "the field " + err.Error(), Kind: ErrInvalidFile, Cause: err}
		}
	}
	return nil
}
