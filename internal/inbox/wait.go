package inbox

import (
	"context"
	"errors"
	"time"

	"ravi-mcp/ravi"
)

// wait is one open wait, or an arming, at a watcher.
type wait struct {
	request Request // Channel says what it listens to
	state   state
	arming  bool
	notify  chan struct{}
	need    [2]uint64 // numbers of the first reads that began after it came
}

// nudge tells the wait to look again.
func (wt *wait) nudge() {
	select {
	case wt.notify <- struct{}{}:
	default:
	}
}

// join adds a wait to the watcher and asks for the reads it needs. With armed,
// the lists that the watcher has are fresh already.
func (w *watcher) join(wt *wait, armed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits[wt] = struct{}{}
	for c, b := range w.boxes {
		if !wt.request.listens(c) {
			continue
		}
		b.enter()
		switch {
		case wt.arming:
			wt.need[c] = b.ask(true, true)
		case armed:
			wt.need[c] = b.good
			b.nudge()
		default:
			wt.need[c] = b.ask(false, b.lacks(&wt.state.seen[c]))
		}
	}
}

func (w *watcher) leave(wt *wait) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waits, wt)
	for c, b := range w.boxes {
		if wt.request.listens(c) {
			b.leave()
		}
	}
}

// lacks reports whether a whole list is needed to know what s has not seen.
func (b *box) lacks(s *seen) bool { // w.mu is held
	if !b.shelf.complete {
		return true
	}
	for _, m := range b.shelf.messages {
		if m.content == nil && !s.has(m.at) {
			return true
		}
	}
	return false
}

// view is what a wait sees of its watcher at one moment.
type view struct {
	lists [2][]*message
	fresh bool    // every channel was tried since the wait came
	good  [2]bool // the channel was read since then
	// recent: or at most a round of polling before, so that a wait that is over
	// before it was its turn to read need not go without.
	recent [2]bool
	errs   [2]error // how the last read failed, if it began since then
	last   [2]error // the same, whenever it began
	live   bool
	now    time.Time // Ravi's, zero when unknown
}

func (w *watcher) look(wt *wait) view {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := view{fresh: true, live: w.live}
	if now, ok := w.raviNow(); ok {
		v.now = now
	}
	for c, b := range w.boxes {
		if !wt.request.listens(c) {
			continue
		}
		v.lists[c] = b.shelf.messages
		v.good[c] = b.good >= wt.need[c]
		v.last[c] = b.err
		tried := b.finished >= wt.need[c]
		if tried {
			v.errs[c] = b.err
		}
		// A channel that is left alone after a failure holds up no wait.
		v.fresh = v.fresh && (tried || !wt.arming && b.err != nil && time.Now().Before(b.pause))
		v.recent[c] = v.good[c] || b.good > 0 && b.err == nil && time.Since(b.shelf.at) <= 2*w.hub.cfg.PollInterval
		if !v.good[c] && b.lacks(&wt.state.seen[c]) {
			v.lists[c] = nil // texts are missing
		}
	}
	return v
}

