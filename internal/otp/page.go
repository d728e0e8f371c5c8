package otp

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// pageKind says where the text of a page comes from.
type pageKind uint8

const (
	pageText pageKind = iota
	pageHTML
	pageSubject
	pageHidden // preheader and other text that is not displayed
)

// Flags of single runes.
const (
	flagEmph   uint8 = 1 << iota // bold, large, monospaced or spaced out
	flagAnchor                   // inside a link
	flagMasked                   // URL, address or quoted part: not read for codes
)

// page is one part of a message, ready to be read: whitespace is collapsed to single ' ', '\n'
// (block or line) and '\t' (table cell), invisible runes are gone. The rune slices have the same
// length.
type page struct {
	kind  pageKind
	show  []rune // as the message shows it
	form  []rune // as typed: ASCII digits, plain hyphens, case kept
	fold  []rune // for comparing words
	flags []uint8

	anchors     []anchor
	hits        []hit     // words that label numbers
	cues        []hit     // words about the message
	spoken      languages // that the message can be in
	segs        []segment
	tokens      []token
	labelOwners map[int]*candidate // label offset to the number right behind it
	isEnglish   *bool              // nil until it is asked for
	rows        [][2]int           // lines, while quotes are cut
	receipt     bool               // the page tells of a payment and asks for nothing
	mail        bool               // not a text message
	meeting     bool               // the message is about a meeting
	asksSignIn  bool               // the page speaks of signing in, or of a code that is for nothing else
	aboutSignIn bool               // the page speaks of signing in or verifying
}

// anchor is a link of a page: an <a href> or a bare URL.
type anchor struct {
	url        string
	start, end int    // label, as rune offsets in the page
	alt        string // alt text of images inside
	button     bool   // styled as one
	bare       bool   // a URL that stands in the text itself
}

// pageBuilder appends text to a page under construction.
type pageBuilder struct {
	*page
	pending rune // whitespace that waits for the next visible rune
}

// gap notes whitespace; the strongest kind wins: line over cell over space.
func (b *pageBuilder) gap(r rune) {
	if r == '\n' || b.pending == 0 || b.pending == ' ' {
		b.pending = r
	}
}

// push and ascii append to room that text has made.
func (b *pageBuilder) push(r rune, flags uint8) {
	f := formsOf(r)
	n := len(b.show)
	b.show, b.form, b.fold, b.flags = b.show[:n+1], b.form[:n+1], b.fold[:n+1], b.flags[:n+1]
	b.show[n], b.form[n], b.fold[n], b.flags[n] = r, f.form, f.fold, flags
}

func (b *pageBuilder) ascii(s []byte, flags uint8) {
	n := len(b.show)
	to := n + len(s)
	b.show, b.form, b.fold, b.flags = b.show[:to], b.form[:to], b.fold[:to], b.flags[:to]
	show, form, fold, marks := b.show[n:to], b.form[n:to], b.fold[n:to], b.flags[n:to]
	for i, c := range s {
		f := asciiForms[c&0x7F]
		show[i], form[i], fold[i], marks[i] = rune(c), f.form, f.fold, flags
	}
}

