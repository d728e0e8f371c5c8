package inbox

import (
	"slices"
	"time"
)

// channelCache is what a channel is known to hold. It is replaced, never changed.
type channelCache struct {
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

// pages is how many requests a read of the channel is, at least and within reason.
func (s *channelCache) pages() int {
	if s.after == afterHonoured || len(s.messages) <= pageSize {
		return 1
	}
	return min((len(s.messages)+pageSize-1)/pageSize, 5)
}

// window returns the created_after to ask for, or false where the whole list is to be read. The
// time is Ravi's own: that of its newest message, less lateness. There must be an older message, by
// whose absence one sees that the parameter is honoured.
func (s *channelCache) window() (after time.Time, ok bool) {
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

// order rebuilds the sorted list and what is counted over it.
func (s *channelCache) order() {
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
func (s *channelCache) trim() {
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
