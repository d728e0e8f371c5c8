package inbox

import (
	"cmp"
	"errors"
	"time"

	"ravi-mcp/ravi"
)

// snapshot is what a wait sees of its watcher at one moment.
type snapshot struct {
	lists [2][]*message
	fresh bool    // every channel was tried since the wait came
	good  [2]bool // the channel was read since then
	// recent: or at most a round of polling before, so that a wait that is over before it was its
	// turn to read need not go without.
	recent [2]bool
	errs   [2]error // how the last read failed, if it began since then
	last   [2]error // the same, whenever it began
	live   bool
	now    time.Time // Ravi's, zero when unknown
}

func (w *watcher) snapshot(wt *wait) snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := snapshot{fresh: true, live: w.live}
	if now, ok := w.raviNow(); ok {
		s.now = now
	}
	for c, r := range w.readers {
		if !wt.request.listens(c) {
			continue
		}
		s.lists[c] = r.cache.messages
		s.good[c] = r.lastGood >= wt.firstRead[c]
		s.last[c] = r.lastErr
		tried := r.finished >= wt.firstRead[c]
		if tried {
			s.errs[c] = r.lastErr
		}
		// A channel that is left alone after a failure holds up no wait.
		s.fresh = s.fresh && (tried || !wt.arming && r.lastErr != nil && time.Now().Before(r.pausedUntil))
		s.recent[c] = s.good[c] || r.lastGood > 0 && r.lastErr == nil && time.Since(r.cache.at) <= 2*w.hub.cfg.PollInterval
		if !s.good[c] && r.needsFullList(&wt.state.seen[c]) {
			s.lists[c] = nil // texts are missing
		}
	}
	return s
}

// failure returns the error that ends a wait at once, if there is one. A channel that this Ravi
// does not have is no error while there is the other.
func (s *snapshot) failure(r *Request) error {
	missing := 0
	asked := 0
	for c, err := range s.errs {
		if !r.listens(c) {
			continue
		}
		asked++
		switch {
		case err == nil:
		case errors.Is(err, ravi.ErrUnsupported):
			if missing++; missing == asked && (r.Channel != AnyChannel || asked == 2) {
				return err
			}
		case fatal(err):
			return err
		}
	}
	return nil
}

// dropStale drops the lists that are too old to decide on.
func (s *snapshot) dropStale(final bool) {
	for c := range s.lists {
		if !s.good[c] && !(final && s.recent[c]) {
			s.lists[c] = nil
		}
	}
}

// unreadError returns the failure of a wait whose time is up: the last error, if no channel could
// be read at all.
func (s *snapshot) unreadError(r *Request) error {
	var last error
	for c := range channels {
		if !r.listens(c) {
			continue
		}
		if s.recent[c] {
			return nil
		}
		if s.last[c] != nil {
			last = s.last[c]
		}
	}
	return cmp.Or(last, error(errNoAnswer))
}

// errNoAnswer is what a wait ends with when Ravi did not answer in time.
var errNoAnswer = &ravi.Error{Op: "list messages", Kind: ravi.ErrUnavailable}