// text appends s. Line ends count as lines only where lines is set.
func (b *pageBuilder) text(s []byte, flags uint8, lines bool) {
	s = composedBytes(s)
	b.grow(len(s) + 1) // with the whitespace that waits
	for i := 0; i < len(s); {
		if s[i] == ' ' {
			b.gap(' ')
			i++
			continue
		}
		if from := i; visibleASCII(s[i]) {
			for i++; i < len(s) && visibleASCII(s[i]); i++ {
			}
			b.flush(flags)
			b.ascii(s[from:i], flags)
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		i += size
		switch {
		case lines && (r == '\n' || r == '\t'):
			b.gap(r)
		case lines && isLineEnd(r):
			b.gap('\n')
		case r == '\t' || isLineEnd(r):
			b.gap(' ')
		case dropped(r) || r == utf8.RuneError:
		case formsOf(r).form == ' ':
			b.gap(' ')
		default:
			b.flush(flags)
			b.push(r, flags)
		}
	}
}

func isLineEnd(r rune) bool { return r >= '\n' && r <= '\r' || r == 0x2028 || r == 0x2029 || r == 0x85 }

func visibleASCII(c byte) bool { return c > ' ' && c < 0x7F }

// flush writes pending whitespace; nothing before the first visible rune.
func (b *pageBuilder) flush(flags uint8) {
	if b.pending != 0 && len(b.show) > 0 {
		b.push(b.pending, flags&b.flags[len(b.flags)-1])
	}
	b.pending = 0
}

// textPage makes a page of plain text.
func textPage(kind pageKind, s string) *page {
	s, _ = capBytes(s, MaxInput)
	b := newPage(kind, utf8.RuneCountInString(s))
	b.text([]byte(s), 0, true)
	return b.page
}

// mask hides form and fold between two offsets from the search for codes.
func (p *page) mask(start, end int, with rune) {
	for i := start; i < end && i < len(p.form); i++ {
		if p.form[i] == '\n' && with != '\n' {
			continue
		}
		p.form[i], p.fold[i] = with, with
		p.flags[i] |= flagMasked
	}
}

// maskRune replaces URLs and addresses; it is neither a letter, a digit nor punctuation that joins
// digits.
const maskRune = '\x01'

// segment is one sentence or line of a page.
type segment struct {
	start, end int
	line       int // number of its line
}

// findWords looks the page up in the lexicon, once and before anything is cut.
func (p *page) findWords(spoken languages) {
	p.spoken = spoken
	p.hits, p.cues = words().find(p.fold, spoken, p.hits[:0], p.cues[:0])
}

// read finds the sentences and tokens of the page and drops the words that were cut. It runs after
// quotes were cut and URLs masked.
func (p *page) read() {
	masked := func(h hit) bool { return (p.flags[h.start]|p.flags[h.end-1])&flagMasked != 0 }
	p.hits = slices.DeleteFunc(p.hits, masked)
	p.cues = slices.DeleteFunc(p.cues, masked)
	p.readAboutSignIn()
	p.readReceipt()
	p.segs = p.sentences()
	p.tokens = p.scan()
}

// sentences splits the page at line ends and sentence marks.
func (p *page) sentences() []segment {
	segs := p.segs[:0]
	start, line := 0, 0
	end := func(i int) {
		if i > start {
			segs = append(segs, segment{start, i, line})
		}
		start = i
	}
	for i, r := range p.form {
		if kindOf(r)&kindWord != 0 {
			continue
		}
		switch r {
		case '\n':
			end(i)
			line++
			start = i + 1
		case '。', '！', '？', '।', '؟', '۔', '፡', '።', '｡', '•', '|', '։':
			end(i + 1)
		case '.', '!', '?', ';', '…':
			if p.isStop(i) {
				end(i + 1)
			}
		}
	}
	end(len(p.form))
	if len(segs) == 0 {
		segs = append(segs, segment{0, len(p.form), 0})
	}
	return segs
}

// isStop reports whether the mark at i ends a sentence: followed by a space, and not an
// abbreviation such as "No. 12" or "Ref. 7719".
func (p *page) isStop(i int) bool {
	if i+1 < len(p.form) && p.form[i+1] != ' ' && p.form[i+1] != '\n' && p.form[i+1] != '\t' {
		return p.form[i] != '.' && !isDigit(p.form[i+1]) && p.form[i+1] != ')'
	}
	if p.form[i] != '.' || i+2 >= len(p.form) || !isDigit(p.form[i+2]) {
		return true
	}
	n := 0
	for j := i - 1; j >= 0 && isLetter(p.form[j]) && n <= 4; j-- {
		n++
	}
	return n == 0 || n > 3
}

// segOf returns the index of the segment that holds offset i.
func (p *page) segOf(i int) int {
	next := sort.Search(len(p.segs), func(k int) bool { return p.segs[k].start > i })
	return max(next-1, 0)
}

// word is the text of a hit, folded.
func (p *page) word(h hit) string { return string(p.fold[h.start:h.end]) }

func (p *page) shown(start, end int) string {
	return strings.TrimSpace(string(p.show[start:end]))
}

// lineBounds returns the line around offset i.
func (p *page) lineBounds(i int) (start, end int) {
	start, end = i, i
	for start > 0 && p.form[start-1] != '\n' && i-start < 2000 {
		start--
	}
	for end < len(p.form) && p.form[end] != '\n' && end-i < 2000 {
		end++
	}
	return start, end
}

// hitIndex returns the index of the first hit that ends behind offset i. Starts and ends of hits
// both grow, so it can be searched for.
func (p *page) hitIndex(i int) int { return indexAfter(p.hits, i) }

// hitAt returns the hit that covers offset i, or one without a class.
func (p *page) hitAt(i int) hit {
	if k := p.hitIndex(i); k < len(p.hits) && p.hits[k].start <= i {
		return p.hits[k]
	}
	return hit{}
}

// hasClass reports whether one of the hits is of a class in cl.
func hasClass(hits []hit, cl class) bool {
	return slices.ContainsFunc(hits, func(h hit) bool { return h.class&cl != 0 })
}

func indexAfter(hits []hit, i int) int {
	return sort.Search(len(hits), func(k int) bool { return hits[k].end > i })
}
