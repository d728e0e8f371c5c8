package inbox

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// lateness is how long after its creation a message may become visible in Ravi's lists and still be
// told from an old one, by Ravi's own clock.
const lateness = 10 * time.Minute

// maxExplicit is how many ids of one channel a cursor holds before its floor rises above the usual
// horizon, so that a cursor stays a few kilobytes.
const maxExplicit = 1024

// position is the place of a message in the order of arrival at Ravi: by Ravi's time, and by id
// where times are equal.
type position struct {
	created time.Time
	id      int64
}

func (p position) compare(q position) int {
	if c := p.created.Compare(q.created); c != 0 {
		return c
	}
	return cmp.Compare(p.id, q.id)
}

// endPosition is after every message.
var endPosition = position{created: time.Unix(1<<40, 0), id: math.MaxInt64}

// seenSet is what a cursor has seen of one channel: every message whose id is in ids, and every
// message under the floor, which is one whose id is at most floor *and* which Ravi created at or
// before horizon.
//
// Both conditions are needed. An id alone cannot say "old": ids are handed out before messages
// become visible, so a lower id may appear after a higher one. A time alone cannot either: a
// message may be delivered late under an old date. The horizon stands [lateness] before the newest
// message that was listed, so everything that Ravi makes visible within ten minutes of its creation
// counts as new, whatever its id. What this misses: a message that becomes visible later than that
// *and* has an id below those of the old messages listed.
type seenSet struct {
	floor   int64
	horizon time.Time // zero: there is no floor
	ids     []int64   // sorted, no duplicates
}

// has reports whether the message at p was seen. A message without a time (Ravi did not say) is
// never under the floor.
func (s seenSet) has(p position) bool {
	if s.under(p) {
		return true
	}
	_, ok := slices.BinarySearch(s.ids, p.id)
	return ok
}

// under reports whether the floor covers p.
func (s seenSet) under(p position) bool {
	return p.id <= s.floor && !p.created.IsZero() && !p.created.After(s.horizon)
}

// past returns s with every listed message up to and including upTo added. What is listed after
// upTo stays unseen, unless it was seen before.
func (s seenSet) past(listed []position, upTo position) seenSet {
	next := seenSet{floor: s.floor, horizon: s.horizon}
	var add []position // seen and listed
	var newest time.Time
	for _, p := range listed {
		if p.compare(upTo) <= 0 || s.has(p) {
			add = append(add, p)
		}
		if p.compare(upTo) <= 0 && p.created.After(newest) {
			newest = p.created
		}
	}
	// Everything listed up to a horizon before upTo is in add, so the floor may rise to there
	// without hiding an unseen message that is listed.
	if !newest.IsZero() {
		next.raise(add, newest.Add(-lateness))
	}
	next.ids = next.explicit(add, s.ids)
	if over := len(next.ids) - maxExplicit; over > 0 {
		next.shrink(add, over, upTo)
		next.ids = next.explicit(add, s.ids)
	}
	return next
}

// shrink raises the floor over the oldest of the given messages that stand above it, at least over
// of them if their times allow it.
func (s *seenSet) shrink(add []position, over int, upTo position) {
	above := slices.DeleteFunc(slices.Clone(add), s.under)
	slices.SortFunc(above, position.compare)
	for i := over - 1; i < len(above); i++ {
		if at := above[i].created; at.After(s.horizon) && at.Before(upTo.created) {
			s.raise(above, at)
			return
		}
	}
}

// raise lifts the floor to the highest id among the given messages up to horizon; it never lowers
// it.
func (s *seenSet) raise(add []position, horizon time.Time) {
	if !horizon.After(s.horizon) {
		return
	}
	raised := false
	floor := s.floor
	for _, p := range add {
		if p.created.IsZero() || p.created.After(horizon) {
			continue
		}
		if s.horizon.IsZero() && !raised {
			floor = p.id
		}
		floor, raised = max(floor, p.id), true
	}
	if raised {
		s.floor, s.horizon = floor, horizon
	}
}

// explicit returns the ids that have to be listed one by one: the messages of add above the floor,
// and ids that were seen before and are not listed now (a replica may lag, and a message must not
// become new by that).
func (s seenSet) explicit(add []position, before []int64) []int64 {
	ids := make([]int64, 0, len(add))
	under := make(map[int64]struct{})
	for _, p := range add {
		if s.under(p) {
			under[p.id] = struct{}{}
			continue
		}
		ids = append(ids, p.id)
	}
	for _, id := range before {
		if _, ok := under[id]; !ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// union keeps the higher floor and the later horizon, and the ids of both. What that covers and
// neither cursor had seen became visible more than lateness after its creation, which a floor
// cannot tell anyway.
func (s seenSet) union(o seenSet) seenSet {
	out := s
	switch {
	case s.horizon.IsZero():
		out = o
	case !o.horizon.IsZero():
		out.floor = max(s.floor, o.floor)
		if o.horizon.After(s.horizon) {
			out.horizon = o.horizon
		}
	}
	out.ids = slices.Concat(s.ids, o.ids)
	slices.Sort(out.ids)
	out.ids = slices.Compact(out.ids)
	return out
}
