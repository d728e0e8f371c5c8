package config

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"ravi-mcp/ravi/secret"
)

// Names of the directory, the two files and the environment variables.
const (
	DirName        = ".ravi"
	ConfigFileName = "config.json"
	AuthFileName   = "auth.json"

	EnvAPIKey      = "RAVI_API_KEY"
	EnvAccessToken = "RAVI_ACCESS_TOKEN"
	EnvConfigDir   = "RAVI_CONFIG_DIR"
	EnvBaseURL     = "RAVI_BASE_URL"
	EnvIdentity    = "RAVI_IDENTITY" // read by the command line
)

const (
	keyPrefix         = "ravi_"
	identityKeyPrefix = "ravi_id_"
)

// Sources says where to look. The zero value is the real process: its environment, its user's home
// and its working directory.
type Sources struct {
	// LookupEnv reads an environment variable, and says whether it is set. Default: os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// Home is the user's home directory. Default: os.UserHomeDir.
	Home string
	// WorkDir is the working directory. Default: os.Getwd, asked at every call.
	WorkDir string
	// TrustProject accepts a credential from .ravi in the working directory. Without it such a
	// credential is ignored, so that a cloned repository cannot redirect what an agent stores.
	TrustProject bool
	// Warn is told of a project credential that was ignored, in words that are safe to show. It may
	// be nil.
	Warn func(message string)
}

// env returns a variable without the white space around it, and whether it is set.
func (s Sources) env(name string) (value string, set bool) {
	lookup := s.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, set = lookup(name)
	return strings.TrimSpace(value), set
}

// home returns ~/.ravi, or "" when the user has no home.
func (s Sources) home() string {
	dir := s.Home
	if dir == "" {
		dir, _ = os.UserHomeDir()
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, DirName)
}

// project returns .ravi of the working directory, or "" when that is ~/.ravi.
func (s Sources) project() string {
	dir := s.WorkDir
	if dir == "" {
		dir, _ = os.Getwd()
	}
	if dir == "" {
		return ""
	}
	if dir = filepath.Join(dir, DirName); sameDir(dir, s.home()) {
		return ""
	}
	return dir
}

func sameDir(a, b string) bool {
	if a == b {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// Credentials returns the credential to use, by the order of the package documentation. It reads
// the files anew at every call and writes nothing.
//
// Errors: [ErrNoCredentials]; a *[FileError] that is [ErrInvalidFile] or [ErrPermissions] for a
// file that is there and cannot be used, or [ErrConfigDir]; a *[ValueError] for a variable. Nothing
// of these is ever skipped in favour of a later source.
func (s Sources) Credentials() (*Credentials, error) {
	return s.withBaseURL(s.find())
}

// Folder returns the credential in the files of one folder, whatever the environment and other
// folders hold; only [EnvBaseURL] counts. Files, and errors, are as with Credentials.
func (s Sources) Folder(dir string) (*Credentials, error) {
	return s.withBaseURL(s.fromDir(dir))
}

func (s Sources) withBaseURL(c *Credentials, err error) (*Credentials, error) {
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, ErrNoCredentials
	}
	c.BaseURL, err = s.BaseURL()
	return c, err
}

// BaseURL returns the URL in RAVI_BASE_URL, "" when that is not set.
//
// Errors: a *[ValueError] for a variable that is set and empty, or was left unfinished.
func (s Sources) BaseURL() (string, error) {
	url, set := s.env(EnvBaseURL)
	if !set {
		return "", nil
	}
	return url, CheckText(EnvBaseURL, url)
}

func (s Sources) find() (*Credentials, error) {
	dir, err := s.named()
	if err != nil {
		return nil, err
	}
	var inDir *Credentials
	if dir != "" { // unusable, it is an error even where a variable says the credential
		if inDir, _, err = s.fromNamed(dir); err != nil {
			return nil, err
		}
	}
	var blank error // of a variable that is set and empty
	for _, name := range []string{EnvAPIKey, EnvAccessToken} {
		v, set := s.env(name)
		if !set {
			continue
		}
		if err := CheckToken(name, v); err != nil {
			if v == "" {
				blank = cmp.Or(blank, err)
				continue
			}
			return nil, err
		}
		if name == EnvAPIKey || strings.HasPrefix(v, keyPrefix) {
			return fromKey(v, name), nil
		}
		return &Credentials{Scheme: SchemeToken, AccessToken: secret.New(v), Source: name}, nil
	}
	if inDir != nil {
		return inDir, nil
	}
	dirs := []string{s.home()}
	if project := s.project(); dir == "" && s.TrustProject {
		dirs = []string{project, s.home()}
	} else if dir == "" {
		s.warnOfProject(project)
	}
	if blank != nil {
		return nil, blank
	}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		c, err := s.fromDir(dir)
		if c != nil || err != nil {
			return c, err
		}
	}
	return nil, nil
}

func fromKey(v, source string) *Credentials {
	c := &Credentials{Scheme: SchemeKey, Source: source}
	if strings.HasPrefix(v, identityKeyPrefix) {
		c.IdentityKey = secret.New(v)
	} else {
		c.ManagementKey = secret.New(v)
	}
	return c
}

