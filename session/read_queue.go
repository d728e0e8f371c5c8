package session

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
)

// readQueue lets at most one read of the identities run at a time, with at most one more behind it,
// however many calls ask: calls with made-up names cannot flood Ravi. Its fields are guarded by the
// lock that join is given.
type readQueue struct {
	running *directoryRead
	waiting *directoryRead
}

// directoryRead is one read; its results may be used once done is closed.
type directoryRead struct {
	done      chan struct{}
	epoch     uint64 // of the cache, when it began
	run       func(epoch uint64) (*directory, error)
	directory *directory
	err       error
}

// join returns the read that answers a call made now, and whether it begins after now: the running
// one, unless the call wants a fresh one or the cache was emptied since it began; else the next.
// The caller holds mu.
func (q *readQueue) join(epoch uint64, fresh bool, run func(uint64) (*directory, error), mu *sync.Mutex) (*directoryRead, bool) {
	switch {
	case q.running == nil:
		q.running = &directoryRead{done: make(chan struct{}), epoch: epoch, run: run}
		go q.work(q.running, mu)
		return q.running, true
	case !fresh && q.running.epoch == epoch:
		return q.running, false
	case q.waiting == nil:
		q.waiting = &directoryRead{done: make(chan struct{}), run: run}
	}
	// The newest caller's client is the one to read with.
	q.waiting.run, q.waiting.epoch = run, epoch
	return q.waiting, true
}

// work runs a read, and the one behind it.
func (q *readQueue) work(r *directoryRead, mu *sync.Mutex) {
	for r != nil {
		r.read()
		mu.Lock()
		q.running, q.waiting = q.waiting, nil
		next := q.running
		mu.Unlock()
		close(r.done)
		r = next
	}
}

// read runs the read. A panic is its error, as no caller stands above this goroutine; what was
// panicked with may hold anything, so of it the error has the type, and the functions that ran.
func (r *directoryRead) read() {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		var at [32]uintptr
		var ran []string
		for frames, more := runtime.CallersFrames(at[:runtime.Callers(2, at[:])]), true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			ran = append(ran, fmt.Sprintf("%s:%d", f.Function, f.Line))
		}
		r.directory, r.err = nil, fmt.Errorf("session: the read of the identities panicked with %T: %s", p, strings.Join(ran, " < "))
	}()
	r.directory, r.err = r.run(r.epoch)
}
