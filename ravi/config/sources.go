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
)

const (
	keyPrefix         = "ravi_"
	identityKeyPrefix = "ravi_id_"
)

// Sources says where to look. The zero value is the real process: its environment, its user's home
// and its working directory.
type Sources struct {
	// Getenv reads an environment variable. Default: os.Getenv.
	Getenv func(string) string
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

func (s Sources) env(name string) string {
	if s.Getenv != nil {
		return strings.TrimSpace(s.Getenv(name))
	}
	return strings.TrimSpace(os.Getenv(name))
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
// file that is there and cannot be used. Such a file is never skipped in favour of a later one.
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
	c.BaseURL = s.env(EnvBaseURL)
	return c, nil
}

func (s Sources) find() (*Credentials, error) {
	if v := s.env(EnvAPIKey); v != "" {
		return fromKey(v, EnvAPIKey), nil
	}
	if v := s.env(EnvAccessToken); v != "" {
		if strings.HasPrefix(v, keyPrefix) {
			return fromKey(v, EnvAccessToken), nil
		}
		return &Credentials{Scheme: SchemeToken, AccessToken: secret.New(v), Source: EnvAccessToken}, nil
	}

	dirs := []string{s.env(EnvConfigDir)}
	if project := s.project(); s.TrustProject && dirs[0] == "" {
		dirs = append(dirs, project)
	} else if dirs[0] == "" {
		s.warnOfProject(project)
	}
	for _, dir := range append(dirs, s.home()) {
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

// describe shortens a path below the home directory for display.
func (s Sources) describe(path string) string {
	home := strings.TrimSuffix(s.home(), DirName)
	if rest, ok := strings.CutPrefix(path, home); ok && home != "" {
		return filepath.Join("~", rest)
	}
	return path
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
// one; it is never skipped.
func (s Sources) Identity() (IdentityRef, error) {
	dirs := []string{s.project(), s.home()}
	if dir := s.env(EnvConfigDir); dir != "" {
		dirs = []string{dir}
	}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, ConfigFileName)
		c, _, err := readFile(path)
		if err != nil {
			return IdentityRef{}, err
		}
		if c.IdentityUUID != "" || c.IdentityName != "" {
			return IdentityRef{UUID: c.IdentityUUID, Name: c.IdentityName, Path: path}, nil
		}
	}
	return IdentityRef{}, nil
}
