package otp

import (
	"bytes"
	"slices"
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

// tags are the elements by name: those that mean something, and the usual
// inline ones.
var tags = func() map[string]tag {
	m := make(map[string]tag)
	add := func(bits tagBits, atoms ...atom.Atom) {
		for _, a := range atoms {
			m[a.String()] = tag{a, m[a.String()].bits | bits}
		}
	}
	add(0, atom.A, atom.Span, atom.Font, atom.Em, atom.I, atom.U, atom.Small, atom.Sup, atom.Sub, atom.Label, atom.Button)
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

// tagOf returns the tag of the current token.
func tagOf(z *html.Tokenizer) tag {
	raw := z.Raw()
	if n := len(raw); n > 2 && n < 64<<10 {
		if name := plainName(raw); name != nil {
			if t, ok := tags[string(name)]; ok {
				return t
			}
			return tag{atom: atom.Lookup(name)}
		}
	}
	name, _ := z.TagName()
	if t, ok := tags[string(name)]; ok {
		return t
	}
	return tag{atom: atom.Lookup(name)}
}

// plainName returns the name of a raw tag that is written in lower case
// letters and digits, else nil.
func plainName(raw []byte) []byte {
	from := 1
	if raw[1] == '/' {
		from = 2
	}
	for i := from; i < len(raw); i++ {
		switch c := raw[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == ' ' || c == '>' || c == '\n' || c == '\t' || c == '/':
			return raw[from:i]
		default:
			return nil
		}
	}
	return nil
}

// maxAttrs bounds the attributes read of one tag; more are not from a mail
// program.
const maxAttrs = 64

// maxStyles bounds the parsed inline styles that are kept; mails repeat a few.
const maxStyles = 256

// readAttrs reads the attributes of the current tag. The tokenizer copies
// every name and value, so tags that are plainly written are read directly.
func (w *walker) readAttrs(z *html.Tokenizer, a *attrs) {
	if pairs, ok := plainAttrs(z.Raw(), w.pairs[:0]); ok {
		for _, p := range pairs {
			w.readAttr(p.key, p.val, a)
		}
		w.pairs = pairs
		return
	}
	for n, more := 0, true; more && n < maxAttrs; n++ {
		var p pair
		if p.key, p.val, more = z.TagAttr(); p.key != nil {
			w.readAttr(p.key, p.val, a)
		}
	}
}

// pair is an attribute.
type pair struct{ key, val []byte }

// plainAttrs appends the attributes of a tag in which nothing has to be
// decoded, all values are in double quotes, and no name stands twice: of those
// only the first counts, as in a browser. ok is false for other tags.
func plainAttrs(raw []byte, pairs []pair) (all []pair, ok bool) {
	name := plainName(raw)
	if name == nil {
		return pairs, false
	}
	for s := raw[1+len(name):]; ; {
		p, after := nextAttr(s)
		if p.key == nil {
			s = bytes.TrimLeft(s, " \n\t")
			return pairs, len(s) == 1 && s[0] == '>' || len(s) == 2 && s[0] == '/' && s[1] == '>'
		}
		if bytes.IndexByte(p.val, '&') >= 0 || bytes.IndexByte(p.val, '\r') >= 0 || bytes.IndexByte(p.val, 0) >= 0 {
			return pairs, false
		}
		if len(pairs) == maxAttrs || slices.ContainsFunc(pairs, func(q pair) bool { return bytes.Equal(p.key, q.key) }) {
			return pairs, false
		}
		pairs = append(pairs, p)
		s = after
	}
}

// nextAttr reads one name="value" of a plainly written tag. The name is nil if
// there is none.
func nextAttr(s []byte) (p pair, rest []byte) {
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t') {
		i++
	}
	from := i
	for i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] == '-' || s[i] >= '0' && s[i] <= '9') {
		i++
	}
	if i == from || i+1 >= len(s) || s[i] != '=' || s[i+1] != '"' {
		return pair{}, s
	}
	end := bytes.IndexByte(s[i+2:], '"')
	if end < 0 {
		return pair{}, s
	}
	return pair{s[from:i], s[i+2 : i+2+end]}, s[i+3+end:]
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
