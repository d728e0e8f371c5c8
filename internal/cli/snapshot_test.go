package cli_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// snapshot is what folders hold: a path and all that a write would change.
type snapshot map[string]string

func takeSnapshot(folders ...string) (snapshot, error) {
	s := snapshot{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			var content []byte
			if info.Mode().IsRegular() {
				if content, err = os.ReadFile(path); err != nil {
					return err
				}
			}
			s[path] = fmt.Sprintf("%s %s %x", info.Mode(), info.ModTime(), sha256.Sum256(content))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// diff names what is not the same in both.
func (s snapshot) diff(after snapshot) string {
	all := maps.Clone(s)
	maps.Copy(all, after)
	var changed []string
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if s[path] != after[path] {
			changed = append(changed, path)
		}
	}
	return strings.Join(changed, " ")
}
