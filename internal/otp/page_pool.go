package otp

import (
	"slices"
	"sync"
)

// pages are used again: their slices are as long as the message, and making them anew costs more
// than filling them.
var pages = sync.Pool{New: func() any { return new(page) }}

// newPage returns an empty page that the caller releases.
func newPage(kind pageKind, size int) *pageBuilder {
	p := pages.Get().(*page)
	p.kind = kind
	p.grow(size)
	return &pageBuilder{page: p}
}

// grow makes room for n more runes.
func (p *page) grow(n int) {
	p.show = slices.Grow(p.show, n)
	p.form = slices.Grow(p.form, n)
	p.fold = slices.Grow(p.fold, n)
	p.flags = slices.Grow(p.flags, n)
}

// release gives the page back. Nothing of the message stays in it, and nothing of it may be used
// any more.
func (p *page) release() {
	clear(p.show)
	clear(p.form)
	clear(p.fold)
	clear(p.anchors)
	*p = page{
		show: p.show[:0], form: p.form[:0], fold: p.fold[:0], flags: p.flags[:0],
		anchors: p.anchors[:0], hits: p.hits[:0], cues: p.cues[:0], segs: p.segs[:0], tokens: p.tokens[:0], rows: p.rows[:0],
	}
	pages.Put(p)
}
