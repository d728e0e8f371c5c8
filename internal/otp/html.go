package otp

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// The walker reads tokens rather than a tree: time and memory stay linear whatever the nesting, and
// an unclosed element costs nothing.

// maxDepth bounds the stack of open elements; deeper ones are counted only.
const maxDepth = 256

// maxAnchors bounds the links kept of one message.
const maxAnchors = 400

// element is an open element with what it passes on to its content.
type element struct {
	tag       tag
	rendering rendering
}

// rendering is what a reader sees of an element's content.
type rendering struct {
	hidden bool // not displayed, whatever is inside
	unseen bool // font size 0 or visibility: an inner element may undo it
	emph   bool
	skip   bool // head, script, style and the like
	quoted bool // quoted part of a reply
	pre    bool

	outlook bool // not displayed in Outlook; a link inside counts, since other programs show it

	color, background string // "" where unknown
}

type walker struct {
	visible    *pageBuilder // what a person sees
	hidden     *pageBuilder // preheaders and other hidden text
	stack      []element
	overflow   int
	css        map[string]bool  // class and id selectors that hide
	styles     map[string]style // inline styles read so far
	keepQuotes bool             // a forward: quotes belong to the message
	isReply    bool
	link       int // open anchor in visible.anchors, or -1
	jsonLD     []string
	inJSONLD   bool
	altDigits  bool // an image stands for digits
	readAlt    bool // and is read as such
}

// walkHTML renders a document to the page a person sees and the page of its hidden text.
func walkHTML(doc string, keepQuotes, isReply, readAlt bool) *walker {
	doc, _ = capBytes(doc, MaxInput)
	w := &walker{
		visible: newPage(pageHTML, len(doc)/4), hidden: newPage(pageHidden, 256),
		keepQuotes: keepQuotes, isReply: isReply, readAlt: readAlt, link: -1, styles: make(map[string]style),
	}
	z := html.NewTokenizer(strings.NewReader(doc))
	z.SetMaxBuf(MaxInput + 1)
	for {
		switch z.Next() {
		case html.ErrorToken:
			w.closeLink()
			return w
		case html.TextToken:
			w.onText(z)
		case html.StartTagToken, html.SelfClosingTagToken:
			w.onStart(z)
		case html.EndTagToken:
			t, _ := tagOf(z)
			w.onEnd(t)
		}
	}
}

func (w *walker) top() rendering {
	if len(w.stack) == 0 {
		return rendering{}
	}
	return w.stack[len(w.stack)-1].rendering
}

func (w *walker) onText(z *html.Tokenizer) {
	l := w.top()
	if l.skip {
		switch raw := z.Raw(); {
		case w.inJSONLD && len(w.jsonLD) < 4 && len(raw) < 32<<10:
			w.jsonLD = append(w.jsonLD, string(raw))
		case len(w.stack) > 0 && w.stack[len(w.stack)-1].tag.atom == atom.Style:
			w.css = hidingSelectors(w.css, string(raw))
		}
		return
	}
	if l.quoted {
		return
	}
	var flags uint8
	if l.emph {
		flags |= flagEmph
	}
	text := z.Text()
	if l.hidden || l.unseen || l.outlook && w.link < 0 {
		w.hidden.text(text, flags, false)
		return
	}
	if w.link >= 0 {
		flags |= flagAnchor
	}
	w.visible.text(text, flags, l.pre)
}

func (w *walker) onStart(z *html.Tokenizer) {
	t, attributes := tagOf(z)
	if t.atom == 0 {
		// Unknown elements (o:p, v:roundrect) are inline and cannot be told apart when they close,
		// so they are looked through.
		return
	}
	var a attrs
	if attributes {
		a = w.readAttrs(z)
	}
	w.impliedEnd(t)
	l := w.top()
	st := a.style
	l.pre = l.pre || t.is(tagPre) || st.pre
	l.skip = l.skip || t.is(tagSkip)
	l.hidden = l.hidden || st.hidden || a.hidden || w.hiddenByCSS(&a)
	for _, property := range [...]sight{st.font, st.visibility} {
		if property != sightUnset {
			l.unseen = property == sightNone
		}
	}
	l.outlook = l.outlook || st.msoHidden
	l.color, l.background = cmp.Or(st.color, l.color), cmp.Or(st.background, l.background)
	l.hidden = l.hidden || st.color+st.background != "" && l.color != "" && l.color == l.background
	l.emph = t.is(tagEmph) || st.emph || l.emph && !st.plain
	l.quoted = l.quoted || w.startsQuote(t, &a)

	w.breakBefore(t, st)
	switch t.atom {
	case atom.Br:
		w.gap('\n')
	case atom.Img:
		if w.link >= 0 && !l.hidden {
			w.visible.anchors[w.link].alt += " " + a.alt
		}
		if digitsOnly(a.alt) && !l.hidden && !l.skip && !l.quoted {
			w.altDigits = true
			if w.readAlt {
				w.visible.text([]byte(a.alt), flagEmph, false)
			}
		}
	case atom.Input:
		if a.typ != "hidden" && len(a.value) <= 12 && strings.ContainsFunc(a.value, isDigit) && !l.hidden && !l.skip && !l.quoted {
			w.visible.text([]byte(a.value), flagEmph, false)
			w.gap(' ')
		}
	case atom.Area:
		if a.href != "" && !l.hidden && !l.skip && !l.quoted && w.link < 0 {
			w.openLink(a.href, false)
			if w.link >= 0 {
				w.visible.anchors[w.link].alt = a.alt
			}
			w.closeLink()
		}
	case atom.A:
		w.closeLink()
		if !l.hidden && !l.skip && !l.quoted && a.href != "" {
			w.openLink(a.href, st.button || a.button)
		}
	case atom.Script:
		w.inJSONLD = a.typ == "application/ld+json"
	}
	if t.is(tagVoid) {
		return
	}
	if len(w.stack) >= maxDepth {
		w.overflow++
		return
	}
	w.stack = append(w.stack, element{tag: t, rendering: l})
}

