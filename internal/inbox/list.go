package inbox

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"ravi-mcp/ravi"
)

const (
	pageSize = 200 // the largest page that Ravi gives (docs/ravi-api.md#limits)
	// fullUpTo is how many messages, and of which size together, are cheap enough to be listed
	// whole every time.
	fullUpTo, fullUpToBytes = 20, 256 << 10
	// fullEvery is how many narrowed reads may follow a whole one.
	fullEvery = 15
	// keepContents is how many messages' contents a channel keeps, the newest; older unseen ones
	// are counted as if they were not there.
	keepContents = 200
	// maxDetails bounds the requests for texts that a list left out, per read.
	maxDetails = 20
)

// read lists the channel once and keeps the result.
func (r *channelReader) read(ctx context.Context, full bool) {
	r.w.mu.Lock()
	old := r.cache
	seenSets := r.seenByWaits()
	r.w.mu.Unlock()
	at := time.Now()
	next, err := r.refresh(ctx, old, seenSets, full)
	fresh := 0
	if err == nil {
		next.at = at
		for id := range next.byID {
			if old.byID[id] == nil {
				fresh++
			}
		}
		r.fillIn(ctx, &next)
	}
	r.end(next, fresh, err)
}

// seenByWaits returns what the open waits have seen of this channel. w.mu is held.
func (r *channelReader) seenByWaits() []*seenSet {
	var out []*seenSet
	for wt := range r.w.waits {
		if !wt.arming && wt.request.listens(r.channel) {
			out = append(out, &wt.state.seen[r.channel])
		}
	}
	return out
}

// refresh reads the narrowest list that is safe.
func (r *channelReader) refresh(ctx context.Context, old channelCache, seenSets []*seenSet, full bool) (channelCache, error) {
	after, narrow := old.window()
	if !narrow || full {
		return r.list(ctx, old, seenSets, time.Time{})
	}
	next, err := r.list(ctx, old, seenSets, after)
	switch {
	case errors.Is(err, ravi.ErrInvalid): // this Ravi refuses the parameter
		old.after = afterUseless
		return r.list(ctx, old, seenSets, time.Time{})
	case err != nil:
		return next, err
	}
	if slices.ContainsFunc(next.messages, func(m *message) bool { return m.at.created.Before(after.Add(-time.Second)) }) {
		next.after, next.narrowed = afterUseless, 0 // ignored: this is the whole list
		return next, nil
	}
	for _, m := range old.messages {
		switch listed := next.byID[m.at.id] != nil; {
		case listed:
		case !m.at.created.After(after.Add(time.Second)):
			next.byID[m.at.id] = m // outside the window, as asked
		case old.after == afterUnknown: // a message inside the window is missing
			old.after = afterUseless
			return r.list(ctx, old, seenSets, time.Time{})
		}
	}
	next.after = afterHonoured
	next.narrowed = old.narrowed + 1
	next.order()
	return next, nil
}

// list reads all pages of a list, whole or narrowed, and takes over what is known already.
func (r *channelReader) list(ctx context.Context, old channelCache, seenSets []*seenSet, after time.Time) (channelCache, error) {
	next := channelCache{byID: make(map[int64]*message), complete: true, after: old.after}
	needed := func(p position) bool {
		return slices.ContainsFunc(seenSets, func(s *seenSet) bool { return !s.has(p) })
	}
	contents := 0
	for m, err := range r.messages(ctx, ravi.MessageFilter{CreatedAfter: after, Limit: pageSize}) {
		if err != nil {
			return channelCache{}, err
		}
		known := old.byID[m.at.id]
		// What came while the channel was watched is read at once: some wait will ask for it.
		arrived := old.complete && (known == nil || known.content != nil)
		keep := arrived || needed(m.at)
		switch {
		case known != nil && known.size == m.size && known.at == m.at && (known.content != nil) == keep:
			next.byID[m.at.id] = known
		default:
			fresh := m.message
			fresh.listed = time.Now()
			if known != nil {
				fresh.listed = known.listed
			}
			if keep && known != nil && known.content != nil && known.size == m.size {
				fresh.content = known.content
			} else if keep {
				fresh.content = m.read()
			}
			next.byID[m.at.id] = &fresh
		}
		if keep {
			if contents++; contents%(2*keepContents) == 0 {
				next.trim()
			}
		}
	}
	next.order()
	next.trim()
	return next, nil
}

