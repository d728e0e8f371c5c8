package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// configDir returns the whole path in RAVI_CONFIG_DIR, and whether it is set.
func (s Sources) configDir() (dir string, set bool, err error) {
	if dir, set = s.env(EnvConfigDir); !set {
		return "", false, nil
	}
	if err := CheckText(EnvConfigDir, dir); err != nil {
		return "", true, err
	}
	if !filepath.IsAbs(dir) && s.WorkDir != "" {
		dir = filepath.Join(s.WorkDir, dir)
	}
	dir, err = filepath.Abs(dir)
	return dir, true, err
}

// named returns the directory of RAVI_CONFIG_DIR, "" when the variable is not set.
func (s Sources) named() (string, error) {
	dir, set, err := s.configDir()
	if !set || err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", badConfigDir(dir, "does not exist", err)
	case err != nil:
		return "", badConfigDir(dir, "cannot be read", err)
	case !info.IsDir():
		return "", badConfigDir(dir, "is no folder", nil)
	}
	return dir, nil
}

func badConfigDir(dir, what string, cause error) error {
	return &FileError{Path: dir, Kind: ErrConfigDir, Cause: cause,
		Reason: "named by RAVI_CONFIG_DIR, " + what + "; wanted is a folder with auth.json or config.json that holds a credential, or config.json that names an identity"}
}

// fromNamed returns what the directory of RAVI_CONFIG_DIR says, and fails where it says nothing.
func (s Sources) fromNamed(dir string) (*Credentials, IdentityRef, error) {
	ref, err := s.identityIn(dir)
	if err != nil {
		return nil, ref, err
	}
	c, err := s.fromDir(dir)
	if c == nil && err == nil && ref == (IdentityRef{}) {
		err = badConfigDir(dir, "has no file that counts", nil)
	}
	return c, ref, err
}

// LoginDir returns the directory that a login is kept in: that of RAVI_CONFIG_DIR, which need not
// exist, else ~/.ravi.
//
// Errors: a *[ValueError] for the variable, or that there is no home directory.
func (s Sources) LoginDir() (string, error) {
	if dir, set, err := s.configDir(); set {
		return dir, err
	}
	if dir := s.home(); dir != "" {
		return dir, nil
	}
	return "", errors.New("there is no home directory; set RAVI_CONFIG_DIR")
}
