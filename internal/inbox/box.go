package inbox

import (
	"context"
	"errors"
	"time"

	"ravi-mcp/ravi"
)

// rereads is when a channel is read again after a wake-up that showed nothing
// new: an event may come before its message can be listed.
var rereads = [...]time.Duration{50 * time.Millisecond, 150 * time.Millisecond, 500 * time.Millisecond}

// together is how long waits that come after a read are gathered for the next.
const together = 20 * time.Millisecond

// box reads one channel of a watcher. Its goroutine is the only one that
// reads, so reads never overlap: whoever wants one asks, and one read serves
// all who asked before it began. Everything but channel and kick is guarded by
// watcher.mu.
//
// Why a read is made:
//
//   - urgent: somebody arms; at once, whatever the budget
//   - joined: a wait came; with a stream at most 10 in a row and then 5 a
//     second, without one in the pace of polling
//   - woken: an event; at once, at most 20 in a row and then 5 a second
//   - again: a wake-up showed nothing new; see rereads
//   - due: polling
type box struct {
	w       *watcher
	channel int
	kick    chan struct{}

	demand     int // waits and armings that need this channel
	urgent     bool
	joined     bool
	woken      bool
	needFull   bool // the next read has to list everything
	expect     int  // announced messages that were not listed yet
	wokenAt    time.Time
	step       int // next of rereads
	due        time.Time
	pause      time.Time // after a failure: nothing but arming before this
	fails      int
	paced      time.Time // when polling may read next
	joins      bucket
	wakes      bucket
	unexpected time.Time // a read showed a message that no event had announced

	started, finished uint64 // reads are numbered
	began             time.Time
	cancel            context.CancelFunc
	full              bool   // the read under way was to list everything
	dropped           bool   // the read under way was cancelled by leave
	err               error  // of the last read
	good              uint64 // number of the last read that succeeded
	shelf             shelf
}

// ask demands a read that begins after this moment and returns its number.
func (b *box) ask(urgent, full bool) uint64 { // w.mu is held
	if urgent {
		b.urgent = true
	} else {
		b.joined = true
	}
	b.needFull = b.needFull || full
	b.nudge()
	return b.started + 1
}

// enter and leave count who needs the channel. When nobody does, a read that
// is under way is cancelled: nobody waits for it.
func (b *box) enter() { b.demand++ } // w.mu is held

func (b *box) leave() { // w.mu is held
	if b.demand--; b.demand == 0 && b.cancel != nil {
		b.dropped = true
		b.cancel()
	}
}

// wakeUp notes an event. Without anybody listening it is kept for the next
// wait, which reads anyway.
func (b *box) wakeUp(announced bool) {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.woken = true
	if announced {
		b.expect++
		b.wokenAt, b.step = time.Now(), 0
		b.unexpected = time.Time{}
	}
	b.nudge()
}

// nudge makes run look again.
func (b *box) nudge() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

func (b *box) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	turns := b.w.hub.turns(b.w.key.credential)
	for {
		b.w.mu.Lock()
		at, ok := b.next(time.Now())
		b.w.mu.Unlock()
		if ok && at.IsZero() {
			if turns.Acquire(b.w.ctx, 1) != nil {
				return
			}
			b.readIfDue()
			turns.Release(1)
			if b.w.ctx.Err() != nil {
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
		case <-b.kick:
		case <-timer.C:
		case <-b.w.ctx.Done():
			return
		}
	}
}

// readIfDue reads unless that was settled while others had their turn.
func (b *box) readIfDue() {
	b.w.mu.Lock()
	if at, ok := b.next(time.Now()); !ok || !at.IsZero() {
		b.w.mu.Unlock()
		return
	}
	ctx, full := b.begin()
	b.w.mu.Unlock()
	b.read(ctx, full)
}

