package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

// ink is a colour of the terminal; ANSI number, 0 for none.
type ink int

const (
	cyan    ink = 36
	magenta ink = 35
	green   ink = 32
	dim     ink = 2
	bold    ink = 1
)

// stage prints what happens in the demo, one whole line at a time, whoever
// speaks: in colour on a terminal, plain elsewhere.
type stage struct {
	mu    sync.Mutex
	out   io.Writer
	color bool
}

func (s *stage) paint(i ink, text string) string {
	if !s.color || i == 0 {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", i, text)
}

func (s *stage) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format, args...)
}

func (s *stage) title(text string) { s.say("\n%s\n\n", s.paint(bold, "== "+text+" ==")) }

func (s *stage) line(who string, i ink, text string) {
	s.say("%s %s\n", s.paint(i, fmt.Sprintf("%-12s", who)), text)
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

// readable prints a JSON object on one line, with secrets masked, long values
// cut, and keys in the order in which they stand.
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
