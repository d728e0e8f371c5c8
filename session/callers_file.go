package session

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxCallersFile is the size of the largest callers file that is read.
const maxCallersFile = 4 << 20

// maxSubject is the length in bytes of the longest oidc_subject (OpenID Connect Core section 2).
const maxSubject = 255

// callersFile is the form of the file.
type callersFile struct {
	Caller []callerEntry `toml:"caller"`
}

// callerEntry is one [[caller]]. Pointers distinguish what is missing from what is empty.
type callerEntry struct {
	Name            string    `toml:"name"`
	TokenSHA256     *string   `toml:"token_sha256"`
	OIDCSubject     *string   `toml:"oidc_subject"`
	Identities      *[]string `toml:"identities"`
	DefaultIdentity string    `toml:"default_identity"`
	Toolsets        *[]string `toml:"toolsets"`
	ReadOnly        bool      `toml:"read_only"`
	Shared          bool      `toml:"shared"`
	Reveal          *string   `toml:"reveal"`
	Delete          *string   `toml:"delete"`
	Cleanup         *string   `toml:"cleanup"`
	Send            *string   `toml:"send"`
	RaviConfigDir   *string   `toml:"ravi_config_dir"`
}

// callerName is what a name may look like; it stands in logs and in keys of state.
var callerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func isCallerName(name string) bool { return len(name) <= 64 && callerName.MatchString(name) }

// ValidCallerName reports whether a caller in the file may have this name.
func ValidCallerName(name string) bool { return isCallerName(name) && name != LocalCaller }

// LoadCallers reads a callers file: TOML with one [[caller]] for each, which has
//
//	name              what it is called, in logs and state; letters, digits, ".", "_" and "-"
//	token_sha256      SHA-256 of the token, in hexadecimal (`ravi-mcp token new NAME` prints it)
//	oidc_subject      instead of it: the subject (sub) that the issuer's tokens name
//	identities        name patterns of the identities that exist for this caller; "*" is all of
//	                  them, "own" those that it created itself, and its default_identity
//	default_identity  the identity of a call that names none (may be missing)
//	ravi_config_dir   the folder with the credential of this caller's Ravi account (missing: the server's own account)
//	toolsets          the toolsets that exist for this caller (missing: all that the server has)
//	read_only         true leaves out every tool that writes
//	shared            true where several agents call with this token or subject, behind a gateway:
//	                  their sessions remember nothing, so that every call says what it means
//	reveal, delete, cleanup, send
//	                  policies: "allow", "ask" or "deny"; they tighten the server's and never loosen them
//
// A caller without identities is an error, as is everything that is not understood: a typing
// mistake must not open anything. toolsets are the names that exist. The file must not be writable
// by others. Errors name the file and the caller and repeat no hash.
func LoadCallers(path string, toolsets []string) (*Callers, error) {
	c := &Callers{path: path, toolsets: toolsets}
	stamp, err := stampOf(path)
	if err != nil {
		return nil, fmt.Errorf("the callers file cannot be read: %w; `ravi-mcp token new NAME` prints the entry of a caller to begin one with", err)
	}
	table, err := readCallers(path, toolsets)
	if err != nil {
		return nil, err
	}
	c.stamp = stamp
	c.table.Store(table)
	return c, nil
}

func readCallers(path string, toolsets []string) (*callerTable, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the callers file cannot be read: %w", err)
	case info.Size() > maxCallersFile:
		return nil, fmt.Errorf("the callers file %s is larger than 4 MiB", path)
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("the callers file %s may be changed by others; run: chmod go-w %s", path, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the callers file cannot be read: %w", err)
	}
	table, err := parseCallers(data, toolsets)
	if err != nil {
		return nil, fmt.Errorf("the callers file %s: %w", path, err)
	}
	return table, nil
}

func parseCallers(data []byte, toolsets []string) (*callerTable, error) {
	var file callersFile
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&file); err != nil {
		return nil, tomlError(err)
	}
	if len(file.Caller) == 0 {
		return nil, errors.New("it has no [[caller]]")
	}
	table := newCallerTable()
	for i, entry := range file.Caller {
		caller, by, err := entry.caller(toolsets)
		if err == nil {
			err = table.add(caller, by)
		}
		if err != nil {
			return nil, fmt.Errorf("caller %d%s: %w", i+1, entry.label(), err)
		}
	}
	return table, nil
}

// label is the name for an error message, if it is valid.
func (e callerEntry) label() string {
	if isCallerName(e.Name) {
		return " (" + e.Name + ")"
	}
	return ""
}

