package otp

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// tagBits is what an element means to the walker.
type tagBits uint16

const (
	tagSkip tagBits = 1 << iota // its content is not shown
	tagVoid                     // has no content
	tagBlock
	tagEmph
	tagPre
	tagHead
	tagCell
	tagRow
	tagTable
	tagItem
	tagList
)

// tag is the name of an element. Its atom is 0 if HTML does not know it.
type tag struct {
	atom atom.Atom
	bits tagBits
}

func (t tag) is(bits tagBits) bool { return t.bits&bits != 0 }

// bitsOf are the elements that mean something; all others are inline.
var bitsOf = func() map[atom.Atom]tagBits {
	m := make(map[atom.Atom]tagBits)
	add := func(bits tagBits, atoms ...atom.Atom) {
		for _, a := range atoms {
			m[a] |= bits
		}
	}
	add(tagSkip, atom.Head, atom.Style, atom.Script, atom.Title, atom.Template, atom.Svg, atom.Object, atom.Iframe, atom.Noframes, atom.Audio, atom.Video, atom.Canvas, atom.Datalist)
	add(tagVoid, atom.Br, atom.Img, atom.Hr, atom.Input, atom.Meta, atom.Link, atom.Col, atom.Area, atom.Base, atom.Wbr, atom.Source, atom.Track, atom.Embed, atom.Param)
	add(tagBlock, atom.P, atom.Div, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Table, atom.Tr, atom.Tbody, atom.Thead, atom.Ul, atom.Ol, atom.Li, atom.Dl, atom.Dt, atom.Dd,
		atom.Blockquote, atom.Pre, atom.Hr, atom.Center, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Main, atom.Aside, atom.Nav, atom.Address, atom.Form, atom.Fieldset, atom.Body, atom.Html, atom.Figure, atom.Caption)
	add(tagEmph, atom.B, atom.Strong, atom.H1, atom.H2, atom.H3, atom.Code, atom.Pre, atom.Kbd, atom.Samp, atom.Tt, atom.Big, atom.Mark, atom.Th)
	add(tagPre, atom.Pre, atom.Textarea)
	add(tagHead, atom.Head)
	add(tagCell, atom.Td, atom.Th)
	add(tagRow, atom.Tr)
	add(tagTable, atom.Table)
	add(tagItem, atom.Li)
	add(tagList, atom.Ul, atom.Ol)
	return m
}()

// tagOf returns the tag of the current token, and whether it has attributes.
func tagOf(z *html.Tokenizer) (t tag, attributes bool) {
	name, attributes := z.TagName()
	a := atom.Lookup(name)
	return tag{a, bitsOf[a]}, attributes
}

// maxAttrs bounds the attributes read of one tag; more are not from a mail program.
const maxAttrs = 64

// maxStyles bounds the parsed inline styles that are kept; mails repeat a few.
const maxStyles = 256

// readAttrs reads the attributes of the current tag. The tokenizer leaves out all but the first of
// equal names, as a browser does.
func (w *walker) readAttrs(z *html.Tokenizer) (a attrs) {
	for n, more := 0, true; more && n < maxAttrs; n++ {
		var key, val []byte
		key, val, more = z.TagAttr()
		w.readAttr(key, val, &a)
	}
	return a
}

func (w *walker) readAttr(key, val []byte, a *attrs) {
	switch string(key) {
	case "href":
		a.href = string(val)
	case "style":
		st, ok := w.styles[string(val)]
		if !ok {
			st = parseStyle(strings.ToLower(string(val)))
			if len(w.styles) < maxStyles && len(val) < 2<<10 {
				w.styles[string(val)] = st
			}
		}
		a.style = st
	case "class":
		a.class = string(val)
		lower := strings.ToLower(a.class)
		a.button = a.button || strings.Contains(lower, "btn") || strings.Contains(lower, "button")
	case "id":
		a.id = string(val)
	case "value":
		a.value, _ = capBytes(string(val), 40)
	case "alt":
		a.alt, _ = capBytes(string(val), 200)
	case "type":
		a.typ = strings.ToLower(strings.TrimSpace(string(val)))
	case "hidden":
		a.hidden = true
	case "bgcolor":
		a.button = true
	}
}
