package inbox

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"ravi-mcp/internal/otp"
	"ravi-mcp/ravi"
)

// watcher follows one identity with one credential for any number of waits. It has one goroutine
// for the event stream and one for each channel.
//
// Lock order: Hub.mu before watcher.mu.
type watcher struct {
	hub    *Hub
	key    watcherKey
	target Target // of the wait that started it
	source Source
	ctx    context.Context
	cancel context.CancelFunc

	refs   int         // guarded by Hub.mu
	linger *time.Timer // guarded by Hub.mu; set while refs is 0

	connectTried chan struct{} // closed when the first connect has succeeded or failed

	mu          sync.Mutex
	live        bool // the stream is connected
	liveSince   time.Time
	readers     [2]*channelReader
	waits       map[*wait]struct{}
	clockOffset time.Duration       // lower bound of Ravi's clock minus ours
	clockKnown  bool                // clockOffset is set
	joined      map[string]*content // joined SMS, by sender and text
}

func newWatcher(h *Hub, key watcherKey, t Target) *watcher {
	w := &watcher{
		hub: h, key: key, target: t, source: t.Source, connectTried: make(chan struct{}),
		waits: make(map[*wait]struct{}), joined: make(map[string]*content),
	}
	w.ctx, w.cancel = context.WithCancel(h.ctx)
	for c := range channels {
		w.readers[c] = &channelReader{w: w, channel: c, wake: newWakeup()}
	}
	return w
}

func (w *watcher) start() {
	for _, r := range w.readers {
		w.hub.group.Go(r.run)
	}
	w.hub.group.Go(w.stream)
}

// stop ends the goroutines without waiting for them; Hub.mu is held.
func (w *watcher) stop() {
	if w.linger != nil {
		w.linger.Stop()
		w.linger = nil
	}
	w.cancel()
}

// stream keeps an event stream open while the watcher lives, if Ravi has one and the hub has a
// place for it.
func (w *watcher) stream() {
	settle := sync.OnceFunc(func() { close(w.connectTried) })
	defer settle()
	slots := w.hub.streams
	if slots == nil {
		return
	}
	if !slots.TryAcquire(1) {
		settle()
		if slots.Acquire(w.ctx, 1) != nil {
			return
		}
	}
	defer slots.Release(1)
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = time.Second, 30*time.Second
	for w.ctx.Err() == nil {
		s, err := w.source.Events(w.ctx)
		if err == nil {
			w.setLive(true)
			settle()
			started := time.Now()
			w.follow(s)
			w.setLive(false)
			_ = s.Close()
			if err = s.Err(); time.Since(started) > pause.MaxInterval {
				pause.Reset()
			}
		}
		settle()
		if err != nil && (fatal(err) || errors.Is(err, ravi.ErrUnsupported)) {
			w.hub.cfg.Logger.Debug().Err(err).Str("identity", w.key.identity).Msg("no event stream, polling")
			return
		}
		select {
		case <-time.After(pause.NextBackOff()):
		case <-w.ctx.Done():
		}
	}
}

// follow turns events into wake-ups until the stream ends.
func (w *watcher) follow(s Stream) {
	for {
		select {
		case <-w.ctx.Done():
			return
		case e, ok := <-s.Events():
			if !ok {
				return
			}
			switch e.Kind {
			case ravi.EventConnected:
				w.setLive(true)
			case ravi.EventDisconnected:
				w.setLive(false)
			case ravi.EventEmail:
				w.announce(emailIndex)
			case ravi.EventSMS:
				w.announce(smsIndex)
			default: // a name we do not know may stand for either
				w.readers[emailIndex].announce()
				w.readers[smsIndex].announce()
			}
		}
	}
}

func (w *watcher) announce(c int) {
	w.hub.setAnnounces(w.key.credential, c, true)
	w.readers[c].announce()
}

// setLive notes that the stream is up or down. When it comes up, what was missed meanwhile is read.
func (w *watcher) setLive(live bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.live == live {
		return
	}
	w.live = live
	if live {
		w.liveSince = time.Now()
	}
	for _, r := range w.readers {
		if live {
			r.woken = true
		} else {
			r.due = r.nextPoll // poll from here on
		}
		r.wake.set()
	}
}

// observeTime learns Ravi's clock from the time of a message, or from the source. Both are at most
// Ravi's time of now, so the largest difference is the best.
func (w *watcher) observeTime(raviTime time.Time) { // w.mu is held
	if raviTime.IsZero() {
		return
	}
	if d := time.Until(raviTime); !w.clockKnown || d > w.clockOffset {
		w.clockOffset, w.clockKnown = d, true
	}
}

// raviNow returns Ravi's time as far as it is known: what the source says, else a lower bound from
// messages. w.mu is held.
func (w *watcher) raviNow() (time.Time, bool) {
	if c, ok := w.source.(ServerClock); ok {
		if now, known := c.ServerTime(); known {
			return now, true
		}
	}
	return time.Now().Add(w.clockOffset), w.clockKnown
}

// readJoined reads a joined SMS, once for all waits.
func (w *watcher) readJoined(m otp.Message) *content {
	key := m.From + "\x00" + m.Text
	w.mu.Lock()
	c, ok := w.joined[key]
	w.mu.Unlock()
	if ok {
		return c
	}
	c = listedMessage{message: message{channel: smsIndex}, parts: m}.read()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.joined) >= 64 {
		clear(w.joined)
	}
	w.joined[key] = c
	return c
}

// fatal reports whether err will be the same next time, so that retrying it during a wait is
// useless.
func fatal(err error) bool {
	return slices.ContainsFunc([]error{
		ravi.ErrNotAuthenticated, ravi.ErrUnauthorized, ravi.ErrTokenExpired, ravi.ErrForbidden,
		ravi.ErrSubscriptionRequired, ravi.ErrNotFound, ravi.ErrWrongIdentity, ravi.ErrInvalid,
	}, func(kind error) bool { return errors.Is(err, kind) })
}
