//go:build !unix

package stdio

import "syscall"

// hungUp is not known here; the drain timeout ends what is left.
func hungUp(syscall.RawConn) bool { return false }
