package sandbox

import (
	"bufio"
	"bytes"
	"io"
	"regexp"
)

// headerRepair leaves out lines that belong to no header field, at which the parser would fail: in
// the header at the start, or in those after a boundary.
type headerRepair struct {
	r        *bufio.Reader
	boundary []byte // with two hyphens; empty for the header at the start
	inHeader bool
	field    bool   // a field has started, which the next line may continue
	line     []byte // to be read
}

func newHeaderRepair(r io.Reader, boundary string) *bufio.Reader {
	h := &headerRepair{r: bufio.NewReader(r), inHeader: boundary == ""}
	if boundary != "" {
		h.boundary = []byte("--" + boundary)
	}
	return bufio.NewReader(h)
}

var fieldLine = regexp.MustCompile(`^([0-9A-Za-z!#$%&'*+.^_|~\x60-]+)[ \t]*:`)

func (h *headerRepair) Read(b []byte) (int, error) {
	for len(h.line) == 0 {
		line, err := h.r.ReadBytes('\n')
		if len(line) == 0 {
			return 0, err
		}
		switch {
		case len(h.boundary) > 0 && bytes.HasPrefix(line, h.boundary):
			h.inHeader, h.field = true, false
		case len(bytes.TrimRight(line, "\r\n")) == 0:
			h.inHeader = false
		case h.inHeader && (line[0] == ' ' || line[0] == '\t'):
			if !h.field {
				continue
			}
		case h.inHeader:
			if h.field = fieldLine.Match(line); !h.field {
				continue
			}
			line = fieldLine.ReplaceAll(line, []byte("$1:"))
		}
		h.line = line
	}
	n := copy(b, h.line)
	h.line = h.line[n:]
	return n, nil
}

// base64Repair leaves out what is not of the base64 alphabet, and the padding, which not every
// sender gets right.
type base64Repair struct{ r io.Reader }

func (b base64Repair) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	kept := p[:0]
	for _, c := range p[:n] {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' {
			kept = append(kept, c)
		}
	}
	return len(kept), err
}
