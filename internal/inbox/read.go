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
	pageSize = 200 // the largest page that Ravi gives (API.md section 2.4)
	// fullUpTo is how many messages, and of which size together, are cheap
	// enough to be listed whole every time.
	fullUpTo, fullUpToBytes = 20, 256 << 10
	// fullEvery is how many narrowed reads may follow a whole one.
	fullEvery = 15
	// keepContents is how many messages' contents a channel keeps, the newest;
	// older unseen ones are counted as if they were not there.
	keepContents = 200
	// maxDetails bounds the requests for texts that a list left out, per read.
	maxDetails = 20
)

// shelf is what a channel is known to hold. It is replaced, never changed.
type shelf struct {
	messages []*message // incoming ones, oldest first
	byID     map[int64]*message
	complete bool      // a whole list was read at least once
	at       time.Time // when the last read began, by our clock
	newest   time.Time // by Ravi's clock
	bytes    int
	narrowed int // narrowed reads since the last whole one
	after    afterState
}

// afterState is what is known about created_after at this Ravi.
type afterState int

const (
	afterUnknown  afterState = iota
	afterHonoured            // it leaves out older messages and nothing else
	afterUseless             // it is ignored, refused, or does something else
)

// pages is how many requests a read of the shelf is, at least and within reason.
func (s *shelf) pages() int {
	if s.after == afterHonoured || len(s.messages) <= pageSize {
		return 1
	}
	return min((len(s.messages)+pageSize-1)/pageSize, 5)
}

// window returns the created_after to ask for, or false where the whole list
// is to be read. The time is Ravi's own: that of its newest message, less
// lateness. There must be an older message, by whose absence one sees that the
// parameter is honoured.
func (s *shelf) window() (after time.Time, ok bool) {
	if !s.complete || s.after == afterUseless || s.narrowed >= fullEvery || s.newest.IsZero() {
		return time.Time{}, false
	}
	if len(s.messages) <= fullUpTo && s.bytes <= fullUpToBytes {
		return time.Time{}, false
	}
	after = s.newest.Add(-lateness)
	oldest := s.messages[0].at.created
	return after, !oldest.IsZero() && oldest.Before(after.Add(-time.Second))
}

// read lists the channel once and shelves the result.
func (b *box) read(ctx context.Context, full bool) {
	b.w.mu.Lock()
	old := b.shelf
	needs := b.needs()
	b.w.mu.Unlock()
	at := time.Now()
	next, err := b.refresh(ctx, old, needs, full)
	fresh := 0
	if err == nil {
		next.at = at
		for id := range next.byID {
			if old.byID[id] == nil {
				fresh++
			}
		}
		b.fillIn(ctx, &next, needs)
	}
	b.end(next, fresh, err)
}

// needs returns what the open waits have seen of this channel. w.mu is held.
func (b *box) needs() []*seen {
	var out []*seen
	for wt := range b.w.waits {
		if !wt.arming && wt.request.listens(b.channel) {
			out = append(out, &wt.state.seen[b.channel])
		}
	}
	return out
}

// refresh reads the narrowest list that is safe.
func (b *box) refresh(ctx context.Context, old shelf, needs []*seen, full bool) (shelf, error) {
	after, narrow := old.window()
	if !narrow || full {
		return b.list(ctx, old, needs, time.Time{})
	}
	next, err := b.list(ctx, old, needs, after)
	switch {
	case errors.Is(err, ravi.ErrInvalid): // this Ravi refuses the parameter
		old.after = afterUseless
		return b.list(ctx, old, needs, time.Time{})
	case err != nil:
		return next, err
	}
	if slices.ContainsFunc(next.messages, func(m *message) bool { return m.at.created.Before(after.Add(-time.Second)) }) {
		next.after, next.narrowed = afterUseless, 0 // ignored: this is the whole list
		return next, nil
	}
	for _, m := range old.messages {
		switch kept := next.byID[m.at.id] != nil; {
		case kept:
		case !m.at.created.After(after.Add(time.Second)):
			next.put(m) // outside the window, as asked
		case old.after == afterUnknown: // a message inside the window is missing: no good
			old.after = afterUseless
			return b.list(ctx, old, needs, time.Time{})
		}
	}
	next.after = afterHonoured
	next.narrowed = old.narrowed + 1
	next.order()
	return next, nil
}