func (w *walker) onEnd(t tag) {
	if t.atom == 0 || t.is(tagVoid) {
		return
	}
	if w.overflow > 0 {
		w.overflow--
		return
	}
	if t.atom == atom.A {
		w.closeLink()
	}
	for i, element := range slices.Backward(w.stack) {
		open := element.tag
		if open.atom == t.atom {
			w.stack = w.stack[:i]
			break
		}
		// A stray end tag inside a cell does not close what is outside it.
		if open.is(tagCell|tagTable) && !t.is(tagRow|tagTable) && t.atom != atom.Tbody && t.atom != atom.Body && t.atom != atom.Html {
			break
		}
	}
	if t.is(tagBlock) {
		w.gap('\n')
	}
}

// impliedEnd closes elements that a new one ends without an end tag.
func (w *walker) impliedEnd(t tag) {
	var closes, stops tagBits
	switch {
	case t.atom == atom.Body, t.is(tagBlock) && w.top().skip:
		closes = tagHead // that was never closed
	case t.is(tagCell):
		closes, stops = tagCell, tagRow|tagTable
	case t.is(tagRow):
		closes, stops = tagRow, tagTable
	case t.is(tagItem):
		closes, stops = tagItem, tagList|tagTable|tagCell
	case t.is(tagBlock):
		if n := len(w.stack); n > 0 && w.stack[n-1].tag.atom == atom.P {
			w.stack = w.stack[:n-1]
		}
		return
	default:
		return
	}
	for i := len(w.stack) - 1; i >= 0 && !w.stack[i].tag.is(stops); i-- {
		if w.stack[i].tag.is(closes) {
			w.stack = w.stack[:i]
			return
		}
	}
}

func (w *walker) breakBefore(t tag, st style) {
	switch {
	case st.display == displayInlineBlock:
		w.gap(' ')
	case st.display == displayInline:
	case t.is(tagCell) || st.display == displayCell:
		w.gap('\t')
	case t.is(tagBlock) || st.display == displayBlock:
		w.gap('\n')
	}
}

func (w *walker) gap(r rune) {
	w.visible.gap(r)
	w.hidden.gap(r)
}

func (w *walker) openLink(href string, button bool) {
	if len(w.visible.anchors) >= maxAnchors {
		return
	}
	w.link = len(w.visible.anchors)
	at := len(w.visible.show)
	if w.visible.pending != 0 && at > 0 {
		at++ // the pending space is written before the label
	}
	w.visible.anchors = append(w.visible.anchors, anchor{url: strings.TrimSpace(href), start: at, end: at, button: button})
}

func (w *walker) closeLink() {
	if w.link < 0 {
		return
	}
	a := &w.visible.anchors[w.link]
	a.end = len(w.visible.show)
	a.start = min(a.start, a.end)
	w.link = -1
}

// digitsOnly reports the text of an image that shows a code or one digit of it.
func digitsOnly(alt string) bool {
	return len(alt) <= 12 && isDigits(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, alt))
}

// startsQuote reports whether an element begins the quoted part of a reply.
func (w *walker) startsQuote(t tag, a *attrs) bool {
	if w.keepQuotes {
		return false
	}
	if t.atom == atom.Blockquote && (w.isReply || a.typ == "cite" || strings.Contains(a.class, "quote")) {
		return true
	}
	switch a.id {
	case "divRplyFwdMsg", "appendonsend", "OLK_SRC_BODY_SECTION", "mail-editor-reference-message-container":
		// Everything behind it is the earlier message: leave the mark on the outermost element too.
		for i := range w.stack {
			w.stack[i].rendering.quoted = true
		}
		return true
	}
	return slices.ContainsFunc(strings.Fields(a.class), func(name string) bool { return quoteClasses[name] })
}

// quoteClasses are those that mail programs give the quoted part of a reply.
var quoteClasses = setOf("gmail_quote", "gmail_attr", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote", "zmail_extra",
	"gmail_quote_container", "tutanota_quote")

// Text renders HTML to the text a person sees: hidden elements, styles, scripts and comments are
// left out, blocks become lines and table cells are set apart by tabs. At most limit runes are
// returned, all if limit is 0 or less. The result is cleaned as by [Clean], but character
// references are decoded only once more.
func Text(doc string, limit int) (text string, truncated bool) {
	over := len(doc) > MaxInput
	w := walkHTML(doc, true, false, false)
	defer w.visible.release()
	defer w.hidden.release()
	text, truncated = Clean(string(w.visible.show), limit)
	return text, truncated || over
}
