package inbox

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"ravi-mcp/internal/token"
)

// Config adjusts a Hub. The zero value is useful.
type Config struct {
	// Sealer seals cursors. Default: a random key, so that cursors do not outlive the process.
	Sealer *token.Sealer
	// MaxStreams is how many event streams may be open at once; watchers beyond it poll until one
	// is free. Default 2,000; negative: none.
	MaxStreams int
	// MaxWaits and MaxWaitsPerCaller bound the open waits. Defaults 10,000 and 1,000.
	MaxWaits, MaxWaitsPerCaller int
	// Linger is how long a watcher keeps its stream after its last wait or arming. Default 30 s;
	// negative: not at all.
	Linger time.Duration
	// PollInterval is the time between two reads of one channel while there is no event stream. Up
	// to a tenth is added at random. Default 2 s.
	PollInterval time.Duration
	// SafetyInterval is the time between two reads while a stream announces the messages of a
	// channel. Default 15 s.
	SafetyInterval time.Duration
	// MaxReads bounds how many inboxes are read at a time with one credential; the others queue, so
	// that many waits neither flood Ravi nor use more connections than are kept open. Default 128.
	MaxReads int
	// ProgressEvery is the time between two calls of Request.Progress. Default 5 s.
	ProgressEvery time.Duration
	// ConnectTimeout is how long arming waits for the event stream before it goes on without.
	// Default 3 s.
	ConnectTimeout time.Duration
	// Observe is called after every wait that ended without an error, for metrics. It must be quick
	// and safe for concurrent use. It may be nil.
	Observe func(Outcome)
	// Logger gets debug lines: counts, ids and errors, never text of messages.
	Logger zerolog.Logger
}

// Outcome is how a wait ended, as [Config.Observe] sees it.
type Outcome struct {
	Status Status
	// Channel is where the answer came; empty for a wait without one answer.
	Channel Channel
	// Waited is how long the wait was open.
	Waited time.Duration
	// SinceEvent is the time from Ravi's event for the channel to the answer. 0 when no event came
	// during the wait.
	SinceEvent time.Duration
}

func (c *Config) fill() {
	if c.Sealer == nil {
		c.Sealer = token.Random()
	}
	c.MaxStreams = cmp.Or(c.MaxStreams, 2000)
	if c.MaxWaits <= 0 {
		c.MaxWaits = 10_000
	}
	if c.MaxWaitsPerCaller <= 0 {
		c.MaxWaitsPerCaller = 1000
	}
	if c.MaxReads <= 0 {
		c.MaxReads = 128
	}
	c.Linger = cmp.Or(c.Linger, 30*time.Second)
	c.PollInterval = cmp.Or(c.PollInterval, 2*time.Second)
	c.SafetyInterval = cmp.Or(c.SafetyInterval, 15*time.Second)
	c.ProgressEvery = cmp.Or(c.ProgressEvery, 5*time.Second)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 3*time.Second)
}

// Hub arms and waits for all callers. Make it with New, end it with Close. All methods are safe for
// concurrent use.
type Hub struct {
	cfg      Config
	ctx      context.Context // until Close
	cancel   context.CancelFunc
	shutdown chan struct{} // closed by Shutdown
	streams  *semaphore.Weighted
	group    sync.WaitGroup // goroutines of watchers

	mu       sync.Mutex
	closed   bool
	watchers map[watcherKey]*watcher
	waits    int
	byCaller map[string]int
	// announced says, by credential, on which channels Ravi's stream was seen to announce messages.
	// Not every Ravi announces SMS (docs/ravi-api.md#events).
	announced  sync.Map // announcement -> bool
	readLimits sync.Map // credential -> *semaphore.Weighted
}

type watcherKey struct{ credential, identity string }

