package inbox_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/ravi"
)

// slowSource never finishes a list of SMS before its context ends.
type slowSource struct {
	inbox.Source
	began chan struct{}
	ended chan time.Time
}

func (s *slowSource) SMSMessages(ctx context.Context, _ ravi.MessageFilter) iter.Seq2[ravi.SMSMessage, error] {
	return func(yield func(ravi.SMSMessage, error) bool) {
		s.began <- struct{}{}
		<-ctx.Done()
		s.ended <- time.Now()
		yield(ravi.SMSMessage{}, ctx.Err())
	}
}

// fakeMessage is a message as the fake Ravi keeps it.
type fakeMessage struct {
	channel   int // 0 mail, 1 SMS
	id        int64
	created   time.Time // by Ravi's clock
	visible   time.Time // by our clock: when lists begin to show it
	from      string
	code      string // empty: no code in it
	messageID string // Message-ID
	outgoing  bool
	read      bool
}

func (l fakeMessage) text() string {
	if l.code == "" {
		return "Thanks for being with us."
	}
	return "Your verification code is " + l.code + "."
}

// fakeRavi is an inbox that does all that Ravi may do (docs/ravi-api.md): clocks apart, ids with
// gaps, any order, filters ignored, messages that show late, streams that come and go, reads that
// fail.
type fakeRavi struct {
	skew         time.Duration // Ravi's clock minus ours
	wholeSeconds bool          // created_dt has no fractions
	noStream     bool
	ignoreAfter  bool
	order        int // 0 oldest first, 1 newest first, 2 by id downwards

	mu        sync.Mutex
	messages  []fakeMessage
	nextID    int64
	streams   map[*fakeStream]struct{}
	up        bool
	upSince   time.Time
	failUntil time.Time
	reads     [2][]time.Time // successful ones
	narrowed  int
	opened    int
}

func newFakeRavi() *fakeRavi {
	return &fakeRavi{streams: make(map[*fakeStream]struct{}), up: true, upSince: time.Now(), nextID: 100}
}

// deliver puts a message in and announces it.
func (f *fakeRavi) deliver(l fakeMessage, lateBy time.Duration, idGap int64) fakeMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nextID += 1 + idGap
	now := time.Now()
	l.id, l.created, l.visible = f.nextID, now.Add(f.skew).UTC(), now.Add(lateBy)
	if f.wholeSeconds {
		l.created = l.created.Truncate(time.Second)
	}
	f.messages = append(f.messages, l)
	if !l.outgoing {
		f.announce(ravi.Event{Kind: []ravi.EventKind{ravi.EventEmail, ravi.EventSMS}[l.channel]})
	}
	return l
}

// last returns up to n of the newest messages.
func (f *fakeRavi) last(n int) []fakeMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.messages[max(0, len(f.messages)-n):])
}

// markRead is another client that reads the inbox.
func (f *fakeRavi) markRead() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.messages {
		f.messages[i].read = true
	}
}

// listings is how many lists of a channel were read, connects how many streams were opened.
func (f *fakeRavi) listings(c int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.reads[c])
}

func (f *fakeRavi) connects() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opened
}

// fail makes reads fail for some time.
func (f *fakeRavi) fail(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failUntil = time.Now().Add(d)
}

// failed reports whether reads since then may have failed, or were put off because earlier ones
// had. f.mu is held.
func (f *fakeRavi) failed(since time.Time) bool {
	return f.failUntil.Add(10 * time.Second).After(since)
}

func (f *fakeRavi) announce(e ravi.Event) {
	if e.Kind <= ravi.EventSMS && !f.up {
		return
	}
	for s := range f.streams {
		select {
		case s.events <- e:
		default:
		}
	}
}

func (f *fakeRavi) setStream(up bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.up == up {
		return
	}
	f.up, f.upSince = up, time.Now()
	f.announce(ravi.Event{Kind: map[bool]ravi.EventKind{true: ravi.EventConnected, false: ravi.EventDisconnected}[up]})
}

// listed returns what a list of channel c shows at a moment.
func (f *fakeRavi) listed(c int, at time.Time) []fakeMessage {
	var out []fakeMessage
	for _, l := range f.messages {
		if l.channel == c && !l.visible.After(at) {
			out = append(out, l)
		}
	}
	return out
}

func (f *fakeRavi) list(ctx context.Context, c int, filter ravi.MessageFilter) ([]fakeMessage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if now.Before(f.failUntil) {
		return nil, &ravi.Error{Op: "list", Kind: ravi.ErrUnavailable}
	}
	out := f.listed(c, now)
	if !filter.CreatedAfter.IsZero() && !f.ignoreAfter {
		f.narrowed++
		out = slices.DeleteFunc(out, func(l fakeMessage) bool { return !l.created.After(filter.CreatedAfter) })
	}
	switch f.order {
	case 1:
		slices.Reverse(out)
	case 2:
		slices.SortFunc(out, func(a, b fakeMessage) int { return int(b.id - a.id) })
	}
	f.reads[c] = append(f.reads[c], now)
	return out, nil
}

func (f *fakeRavi) EmailMessages(ctx context.Context, filter ravi.MessageFilter) iter.Seq2[ravi.EmailMessage, error] {
	return func(yield func(ravi.EmailMessage, error) bool) {
		messages, err := f.list(ctx, 0, filter)
		if err != nil {
			yield(ravi.EmailMessage{}, err)
			return
		}
		for _, l := range messages {
			m := ravi.EmailMessage{
				ID: l.id, MessageID: l.messageID, From: l.from, Subject: "Hello", Text: l.text(), Created: l.created,
				Direction: ravi.Incoming, IsRead: l.read,
			}
			if l.outgoing {
				m.Direction = ravi.Outgoing
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (f *fakeRavi) SMSMessages(ctx context.Context, filter ravi.MessageFilter) iter.Seq2[ravi.SMSMessage, error] {
	return func(yield func(ravi.SMSMessage, error) bool) {
		messages, err := f.list(ctx, 1, filter)
		if err != nil {
			yield(ravi.SMSMessage{}, err)
			return
		}
		for _, l := range messages {
			m := ravi.SMSMessage{ID: l.id, From: l.from, Body: l.text(), Created: l.created, Direction: ravi.Incoming, IsRead: l.read}
			if l.outgoing {
				m.Direction = ravi.Outgoing
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (f *fakeRavi) EmailMessage(context.Context, int64) (*ravi.EmailMessage, error) {
	return nil, fmt.Errorf("not asked for: lists have texts")
}

func (f *fakeRavi) SMSMessage(context.Context, int64) (*ravi.SMSMessage, error) {
	return nil, fmt.Errorf("not asked for: lists have texts")
}

func (f *fakeRavi) Events(ctx context.Context) (inbox.Stream, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.noStream:
		return nil, &ravi.Error{Op: "stream", Kind: ravi.ErrUnsupported}
	case !f.up:
		return nil, &ravi.Error{Op: "stream", Kind: ravi.ErrUnavailable}
	}
	s := &fakeStream{f: f, events: make(chan ravi.Event, 256)}
	f.streams[s] = struct{}{}
	f.opened++
	return s, nil
}

type fakeStream struct {
	f      *fakeRavi
	events chan ravi.Event
}

func (s *fakeStream) Events() <-chan ravi.Event { return s.events }
func (s *fakeStream) Err() error                { return nil }
func (s *fakeStream) Close() error {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	delete(s.f.streams, s)
	return nil
}
