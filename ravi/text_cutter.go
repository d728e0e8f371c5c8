package ravi

import "io"

// textCutter passes JSON through and cuts every string in it to maxText bytes, between characters
// and escapes. Its memory does not depend on the input's size.
type textCutter struct {
	from io.Reader
	buf  [32 << 10]byte

	inString bool
	kept     int  // bytes of this string that were passed on
	full     bool // the rest of this string is dropped
	escaped  bool // the byte before was a backslash
	hex      int  // digits of a \u escape that are still to come
}

func (t *textCutter) Read(p []byte) (int, error) {
	for {
		n, err := t.from.Read(t.buf[:min(len(t.buf), len(p))])
		kept := p[:0]
		for _, c := range t.buf[:n] {
			if t.keep(c) {
				kept = append(kept, c)
			}
		}
		if len(kept) > 0 || err != nil {
			return len(kept), err
		}
	}
}

// keep reports whether c goes on. A string is full from the first character on that begins at or
// after maxText.
func (t *textCutter) keep(c byte) bool {
	if !t.inString {
		t.inString = c == '"'
		t.kept, t.full = 0, false
		return true
	}
	boundary := false // c begins a character
	switch {
	case t.hex > 0:
		t.hex--
	case t.escaped:
		t.escaped = false
		if c == 'u' {
			t.hex = 4
		}
	case c == '"':
		t.inString = false
		return true
	case c == '\\':
		t.escaped, boundary = true, true
	default:
		boundary = c < 0x80 || c >= 0xC0
	}
	if boundary && t.kept >= maxText {
		t.full = true
	}
	if t.full {
		return false
	}
	t.kept++
	return true
}
