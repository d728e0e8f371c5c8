package inbox

import (
	"cmp"
	"context"
	"errors"
	"time"

	"ravi-mcp/ravi"
)

// Arm returns a cursor: nothing that Ravi lists now can answer a wait that continues from it. If
// Ravi has an event stream, it is connected first, so that nothing falls between the list and the
// wake-ups; then mail and SMS are listed to the end. A read that fails is an error and gives no
// cursor.
//
// The cursor is good for 24 hours, for this caller and this identity. The watcher lingers, so that
// a wait soon after finds its stream connected.
//
// Errors: those of package ravi, [ErrShuttingDown], and the cause of ctx.
func (h *Hub) Arm(ctx context.Context, t Target) (cursor string, err error) {
	w, err := h.acquire(t)
	if err != nil {
		return "", err
	}
	defer h.release(w)
	s, err := w.arm(ctx, h.cfg.ConnectTimeout)
	if err != nil {
		return "", err
	}
	return h.seal(t, s)
}

// ArmEmpty returns a cursor for an identity that was created just now: its inbox is empty, so no
// request is made and everything that comes is new.
func (h *Hub) ArmEmpty(t Target) (cursor string, err error) {
	return h.seal(t, state{})
}

// arm waits for the stream, at most for so long, then for a whole list of each channel that began
// after that.
func (w *watcher) arm(ctx context.Context, patience time.Duration) (state, error) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-w.connectTried:
	case <-timeout.C:
	case <-w.hub.shutdown:
		return state{}, ErrShuttingDown
	case <-ctx.Done():
		return state{}, context.Cause(ctx)
	}
	wt := &wait{request: Request{Channel: AnyChannel}, arming: true, wake: newWakeup()}
	w.join(wt, false)
	defer w.leave(wt)
	for {
		s := w.snapshot(wt)
		if err := s.failure(&wt.request); err != nil {
			return state{}, err
		}
		if s.fresh {
			return s.armed()
		}
		select {
		case <-wt.wake:
		case <-w.hub.shutdown:
			return state{}, ErrShuttingDown
		case <-ctx.Done():
			return state{}, context.Cause(ctx)
		}
	}
}

// armed makes the state of a new cursor of what was listed.
func (s *snapshot) armed() (state, error) {
	var cursor state
	for c := range channels {
		if errors.Is(s.last[c], ravi.ErrUnsupported) {
			continue // this Ravi does not have the channel
		}
		if !s.good[c] {
			return state{}, cmp.Or(s.last[c], error(errNoAnswer))
		}
		cursor.seen[c] = seenSet{}.past(positions(s.lists[c]), endPosition)
	}
	return cursor, nil
}
