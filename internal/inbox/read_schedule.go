package inbox

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"ravi-mcp/ravi"
)

// rereadDelays is when a channel is read again after a wake-up that showed nothing new: an event
// may come before its message can be listed.
var rereadDelays = [...]time.Duration{50 * time.Millisecond, 150 * time.Millisecond, 500 * time.Millisecond}

// gatherDelay is how long waits that come after a read are gathered for the next.
const gatherDelay = 20 * time.Millisecond

// next returns when to read: the zero time for now; false for no time at all.
func (r *channelReader) next(now time.Time) (at time.Time, ok bool) { // w.mu is held
	if r.demand == 0 {
		return time.Time{}, false
	}
	if r.urgent {
		return time.Time{}, true
	}
	consider := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	switch {
	case r.w.live:
		consider(r.due)
	case r.joined:
		consider(r.nextPoll)
	default:
		consider(later(r.due, r.nextPoll))
	}
	if r.joined && r.w.live {
		consider(later(r.joinLimit.next(10, 200*time.Millisecond), r.lastBegan.Add(gatherDelay)))
	}
	if r.woken {
		consider(r.wakeLimit.next(20, 200*time.Millisecond))
	}
	if r.announced > 0 && r.rereadStep < len(rereadDelays) && !r.woken {
		consider(r.wokenAt.Add(rereadDelays[r.rereadStep]))
	}
	if at.Before(r.pausedUntil) {
		at = r.pausedUntil
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

// begin starts a read, which serves all requests so far. w.mu is held.
func (r *channelReader) begin() (ctx context.Context, full bool) {
	now := time.Now()
	r.started++
	r.lastBegan = now
	full = r.needFull
	switch {
	case r.woken:
		r.wakeLimit.take(now, 20, 200*time.Millisecond)
	case r.joined && r.w.live:
		r.joinLimit.take(now, 10, 200*time.Millisecond)
	}
	for r.rereadStep < len(rereadDelays) && !r.wokenAt.Add(rereadDelays[r.rereadStep]).After(now) {
		r.rereadStep++
	}
	if r.announced > 0 && r.rereadStep == len(rereadDelays) {
		full = true // the last try looks at everything
	}
	if !r.urgent {
		r.nextPoll = now.Add(r.w.hub.cfg.PollInterval)
	}
	r.urgent, r.joined, r.woken, r.needFull = false, false, false, false
	r.due = now.Add(r.interval())
	r.abandoned = false
	r.readingFull = full
	ctx, r.cancel = context.WithCancel(r.w.ctx)
	return ctx, full
}

// interval is the time to the next poll: long while the stream announces this channel's messages. A
// list of many pages that has to be read whole counts as many requests, so it is read less often.
func (r *channelReader) interval() time.Duration {
	cfg := &r.w.hub.cfg
	d := cfg.PollInterval
	if r.w.live && r.w.hub.announces(r.w.key.credential, r.channel) {
		d = cfg.SafetyInterval
	}
	d *= time.Duration(r.cache.pages())
	return d + jitter(d/10+1)
}

// retryAfter is how long to leave Ravi alone after a failure.
func retryAfter(err error, fails int) time.Duration {
	if detail, ok := errors.AsType[*ravi.Error](err); ok && detail.RetryAfter > 0 {
		return detail.RetryAfter
	}
	if errors.Is(err, ravi.ErrUnsupported) {
		return 5 * time.Minute
	}
	d := min(time.Second<<min(fails-1, 3), 8*time.Second)
	return d + jitter(d/4)
}

// burstLimit allows a burst of reads and then one per interval.
type burstLimit struct{ free time.Time }

// next is the earliest time at which take is allowed.
func (k *burstLimit) next(burst int, every time.Duration) time.Time {
	return k.free.Add(-time.Duration(burst-1) * every)
}

func (k *burstLimit) take(now time.Time, burst int, every time.Duration) {
	if k.free.Before(now) {
		k.free = now
	}
	k.free = k.free.Add(every)
}

// jitter returns a random duration in [0, below), so that watchers do not poll in step. It comes
// from crypto/rand only because this project has no other source of chance (SECURITY.md S8).
func jitter(below time.Duration) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (Go 1.24)
	return time.Duration(binary.LittleEndian.Uint64(b[:]) % uint64(below))
}
