package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

// color is an ANSI number of the terminal, 0 for none.
type color int

const (
	cyan    color = 36
	magenta color = 35
	green   color = 32
	dim     color = 2
	bold    color = 1
)

// printer prints what the agents of the demo do, one whole line at a time: in colour on a terminal,
// plain elsewhere.
type printer struct {
	mu      sync.Mutex
	out     io.Writer
	colored bool
}

func (p *printer) paint(c color, text string) string {
	if !p.colored || c == 0 {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", c, text)
}

func (p *printer) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format, args...)
}

func (p *printer) title(text string) { p.printf("\n%s\n\n", p.paint(bold, "== "+text+" ==")) }

func (p *printer) line(who string, c color, text string) {
	p.printf("%s %s\n", p.paint(c, fmt.Sprintf("%-12s", who)), text)
}

// maxShown cuts long values, such as cursors.
const maxShown = 72

// hiddenKeys are left out of what is printed, so that a line stays readable.
var hiddenKeys = map[string]bool{
	"armed": true, "bound": true, "code_as_shown": true, "confidence": true, "created_at": true, "link_details": true, "read": true,
	"received_at": true, "resolved_by": true, "untrusted": true, "updated_at": true, "waited_ms": true,
}

// secretKeys are the fields whose values are masked.
var secretKeys = map[string]bool{"password": true, "value": true, "notes": true}

// readable prints a JSON object on one line, with secrets masked, long values cut, and keys in the
// order in which they stand.
func readable(raw json.RawMessage) string {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var b strings.Builder
	if err := writeValue(&b, dec, ""); err != nil {
		return "(not JSON)"
	}
	return b.String()
}

func writeValue(b *strings.Builder, dec *json.Decoder, key string) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		return writeNested(b, dec, t)
	case string:
		switch {
		case secretKeys[key]:
			t = strings.Repeat("•", 8)
		case len([]rune(t)) > maxShown:
			t = string([]rune(t)[:maxShown/3]) + "…"
		}
		fmt.Fprintf(b, "%q", t)
	default:
		fmt.Fprint(b, t)
	}
	return nil
}

func writeNested(b *strings.Builder, dec *json.Decoder, open json.Delim) error {
	b.WriteRune(rune(open))
	first := true
	for dec.More() {
		key := ""
		if open == '{' {
			t, err := dec.Token()
			if err != nil {
				return err
			}
			key = fmt.Sprint(t)
		}
		if hiddenKeys[key] {
			var skipped json.RawMessage
			if err := dec.Decode(&skipped); err != nil {
				return err
			}
			continue
		}
		if !first {
			b.WriteString(", ")
		}
		first = false
		if open == '{' {
			b.WriteString(key + ": ")
		}
		if err := writeValue(b, dec, key); err != nil {
			return err
		}
	}
	end, err := dec.Token()
	if err != nil {
		return err
	}
	fmt.Fprint(b, end)
	return nil
}