// failure returns the error that ends a wait at once, if there is one. A
// channel that this Ravi does not have is no error while there is the other.
func (v *view) failure(r *Request) error {
	missing := 0
	asked := 0
	for c, err := range v.errs {
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

// keep drops the lists that are too old to decide on.
func (v *view) keep(final bool) {
	for c := range v.lists {
		if !v.good[c] && !(final && v.recent[c]) {
			v.lists[c] = nil
		}
	}
}

// unread returns the failure of a wait whose time is up: the last error, if no
// channel could be read at all.
func (v *view) unread(r *Request) error {
	var last error
	for c := range channels {
		if !r.listens(c) {
			continue
		}
		if v.recent[c] {
			return nil
		}
		if v.last[c] != nil {
			last = v.last[c]
		}
	}
	if last == nil {
		last = errNoAnswer
	}
	return last
}

// Wait waits for the message that a Request describes and returns what is in
// it; see the package documentation for the rules. A wait without an answer in
// time is Pending, and no error.
//
// Errors: [ErrCursor], [ErrRequest], [ErrTooManyWaits], [ErrShuttingDown]; the
// cause of ctx when it ends; errors of package ravi that a retry does not help
// with, at once; and the last error when Ravi could not be read at all until
// the time was up.
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
	wt := &wait{request: r, notify: make(chan struct{}, 1)}
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
	for c, b := range w.boxes {
		if channels[c] == o.Channel && b.wokenAt.After(began) {
			o.SinceEvent = time.Since(b.wokenAt)
		}
	}
	return o
}

// errNoAnswer is what a wait ends with when Ravi did not answer in time.
var errNoAnswer = &ravi.Error{Op: "list messages", Kind: ravi.ErrUnavailable}

// watch is the loop of a wait.
func (h *Hub) watch(ctx context.Context, t Target, w *watcher, wt *wait, began time.Time) (Result, error) {
	r := &wt.request
	q := question{target: t, request: *r, filter: newFilter(*r), state: wt.state, extract: w.extractJoined}
	deadline := began.Add(r.Timeout)
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	progress := time.NewTicker(h.cfg.ProgressEvery)
	defer progress.Stop()
	recheck := time.NewTimer(time.Hour)
	defer recheck.Stop()
	for {
		v := w.look(wt)
		if err := v.failure(r); err != nil {
			return Result{}, err
		}
		q.now = time.Now()
		q.final = !q.now.Before(deadline)
		if r.MaxAge > 0 && !v.now.IsZero() {
			q.oldest = v.now.Add(-r.MaxAge)
		}
		d := verdict{status: Pending}
		if v.fresh || q.final {
			v.keep(q.final)
			d = q.decide(v.lists)
		}
		if d.status != Pending {
			return h.answer(t, &q, d, v.lists)
		}
		if q.final {
			if err := v.unread(r); err != nil {
				return Result{}, err
			}
			reason := ""
			if r.Channel == AnyChannel && v.recent[0] != v.recent[1] {
				reason = ReasonPartlyUnread
			}
			return h.pending(t, &q, d, reason)
		}
		if !d.recheck.IsZero() {
			recheck.Reset(time.Until(d.recheck))
		}
		select {
		case <-wt.notify:
		case <-timer.C:
		case <-recheck.C:
		case <-progress.C:
			if r.Progress != nil {
				r.Progress(h.progress(r, &d, v.live, began))
			}
		case <-h.down:
			return h.pending(t, &q, d, ReasonShutdown)
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, ErrShuttingDown) {
				return Result{}, cause
			}
			return h.pending(t, &q, d, ReasonShutdown)
		}
	}
}

func (h *Hub) progress(r *Request, d *verdict, live bool, began time.Time) Progress {
	p := Progress{
		Elapsed: time.Since(began), Timeout: r.Timeout, Channel: r.Channel, From: r.From, Service: r.Service,
		Want: r.Want, Arrived: d.arrived.Count, Live: live,
	}
	if r.Messages {
		p.Want = ""
	}
	return p
}

func (h *Hub) pending(t Target, q *question, d verdict, reason string) (Result, error) {
	next := q.state
	next.fruitless++
	cursor, err := h.seal(t, next)
	if err != nil {
		return Result{}, err
	}
	return Result{Status: Pending, Reason: reason, Cursor: cursor, Arrived: d.arrived, Fruitless: next.fruitless}, nil
}

func (h *Hub) answer(t Target, q *question, d verdict, lists [2][]*message) (Result, error) {
	cursor, err := h.seal(t, q.next(d.passed, lists))
	if err != nil {
		return Result{}, err
	}
	res := Result{Status: d.status, Superseded: d.superseded, Cursor: cursor, Arrived: d.arrived}
	for _, u := range d.answers {
		res.Candidates = append(res.Candidates, q.answersOf(u)...)
	}
	if d.status == Found {
		res.Answer, res.Candidates = res.Candidates[0], nil
	}
	return res, nil
}
