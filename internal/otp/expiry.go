package otp

import "slices"

// expiresLater reports whether what h says of a code is still to come or no statement about it: a
// duration or "after" goes with it ("invalid after 12:30", "expires in 5 minutes"), a question ends
// it, or it speaks of codes at large ("Expired codes can't be used").
func (p *page) expiresLater(h hit) bool {
	seg := p.segs[p.segOf(h.start)]
	if mark := p.form[max(seg.end-1, seg.start)]; mark == '?' || mark == '？' || mark == '؟' {
		return true
	}
	start, end := max(seg.start, h.start-24), min(seg.end, h.end+24)
	around := p.classesIn(start, end)
	switch {
	case h.class&clUsed != 0, around&clAgo != 0:
		return false
	case around&clLater != 0:
		return true
	}
	return p.durationIn(start, end) || p.clockIn(start, end) || p.codesAtLarge(h, seg)
}

// durationIn reports a number of at most two digits with a unit behind it.
func (p *page) durationIn(start, end int) bool {
	return slices.ContainsFunc(p.tokens, func(t token) bool {
		return t.start >= start && t.end <= end && t.letters == 0 && t.len() <= 2 && p.unitAfter(t.end)
	})
}

// clockIn reports a clock time.
func (p *page) clockIn(start, end int) bool {
	return slices.ContainsFunc(p.tokens, func(t token) bool {
		return t.start >= start && t.end <= end && t.digits == t.len() && t.len() <= 2 && isClock(p.form[t.end-1:])
	})
}

// codesAtLarge reports "expired codes" at the start of a sentence.
func (p *page) codesAtLarge(h hit, seg segment) bool {
	if h.start-seg.start > 1 {
		return false
	}
	next := p.hitAt(h.end + 1)
	return next.start == h.end+1 && next.class&(clCodeNoun|clCodeName) != 0 && p.fold[next.end-1] == 's'
}
