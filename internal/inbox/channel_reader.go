package inbox

import (
	"context"
	"time"
)

// channelReader reads one channel of a watcher. Its goroutine is the only one that reads, so reads
// never overlap: waits request one, and one read serves all that requested it before it began.
// Everything but channel and wake is guarded by watcher.mu.
//
// Why a read is made:
//
//   - urgent: an arming; at once, whatever the budget
//   - joined: a wait came; with a stream at most 10 in a row and then 5 a
//     second, without one in the pace of polling
//   - woken: an event; at once, at most 20 in a row and then 5 a second
//   - again: a wake-up showed nothing new; see rereadDelays
//   - due: polling
type channelReader struct {
	w       *watcher
	channel int
	wake    wakeup

	demand        int // waits and armings that need this channel
	urgent        bool
	joined        bool
	woken         bool
	needFull      bool // the next read has to list everything
	announced     int  // announced messages that were not listed yet
	wokenAt       time.Time
	rereadStep    int // next of rereadDelays
	due           time.Time
	pausedUntil   time.Time // after a failure: nothing but arming before this
	failures      int
	nextPoll      time.Time // when polling may read next
	joinLimit     burstLimit
	wakeLimit     burstLimit
	unannouncedAt time.Time // a read showed a message that no event had announced

	started, finished uint64 // reads are numbered
	lastBegan         time.Time
	cancel            context.CancelFunc
	readingFull       bool   // the read under way was to list everything
	abandoned         bool   // the read under way was cancelled by leave
	lastErr           error  // of the last read
	lastGood          uint64 // number of the last read that succeeded
	cache             channelCache
}

// request demands a read that begins after this moment and returns its number.
func (r *channelReader) request(urgent, full bool) uint64 { // w.mu is held
	if urgent {
		r.urgent = true
	} else {
		r.joined = true
	}
	r.needFull = r.needFull || full
	r.wake.set()
	return r.started + 1
}

// leave counts out a wait on the channel. When none is left, a read under way is cancelled.
func (r *channelReader) leave() { // w.mu is held
	if r.demand--; r.demand == 0 && r.cancel != nil {
		r.abandoned = true
		r.cancel()
	}
}

// announce notes an event. Without a wait it is kept for the next wait, which reads anyway.
func (r *channelReader) announce() {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.woken = true
	r.announced++
	r.wokenAt, r.rereadStep = time.Now(), 0
	r.unannouncedAt = time.Time{}
	r.wake.set()
}

func (r *channelReader) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	slots := r.w.hub.readSlots(r.w.key.credential)
	for {
		r.w.mu.Lock()
		at, ok := r.next(time.Now())
		r.w.mu.Unlock()
		if ok && at.IsZero() {
			if slots.Acquire(r.w.ctx, 1) != nil {
				return
			}
			r.readIfDue()
			slots.Release(1)
			if r.w.ctx.Err() != nil {
				return
			}
			continue
		}
		wait := time.Hour
		if ok {
			wait = time.Until(at)
		}
		timer.Reset(wait)
		select {
		case <-r.wake:
		case <-timer.C:
		case <-r.w.ctx.Done():
			return
		}
	}
}

// readIfDue reads unless that is no longer due, since other reads came first.
func (r *channelReader) readIfDue() {
	r.w.mu.Lock()
	if at, ok := r.next(time.Now()); !ok || !at.IsZero() {
		r.w.mu.Unlock()
		return
	}
	ctx, full := r.begin()
	r.w.mu.Unlock()
	r.read(ctx, full)
}

// needsFullList reports whether a whole list is needed to know what s has not seen.
func (r *channelReader) needsFullList(s *seenSet) bool { // w.mu is held
	if !r.cache.complete {
		return true
	}
	for _, m := range r.cache.messages {
		if m.content == nil && !s.has(m.at) {
			return true
		}
	}
	return false
}
