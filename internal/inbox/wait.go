package inbox

import (
	"context"
	"errors"
	"time"

	"ravi-mcp/internal/suspicion"
)

// wait is one open wait, or an arming, at a watcher.
type wait struct {
	request   Request // Channel says what it listens to
	state     state
	arming    bool
	wake      wakeup
	firstRead [2]uint64 // numbers of the first reads that began after it came
}

// wakeup holds at most one wake-up for the goroutine that receives from it.
type wakeup chan struct{}

func newWakeup() wakeup { return make(wakeup, 1) }

func (w wakeup) set() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// join adds a wait to the watcher and asks for the reads it needs. With armed, the lists that the
// watcher has are fresh already.
func (w *watcher) join(wt *wait, armed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits[wt] = struct{}{}
	for c, r := range w.readers {
		if !wt.request.listens(c) {
			continue
		}
		r.demand++
		switch {
		case wt.arming:
			wt.firstRead[c] = r.request(true, true)
		case armed:
			wt.firstRead[c] = r.lastGood
			r.wake.set()
		default:
			wt.firstRead[c] = r.request(false, r.needsFullList(&wt.state.seen[c]))
		}
	}
}

func (w *watcher) leave(wt *wait) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waits, wt)
	for c, r := range w.readers {
		if wt.request.listens(c) {
			r.leave()
		}
	}
}

// Wait waits for the message that a Request describes and returns what is in it; see the package
// documentation for the rules. A wait without an answer in time is Pending, and no error.
//
// Errors: [ErrCursor], [ErrRequest], [ErrTooManyWaits], [ErrShuttingDown]; the cause of ctx when it
// ends; errors of package ravi that a retry does not help with, at once; and the last error when
// Ravi could not be read at all until the time was up.
func (h *Hub) Wait(ctx context.Context, t Target, r Request) (Result, error) {
	began := time.Now()
	if err := r.normalise(); err != nil {
		return Result{}, err
	}
	release, err := h.admit(t.Caller)
	if err != nil {
		return Result{}, err
	}
	defer release()
	wt := &wait{request: r, wake: newWakeup()}
	if r.Cursor != "" {
		if wt.state, err = h.open(t, r.Cursor); err != nil {
			return Result{}, err
		}
	}
	w, err := h.acquire(t)
	if err != nil {
		return Result{}, err
	}
	defer h.release(w)
	if r.Cursor == "" {
		armCtx, cancel := context.WithTimeoutCause(ctx, r.Timeout, errNoAnswer)
		wt.state, err = w.arm(armCtx, min(h.cfg.ConnectTimeout, r.Timeout/4))
		cancel()
		if err != nil {
			return Result{}, err
		}
	}
	w.join(wt, r.Cursor == "")
	defer w.leave(wt)
	res, err := h.watch(ctx, t, w, wt, began)
	if err != nil {
		return Result{}, err
	}
	res.ArmedAtCall = r.Cursor == ""
	res.Waited = time.Since(began)
	if h.cfg.Observe != nil {
		h.cfg.Observe(w.outcome(&res, began))
	}
	return res, nil
}

// outcome is what is to be observed of a wait that began at a time.
func (w *watcher) outcome(res *Result, began time.Time) Outcome {
	o := Outcome{Status: res.Status, Waited: res.Waited}
	if res.Status != Found {
		return o
	}
	o.Channel = res.Message.Channel
	w.mu.Lock()
	defer w.mu.Unlock()
	for c, r := range w.readers {
		if channels[c] == o.Channel && r.wokenAt.After(began) {
			o.SinceEvent = time.Since(r.wokenAt)
		}
	}
	return o
}

// watch is the loop of a wait.
func (h *Hub) watch(ctx context.Context, t Target, w *watcher, wt *wait, began time.Time) (Result, error) {
	r := &wt.request
	q := query{target: t, request: *r, filter: newFilter(*r), service: suspicion.NewService(r.Service), state: wt.state, read: w.readJoined}
	deadline := began.Add(r.Timeout)
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	progress := time.NewTicker(h.cfg.ProgressEvery)
	defer progress.Stop()
	recheck := time.NewTimer(time.Hour)
	defer recheck.Stop()
	for {
		s := w.snapshot(wt)
		if err := s.failure(r); err != nil {
			return Result{}, err
		}
		q.now = time.Now()
		q.final = !q.now.Before(deadline)
		if r.MaxAge > 0 && !s.now.IsZero() {
			q.oldest = s.now.Add(-r.MaxAge)
		}
		d := decision{status: Pending}
		if s.fresh || q.final {
			s.dropStale(q.final)
			d = q.decide(s.lists)
		}
		if d.status != Pending {
			return h.answer(t, &q, d, s.lists)
		}
		if q.final {
			if err := s.unreadError(r); err != nil {
				return Result{}, err
			}
			reason := ""
			if r.Channel == AnyChannel && s.recent[emailIndex] != s.recent[smsIndex] {
				reason = ReasonPartlyUnread
			}
			return h.pending(t, &q, d, reason)
		}
		if !d.recheck.IsZero() {
			recheck.Reset(time.Until(d.recheck))
		}
		select {
		case <-wt.wake:
		case <-timer.C:
		case <-recheck.C:
		case <-progress.C:
			if r.Progress != nil {
				r.Progress(h.progress(r, &d, s.live, began))
			}
		case <-h.shutdown:
			return h.pending(t, &q, d, ReasonShutdown)
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, ErrShuttingDown) {
				return Result{}, cause
			}
			return h.pending(t, &q, d, ReasonShutdown)
		}
	}
}