// next returns when to read: the zero time for now; false for no time at all.
func (b *box) next(now time.Time) (at time.Time, ok bool) { // w.mu is held
	if b.demand == 0 {
		return time.Time{}, false
	}
	if b.urgent {
		return time.Time{}, true
	}
	consider := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	if b.w.live {
		consider(b.due)
	} else {
		consider(later(b.due, b.paced))
	}
	if b.joined {
		if b.w.live {
			consider(later(b.joins.next(10, 200*time.Millisecond), b.began.Add(together)))
		} else {
			consider(b.paced)
		}
	}
	if b.woken {
		consider(b.wakes.next(20, 200*time.Millisecond))
	}
	if b.expect > 0 && b.step < len(rereads) && !b.woken {
		consider(b.wokenAt.Add(rereads[b.step]))
	}
	if at.Before(b.pause) {
		at = b.pause
	}
	if !at.After(now) {
		at = time.Time{}
	}
	return at, ok
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// begin starts a read: what was asked for is on its way. w.mu is held.
func (b *box) begin() (ctx context.Context, full bool) {
	now := time.Now()
	b.started++
	b.began = now
	full = b.needFull
	switch {
	case b.woken:
		b.wakes.take(now, 20, 200*time.Millisecond)
	case b.joined && b.w.live:
		b.joins.take(now, 10, 200*time.Millisecond)
	}
	for b.step < len(rereads) && !b.wokenAt.Add(rereads[b.step]).After(now) {
		b.step++
	}
	if b.expect > 0 && b.step == len(rereads) {
		full = true // the last try looks at everything
	}
	if !b.urgent {
		b.paced = now.Add(b.w.hub.cfg.PollInterval)
	}
	b.urgent, b.joined, b.woken, b.needFull = false, false, false, false
	b.due = now.Add(b.interval())
	b.dropped = false
	b.full = full
	ctx, b.cancel = context.WithCancel(b.w.ctx)
	return ctx, full
}

// interval is the time to the next poll: long while the stream announces this
// channel's messages. A list of many pages that has to be read whole counts as
// many requests, so it is read less often.
func (b *box) interval() time.Duration {
	cfg := &b.w.hub.cfg
	d := cfg.PollInterval
	if b.w.live && b.w.hub.announces(b.w.key.credential, b.channel) {
		d = cfg.SafetyInterval
	}
	d *= time.Duration(b.shelf.pages())
	return d + jitter(d/10+1)
}

// end books the outcome of a read and wakes the waits.
func (b *box) end(next shelf, fresh int, err error) {
	w := b.w
	w.mu.Lock()
	defer w.mu.Unlock()
	b.cancel()
	b.cancel = nil
	b.finished = b.started
	if err != nil && b.full {
		b.needFull = true // it is still owed
	}
	if b.dropped || w.ctx.Err() != nil {
		return
	}
	b.err = err
	now := time.Now()
	if err != nil {
		b.fails++
		b.pause = now.Add(retryAfter(err, b.fails))
		b.due = b.pause
		w.hub.cfg.Logger.Debug().Err(err).Str("identity", w.key.identity).Str("channel", string(channels[b.channel])).Msg("inbox not read")
	} else {
		b.fails, b.pause = 0, time.Time{}
		b.good = b.finished
		b.settle(fresh, now)
		b.shelf = next
		for _, m := range next.messages {
			w.observe(m.at.created)
		}
	}
	for wt := range w.waits {
		wt.nudge()
	}
}

// settle compares what a good read showed with what was announced.
func (b *box) settle(fresh int, now time.Time) { // w.mu is held
	if !b.shelf.complete {
		fresh = 0 // the first list cannot tell what is new
	}
	announced := min(b.expect, fresh)
	b.expect -= announced
	if b.step == len(rereads) {
		b.expect = 0 // it was announced, and never listed
	}
	if !b.shelf.complete || !b.w.live || b.w.since.After(b.shelf.at) {
		return
	}
	// The stream has been up since the read before this one.
	if !b.unexpected.IsZero() && now.Sub(b.unexpected) > time.Second {
		// A message came without an event, and none followed: do not rely on them.
		b.unexpected = time.Time{}
		b.w.hub.setAnnounces(b.w.key.credential, b.channel, false)
	}
	if fresh > announced && b.wokenAt.Before(now.Add(-time.Second)) {
		b.unexpected = now
	}
}

// retryAfter is how long to leave Ravi alone after a failure.
func retryAfter(err error, fails int) time.Duration {
	var detail *ravi.Error
	if errors.As(err, &detail) && detail.RetryAfter > 0 {
		return detail.RetryAfter
	}
	if errors.Is(err, ravi.ErrUnsupported) {
		return 5 * time.Minute
	}
	d := min(time.Second<<min(fails-1, 3), 8*time.Second)
	return d + jitter(d/4)
}

// bucket allows a burst of reads and then one per interval.
type bucket struct{ free time.Time }

// next is the earliest time at which take is allowed.
func (k *bucket) next(burst int, every time.Duration) time.Time {
	return k.free.Add(-time.Duration(burst-1) * every)
}

func (k *bucket) take(now time.Time, burst int, every time.Duration) {
	if k.free.Before(now) {
		k.free = now
	}
	k.free = k.free.Add(every)
}
