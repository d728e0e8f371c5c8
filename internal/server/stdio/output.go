package stdio

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"
)

// watchEvery is how often the output is looked at once the input has ended.
const watchEvery = 100 * time.Millisecond

var errOutputClosed = errors.New("server: the client has closed both streams")

// watchOutput ends the requests in flight when the client, whose input has ended, does not have the
// other end of the output open either: their answers could reach no client. It returns with ctx.
func (c *Conn) watchOutput(ctx context.Context, out io.Writer) {
	file, ok := out.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		if hungUp(raw) {
			c.Cancel(errOutputClosed)
			c.out.fail(errOutputClosed)
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
