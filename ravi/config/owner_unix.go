//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// modesMatter: permission bits say who may read a file.
const modesMatter = true

// ownedByUs accepts root too: it can read everything anyway, and it owns the files that a container
// mounts.
func ownedByUs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (int(stat.Uid) == os.Geteuid() || stat.Uid == 0)
}