// fillIn asks for the text of needed messages that the list left empty, up to three times each,
// since some messages have none.
func (r *channelReader) fillIn(ctx context.Context, s *channelCache) {
	asked := 0
	for _, m := range slices.Backward(s.messages) {
		if m.content == nil || !m.content.empty || m.content.detailReads >= 3 || asked >= maxDetails || ctx.Err() != nil {
			continue
		}
		asked++
		filled := *m
		kept := *m.content
		kept.detailReads++
		filled.content = &kept
		if full, ok := r.detail(ctx, m.at.id); ok && full.size > m.size {
			kept = *full.read()
			kept.detailReads = 3
		}
		s.byID[m.at.id] = &filled
	}
	if asked > 0 {
		s.order()
	}
}

// messages lists one channel, incoming messages only.
func (r *channelReader) messages(ctx context.Context, f ravi.MessageFilter) iter.Seq2[listedMessage, error] {
	if r.channel == emailIndex {
		return incoming(r.w.source.EmailMessages(ctx, f), fromEmail, r.w.target)
	}
	return incoming(r.w.source.SMSMessages(ctx, f), fromSMS, r.w.target)
}

func incoming[M any](list iter.Seq2[M, error], read func(M, Target) (listedMessage, bool), t Target) iter.Seq2[listedMessage, error] {
	return func(yield func(listedMessage, error) bool) {
		for m, err := range list {
			if err != nil {
				yield(listedMessage{}, err)
				return
			}
			if l, ok := read(m, t); ok && !yield(l, nil) {
				return
			}
		}
	}
}

// detail reads one message by itself.
func (r *channelReader) detail(ctx context.Context, id int64) (listedMessage, bool) {
	if r.channel == emailIndex {
		if m, err := r.w.source.EmailMessage(ctx, id); err == nil && m != nil {
			return fromEmail(*m, r.w.target)
		}
		return listedMessage{}, false
	}
	if m, err := r.w.source.SMSMessage(ctx, id); err == nil && m != nil {
		return fromSMS(*m, r.w.target)
	}
	return listedMessage{}, false
}

// end records the outcome of a read and wakes the waits.
func (r *channelReader) end(next channelCache, fresh int, err error) {
	w := r.w
	w.mu.Lock()
	defer w.mu.Unlock()
	r.cancel()
	r.cancel = nil
	r.finished = r.started
	if err != nil && r.readingFull {
		r.needFull = true
	}
	if r.abandoned || w.ctx.Err() != nil {
		return
	}
	r.lastErr = err
	now := time.Now()
	if err != nil {
		r.failures++
		r.pausedUntil = now.Add(retryAfter(err, r.failures))
		r.due = r.pausedUntil
		w.hub.cfg.Logger.Debug().Err(err).Str("identity", w.key.identity).Str("channel", string(channels[r.channel])).Msg("inbox not read")
	} else {
		r.failures, r.pausedUntil = 0, time.Time{}
		r.lastGood = r.finished
		r.reconcile(fresh, now)
		r.cache = next
		for _, m := range next.messages {
			w.observeTime(m.at.created)
		}
	}
	for wt := range w.waits {
		wt.wake.set()
	}
}

// reconcile compares what a good read showed with what was announced.
func (r *channelReader) reconcile(fresh int, now time.Time) { // w.mu is held
	if !r.cache.complete {
		fresh = 0 // the first list cannot tell what is new
	}
	matched := min(r.announced, fresh)
	r.announced -= matched
	if r.rereadStep == len(rereadDelays) {
		r.announced = 0 // it was announced, and never listed
	}
	if !r.cache.complete || !r.w.live || r.w.liveSince.After(r.cache.at) {
		return
	}
	// The stream has been up since the read before this one.
	if !r.unannouncedAt.IsZero() && now.Sub(r.unannouncedAt) > time.Second {
		// A message came without an event, and none followed: do not rely on them.
		r.unannouncedAt = time.Time{}
		r.w.hub.setAnnounces(r.w.key.credential, r.channel, false)
	}
	if fresh > matched && r.wokenAt.Before(now.Add(-time.Second)) {
		r.unannouncedAt = now
	}
}
