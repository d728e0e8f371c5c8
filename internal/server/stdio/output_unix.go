//go:build unix

package stdio

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// hungUp reports whether nothing that is written can be read any more: the reading end of a pipe is
// closed, or the peer of a socket or terminal is gone.
func hungUp(raw syscall.RawConn) (gone bool) {
	_ = raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}} // macOS reports nothing where nothing is asked for
		n, err := unix.Poll(poll, 0)
		gone = err == nil && n > 0 && poll[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
	})
	return gone
}
