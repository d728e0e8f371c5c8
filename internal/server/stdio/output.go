package stdio

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"
)

// watchEvery is how often the output is looked at once the input has ended.
const watchEvery = 100 * time.Millisecond

// errOutputClosed wraps context.Canceled, so that a call that it ends counts as cancelled.
var errOutputClosed = fmt.Errorf("server: the client has closed both streams: %w", context.Canceled)

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
