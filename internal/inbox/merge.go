package inbox

import "slices"

// Merge returns a cursor that has seen what either of two cursors of target
// has seen. A session uses it to move its own cursor past every answer, in
// whatever order its waits end. It makes no request. ErrCursor for a cursor
// that is not one of this caller and identity.
func (h *Hub) Merge(t Target, a, b string) (string, error) {
	sa, err := h.open(t, a)
	if err != nil {
		return "", err
	}
	sb, err := h.open(t, b)
	if err != nil {
		return "", err
	}
	return h.seal(t, sa.merge(sb))
}

// merge returns the union of both; the later one's count of fruitless waits
// stands.
func (s state) merge(later state) state {
	out := state{fruitless: later.fruitless, marks: slices.Clone(s.marks)}
	for _, m := range later.marks {
		if i := slices.IndexFunc(out.marks, func(o mark) bool { return o.sender == m.sender }); i < 0 {
			out.marks = append(out.marks, m)
		} else if m.at.compare(out.marks[i].at) > 0 {
			out.marks[i] = m
		}
	}
	out.marks = out.marks[max(0, len(out.marks)-maxMarks):]
	for c := range s.seen {
		out.seen[c] = s.seen[c].union(later.seen[c])
	}
	return out
}

// union keeps the higher floor and the later horizon, and the ids of both. What
// that covers and neither cursor had seen became visible more than lateness
// after its creation, which a floor cannot tell anyway.
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
