package stdio

import (
	"context"
	"fmt"
	"io"
	"sync"

	"ravi-mcp/internal/server"
)

const (
	// outHigh is how many bytes may wait for the client before requests wait with their answers.
	outHigh = 1 << 20
	// outHard is how many bytes may wait before the reading of further messages waits too: a client
	// that sends and never reads gets no further than this.
	outHard = 4 * outHigh
	// outKeep is the largest buffer that is kept for reuse.
	outKeep = 1 << 20
)

// outbox is the one way to the client. Messages are appended whole to a buffer, and one goroutine
// at a time writes what has gathered there, in order, so that a burst of answers costs one Write. A
// goroutine that has answered its request flushes itself, which spares a switch; the reading
// goroutine and handlers never do, they wake run. Its mutex also guards the states of the calls,
// which makes "nothing after the answer, nothing after the cancellation" exact.
type outbox struct {
	w io.Writer

	mu      sync.Mutex
	pending []byte        // what is written next
	spare   []byte        // a buffer to reuse
	writing bool          // a goroutine is in flush
	bytes   int           // pending, and what is being written
	space   chan struct{} // closed and replaced by wakeWaiters, if a goroutine waits
	waiting int
	closed  bool // nothing more will come
	err     error

	wake   chan struct{} // wakes run
	failed chan struct{} // closed with the first error
	done   chan struct{} // closed when the writer has ended
}

func newOutbox(w io.Writer) *outbox {
	return &outbox{
		w:      w,
		space:  make(chan struct{}),
		wake:   make(chan struct{}, 1),
		failed: make(chan struct{}),
		done:   make(chan struct{}),
	}
}

// run flushes whenever it is woken, until the outbox is closed and empty or the client is gone.
func (o *outbox) run() {
	defer close(o.done)
	for range o.wake {
		o.flush()
		o.mu.Lock()
		end := o.err != nil || o.closed && len(o.pending) == 0 && !o.writing
		o.mu.Unlock()
		if end {
			return
		}
	}
}

// flush writes what is pending, unless another goroutine does so already, which then writes it too.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writing {
		return
	}
	o.writing = true
	for len(o.pending) > 0 {
		batch := o.pending
		o.pending, o.spare = o.spare[:0], nil
		o.mu.Unlock()
		_, err := o.w.Write(batch)
		o.mu.Lock()
		if err != nil {
			o.failLocked(fmt.Errorf("server: write to the client: %w", err))
		}
		o.bytes -= len(batch)
		o.wakeWaiters()
		if cap(batch) <= outKeep {
			o.spare = batch
		}
	}
	o.writing = false
	if o.closed {
		o.wakeWriter()
	}
}

// fail ends the outbox: nothing is written any more, and what waits or sends gets the error.
func (o *outbox) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failLocked(err)
}

func (o *outbox) failLocked(err error) {
	if o.err != nil {
		return
	}
	o.err = err
	o.pending = nil
	close(o.failed)
	o.wakeWriter()
}

// close lets the writer end once everything is written.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.wakeWriter()
}

// wakeWaiters lets all that wait for room try again. The caller holds mu.
func (o *outbox) wakeWaiters() {
	if o.waiting > 0 {
		close(o.space)
		o.space, o.waiting = make(chan struct{}), 0
	}
}

func (o *outbox) wakeWriter() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// put appends one message if there is room below limit. It returns the channel to wait on if there
// is none. With a call, the message belongs to it and is refused once the call has ended; final
// ends it, and is for the caller to flush.
func (o *outbox) put(c *call, final bool, limit int, message [][]byte) (<-chan struct{}, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.err != nil:
		return nil, o.err
	case o.closed, c != nil && c.ended:
		return nil, server.ErrAnswered
	case o.bytes >= limit:
		o.waiting++
		return o.space, nil
	}
	before := len(o.pending)
	for _, part := range message {
		o.pending = append(o.pending, part...)
	}
	o.pending = append(o.pending, '\n')
	o.bytes += len(o.pending) - before
	if c != nil && final {
		c.ended = true
	}
	if !final && !o.writing {
		o.wakeWriter()
	}
	return nil, nil
}

// end marks a call as over without an answer, and reports whether it still was open.
func (o *outbox) end(c *call) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	open := !c.ended
	c.ended = true
	o.wakeWaiters()
	return open
}

// send puts a message, and waits for room while the client does not read, as long as ctx lives.
func (o *outbox) send(ctx context.Context, c *call, final bool, limit int, message [][]byte) error {
	for {
		space, err := o.put(c, final, limit, message)
		if space == nil {
			return err
		}
		select {
		case <-space:
		case <-o.failed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// notify sends a message that belongs to a call (or to none) and is not its answer.
func (o *outbox) notify(ctx context.Context, c *call, message ...[]byte) error {
	return o.send(ctx, c, false, outHigh, message)
}

// answer sends the answer of a call, unless the client cancelled it. A request that is finished but
// not taken still counts as one, which is what bounds the memory.
func (o *outbox) answer(c *call, message ...[]byte) {
	_ = o.send(context.Background(), c, true, outHigh, message)
}

// reply sends what the reading goroutine itself has to say. It has more room than the calls, so
// that it waits last.
func (o *outbox) reply(message ...[]byte) {
	_ = o.send(context.Background(), nil, false, outHard, message)
}