// New returns a hub that does nothing yet.
func New(cfg Config) *Hub {
	cfg.fill()
	h := &Hub{
		cfg: cfg, shutdown: make(chan struct{}), watchers: make(map[watcherKey]*watcher),
		byCaller: make(map[string]int),
	}
	if cfg.MaxStreams > 0 {
		h.streams = semaphore.NewWeighted(int64(cfg.MaxStreams))
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// Shutdown ends all waits as pending, with a cursor and [ReasonShutdown]. From then on Arm and Wait
// fail with [ErrShuttingDown]. It does not block and may be called more than once.
func (h *Hub) Shutdown() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.shutdown)
	}
}

// Close is Shutdown, and ends all streams and reads and waits until their goroutines are gone.
func (h *Hub) Close() {
	h.Shutdown()
	h.cancel()
	h.mu.Lock()
	for key, w := range h.watchers {
		w.stop()
		delete(h.watchers, key)
	}
	h.mu.Unlock()
	h.group.Wait()
}

// Stats is what a hub is doing, for metrics.
type Stats struct {
	Waits, Watchers, Streams int
}

// Stats returns the numbers of this moment.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Stats{Waits: h.waits, Watchers: len(h.watchers)}
	for _, w := range h.watchers {
		w.mu.Lock()
		if w.live {
			s.Streams++
		}
		w.mu.Unlock()
	}
	return s
}

// CursorIdentity returns the identity that a cursor of this caller is for, or [ErrCursor].
func (h *Hub) CursorIdentity(caller, cursor string) (identityUUID string, err error) {
	identity, payload, err := h.cfg.Sealer.OpenAny(caller, cursorPurpose, cursor)
	if err != nil {
		return "", ErrCursor
	}
	if _, err := decodeState(payload); err != nil {
		return "", err
	}
	return identity, nil
}

// admit counts a wait in; release counts it out.
func (h *Hub) admit(caller string) (release func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, ErrShuttingDown
	case h.waits >= h.cfg.MaxWaits, h.byCaller[caller] >= h.cfg.MaxWaitsPerCaller:
		return nil, ErrTooManyWaits
	}
	h.waits++
	h.byCaller[caller]++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.waits--
		if h.byCaller[caller]--; h.byCaller[caller] == 0 {
			delete(h.byCaller, caller)
		}
	}, nil
}

// acquire returns the watcher of a target, started if there is none. Every acquire needs a release.
func (h *Hub) acquire(t Target) (*watcher, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrShuttingDown
	}
	key := watcherKey{t.Credential, t.Identity}
	w := h.watchers[key]
	if w == nil {
		w = newWatcher(h, key, t)
		h.watchers[key] = w
		w.start()
	}
	w.refs++
	if w.linger != nil {
		w.linger.Stop()
		w.linger = nil
	}
	return w, nil
}

func (h *Hub) release(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w.refs--; w.refs > 0 || h.watchers[w.key] != w {
		return
	}
	if h.cfg.Linger < 0 {
		h.remove(w)
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(h.cfg.Linger, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if w.linger == timer && h.watchers[w.key] == w { // not acquired meanwhile
			h.remove(w)
		}
	})
	w.linger = timer
}

// remove ends a watcher; h.mu is held.
func (h *Hub) remove(w *watcher) {
	delete(h.watchers, w.key)
	w.stop()
}

// readSlots limits reads to Config.MaxReads.
func (h *Hub) readSlots(credential string) *semaphore.Weighted {
	slots, _ := h.readLimits.LoadOrStore(credential, semaphore.NewWeighted(int64(h.cfg.MaxReads)))
	return slots.(*semaphore.Weighted)
}

// announces reports whether the stream of a credential is known to announce messages of channel c;
// setAnnounces notes what was seen.
func (h *Hub) announces(credential string, c int) bool {
	yes, _ := h.announced.Load(announcement{credential, c})
	return yes == true
}

func (h *Hub) setAnnounces(credential string, c int, yes bool) {
	h.announced.Store(announcement{credential, c}, yes)
}

type announcement struct {
	credential string
	channel    int
}