func (e callerEntry) caller(toolsets []string) (*Caller, knownBy, error) {
	fail := func(format string, args ...any) (*Caller, knownBy, error) {
		return nil, knownBy{}, fmt.Errorf(format, args...)
	}
	switch {
	case !isCallerName(e.Name):
		return fail("name: want up to 64 letters, digits, \".\", \"_\" and \"-\", beginning with a letter or digit")
	case e.Name == LocalCaller:
		return fail("name: %q is the caller of servers without callers", LocalCaller)
	case e.Identities == nil:
		return fail("identities is missing: name the patterns of the identities that this caller may use, such as [\"research-*\"], or [\"*\"] for all")
	}
	by, err := e.knownBy()
	if err != nil {
		return fail("%w", err)
	}
	if e.RaviConfigDir != nil {
		if !filepath.IsAbs(*e.RaviConfigDir) {
			return fail("ravi_config_dir: want the whole path of a folder, beginning with /")
		}
		by.account = filepath.Clean(*e.RaviConfigDir)
	}
	policies, err := e.policies()
	if err != nil {
		return fail("%w", err)
	}
	rights := Rights{ReadOnly: e.ReadOnly, Policies: policies}
	for _, p := range *e.Identities {
		if err := checkPattern(p); err != nil {
			return fail("identities: %q: %w", p, err)
		}
		if p == "" || strings.TrimSpace(p) != p {
			return fail("identities: %q is not a pattern", p)
		}
	}
	if rights.Allow(*e.Identities); !rights.AllowsDefault(e.DefaultIdentity) {
		return fail("default_identity: %q fits none of identities", e.DefaultIdentity)
	}
	if e.Toolsets != nil {
		rights.Toolsets = []string{}
		for _, set := range *e.Toolsets {
			if !slices.Contains(toolsets, set) {
				return fail("toolsets: there is no toolset %q; there are %s", set, strings.Join(toolsets, ", "))
			}
			rights.Toolsets = append(rights.Toolsets, set)
		}
	}
	return &Caller{Name: e.Name, DefaultIdentity: e.DefaultIdentity, RaviConfigDir: by.account, Shared: e.Shared, Rights: rights}, by, nil
}

// knownBy returns by what the caller is known: a token, or a subject of the issuer.
func (e callerEntry) knownBy() (by knownBy, err error) {
	switch {
	case e.TokenSHA256 != nil && e.OIDCSubject != nil:
		return by, errors.New("token_sha256 and oidc_subject exclude each other")
	case e.OIDCSubject == nil && e.TokenSHA256 == nil:
		return by, errors.New("token_sha256 is missing: want 64 hexadecimal digits, as `ravi-mcp token new NAME` prints them, or oidc_subject instead")
	case e.OIDCSubject != nil:
		if by.subject = *e.OIDCSubject; by.subject == "" || len(by.subject) > maxSubject || strings.TrimSpace(by.subject) != by.subject {
			return by, errors.New("oidc_subject: want the subject (sub) of the caller's tokens, up to 255 bytes")
		}
		return by, nil
	}
	raw, err := hex.DecodeString(*e.TokenSHA256)
	if err != nil || len(raw) != len(by.hash) {
		return by, errors.New("token_sha256: want 64 hexadecimal digits, as `ravi-mcp token new NAME` prints them")
	}
	copy(by.hash[:], raw)
	return by, nil
}

// policies returns those that the caller has of its own.
func (e callerEntry) policies() (p Policies, err error) {
	for name, set := range map[string]struct {
		text *string
		to   *Policy
	}{"reveal": {e.Reveal, &p.Reveal}, "delete": {e.Delete, &p.Delete}, "cleanup": {e.Cleanup, &p.Cleanup}, "send": {e.Send, &p.Send}} {
		if set.text == nil {
			continue
		}
		if *set.to, err = ParsePolicy(*set.text); err != nil {
			return Policies{}, fmt.Errorf("%s: want \"allow\", \"ask\" or \"deny\"", name)
		}
	}
	return p, nil
}

// tomlError says where the file is wrong without repeating any of it.
func tomlError(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		row, _ := strict.Errors[0].Position()
		return fmt.Errorf("line %d: there is no setting %q", row, strings.Join(strict.Errors[0].Key(), "."))
	}
	if decode, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, column := decode.Position()
		return fmt.Errorf("line %d, column %d: not the TOML that is expected there", row, column)
	}
	return errors.New("it is not TOML")
}