// fromDir returns the credential of one directory, nil when it has none.
func (s Sources) fromDir(dir string) (*Credentials, error) {
	conf, confFile, err := readFile(filepath.Join(dir, ConfigFileName))
	if err != nil {
		return nil, err
	}
	auth, authFile, err := readFile(filepath.Join(dir, AuthFileName))
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		content content
		file    *file
	}{{conf, confFile}, {auth, authFile}} {
		if f.content.holdsCredential() {
			if err := f.file.private(); err != nil {
				return nil, err
			}
		}
	}
	c := combine(conf, auth)
	if c == nil {
		return nil, nil
	}
	source := authFile
	if c.Bound || c.Scheme == SchemeKey && conf.hasKey() {
		source = confFile
	}
	if c.Scheme == SchemeToken {
		c.AuthFile = source.path
	}
	if !c.BoundAccessToken.Empty() {
		c.BoundFile = confFile.path
	}
	c.Source = s.describe(source.path)
	return c, nil
}

// combine makes one credential of the two files of a directory.
func combine(conf, auth content) *Credentials {
	c := &Credentials{
		IdentityUUID: cmp.Or(conf.IdentityUUID, auth.IdentityUUID),
		IdentityName: cmp.Or(conf.IdentityName, auth.IdentityName),
		UserEmail:    cmp.Or(auth.UserEmail, conf.UserEmail),
		PrivateKey:   auth.PrivateKey,
		PublicKey:    auth.PublicKey,
		Salt:         auth.Salt,
		Plaintext:    auth.Plaintext,
	}
	bound := !conf.BoundAccess.Empty()
	switch {
	case conf.hasKey() || auth.hasKey():
		c.Scheme = SchemeKey
		c.ManagementKey = cmp.Or(conf.ManagementKey, auth.ManagementKey)
		c.IdentityKey = cmp.Or(conf.IdentityKey, auth.IdentityKey)
	case !auth.Access.Empty():
		c.Scheme = SchemeToken
		c.AccessToken, c.RefreshToken, c.ExpiresAt = auth.Access, auth.Refresh, auth.ExpiresAt.Time
		c.BoundAccessToken, c.BoundRefreshToken = conf.BoundAccess, conf.BoundRefresh
	case bound:
		c.Scheme, c.Bound = SchemeToken, true
		c.AccessToken, c.RefreshToken = conf.BoundAccess, conf.BoundRefresh
	default:
		return nil
	}
	if c.IdentityKey.Empty() && !bound {
		c.IdentityUUID, c.IdentityName = "", ""
	}
	return c
}

// describe shortens a path below the home directory for display, and says which variable led to it.
func (s Sources) describe(path string) string {
	home := strings.TrimSuffix(s.home(), DirName)
	shown := path
	if rest, ok := strings.CutPrefix(path, home); ok && home != "" {
		shown = filepath.Join("~", rest)
	}
	if dir, _, _ := s.configDir(); dir != "" && filepath.Dir(path) == dir {
		shown += " (" + EnvConfigDir + ")"
	}
	return shown
}

func (s Sources) warnOfProject(dir string) {
	if dir == "" || s.Warn == nil {
		return
	}
	for _, name := range []string{ConfigFileName, AuthFileName} {
		path := filepath.Join(dir, name)
		if c, _, err := readFile(path); err == nil && c.holdsCredential() {
			s.Warn("the credential in " + path + " is ignored: a project may only name an identity")
		}
	}
}

// Identity returns the identity that the configuration selects: with RAVI_CONFIG_DIR set that of
// its config.json and no other, else that of .ravi/config.json in the working directory, else that
// of ~/.ravi/config.json. A file that names no identity does not end the search. Without any the
// zero IdentityRef and no error are returned. The files are read anew at every call.
//
// Errors: a *[FileError] that is [ErrInvalidFile] for a file that is there and cannot be read as
// one, which is never skipped, or [ErrConfigDir]; a *[ValueError] for a RAVI_CONFIG_DIR or
// RAVI_IDENTITY that is set and empty, because another identity would stand in for it.
func (s Sources) Identity() (IdentityRef, error) {
	if v, set := s.env(EnvIdentity); set && v == "" {
		return IdentityRef{}, CheckText(EnvIdentity, v)
	}
	dir, err := s.named()
	if err != nil {
		return IdentityRef{}, err
	}
	if dir != "" {
		ref, err := s.identityIn(dir)
		if err == nil && ref == (IdentityRef{}) {
			_, _, err = s.fromNamed(dir)
		}
		return ref, err
	}
	for _, dir := range []string{s.project(), s.home()} {
		if dir == "" {
			continue
		}
		ref, err := s.identityIn(dir)
		if err != nil || ref != (IdentityRef{}) {
			return ref, err
		}
	}
	return IdentityRef{}, nil
}

func (s Sources) identityIn(dir string) (IdentityRef, error) {
	path := filepath.Join(dir, ConfigFileName)
	c, _, err := readFile(path)
	if err != nil || c.IdentityUUID == "" && c.IdentityName == "" {
		return IdentityRef{}, err
	}
	return IdentityRef{UUID: c.IdentityUUID, Name: c.IdentityName, Path: path, Source: s.describe(path)}, nil
}