// list reads all pages of a list, whole or narrowed, and takes over what is
// known already.
func (b *box) list(ctx context.Context, old shelf, needs []*seen, after time.Time) (shelf, error) {
	next := shelf{byID: make(map[int64]*message), complete: true, after: old.after}
	needed := func(p point) bool {
		return slices.ContainsFunc(needs, func(s *seen) bool { return !s.has(p) })
	}
	contents := 0
	for m, err := range b.messages(ctx, ravi.MessageFilter{CreatedAfter: after, Limit: pageSize}) {
		if err != nil {
			return shelf{}, err
		}
		known := old.byID[m.at.id]
		// What came while we watched is read at once: some wait will ask for it.
		arrived := old.complete && (known == nil || known.content != nil)
		keep := arrived || needed(m.at)
		switch {
		case known != nil && known.size == m.size && known.at == m.at && (known.content != nil) == keep:
			next.put(known)
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
			next.put(&fresh)
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

func (s *shelf) put(m *message) {
	s.byID[m.at.id] = m
}

// order rebuilds the sorted list and what is counted over it.
func (s *shelf) order() {
	s.messages = make([]*message, 0, len(s.byID))
	s.bytes, s.newest = 0, time.Time{}
	for _, m := range s.byID {
		s.messages = append(s.messages, m)
		s.bytes += m.size
		if m.at.created.After(s.newest) {
			s.newest = m.at.created
		}
	}
	slices.SortFunc(s.messages, func(a, b *message) int { return a.at.compare(b.at) })
}

// trim keeps the contents of the newest messages only.
func (s *shelf) trim() {
	var with []*message
	for _, m := range s.byID {
		if m.content != nil {
			with = append(with, m)
		}
	}
	if len(with) <= keepContents {
		return
	}
	slices.SortFunc(with, func(a, b *message) int { return b.at.compare(a.at) })
	for _, m := range with[keepContents:] {
		bare := *m
		bare.content = nil
		s.byID[m.at.id] = &bare
	}
	if s.messages != nil {
		s.order()
	}
}

// fillIn asks for the text of needed messages that the list left empty, up to
// three times each, since some messages have none.
func (b *box) fillIn(ctx context.Context, s *shelf, needs []*seen) {
	asked := 0
	for _, m := range slices.Backward(s.messages) {
		if m.content == nil || !m.content.empty || m.content.details >= 3 || asked >= maxDetails || ctx.Err() != nil {
			continue
		}
		asked++
		filled := *m
		kept := *m.content
		kept.details++
		filled.content = &kept
		if full, ok := b.detail(ctx, m.at.id); ok && full.size > m.size {
			kept = *full.read()
			kept.details = 3
		}
		s.put(&filled)
	}
	if asked > 0 {
		s.order()
	}
}

// messages lists one channel, incoming messages only.
func (b *box) messages(ctx context.Context, f ravi.MessageFilter) iter.Seq2[listedMessage, error] {
	return func(yield func(listedMessage, error) bool) {
		if b.channel == 0 {
			for m, err := range b.w.source.EmailMessages(ctx, f) {
				if !emit(yield, err, func() (listedMessage, bool) { return fromEmail(m, b.w.own) }) {
					return
				}
			}
			return
		}
		for m, err := range b.w.source.SMSMessages(ctx, f) {
			if !emit(yield, err, func() (listedMessage, bool) { return fromSMS(m, b.w.own) }) {
				return
			}
		}
	}
}

func emit(yield func(listedMessage, error) bool, err error, read func() (listedMessage, bool)) bool {
	if err != nil {
		yield(listedMessage{}, err)
		return false
	}
	m, incoming := read()
	return !incoming || yield(m, nil)
}

// detail reads one message by itself.
func (b *box) detail(ctx context.Context, id int64) (listedMessage, bool) {
	if b.channel == 0 {
		if m, err := b.w.source.EmailMessage(ctx, id); err == nil && m != nil {
			return fromEmail(*m, b.w.own)
		}
		return listedMessage{}, false
	}
	if m, err := b.w.source.SMSMessage(ctx, id); err == nil && m != nil {
		return fromSMS(*m, b.w.own)
	}
	return listedMessage{}, false
}
