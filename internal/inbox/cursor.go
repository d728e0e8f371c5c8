package inbox

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"ravi-mcp/internal/token"
)

const (
	cursorPurpose = "cursor"
	cursorLife    = 24 * time.Hour
	cursorVersion = 2
	maxMarks      = 8
)

// state is what a cursor carries.
type state struct {
	seen      [2]seenSet // by channel
	marks     []mark     // the last answers, oldest first
	fruitless int        // waits of this chain that ended without an answer in a row
}

// mark remembers an answer: of this sender, codes that reached Ravi before that point were replaced
// by it, even if they become visible later.
type mark struct {
	sender senderID
	at     position
}

// senderID is a short hash of a normalised sender.
type senderID [6]byte

func hashSender(channel int, sender string) senderID {
	sum := sha256.Sum256(append([]byte{byte(channel)}, sender...))
	return senderID(sum[:6])
}

// replaced reports whether a code at p from this sender was replaced by an answer that the chain
// has had already.
func (s *state) replaced(id senderID, p position) bool {
	return slices.ContainsFunc(s.marks, func(m mark) bool { return m.sender == id && p.compare(m.at) < 0 })
}

func (s *state) marked(id senderID, p position) []mark {
	marks := slices.DeleteFunc(slices.Clone(s.marks), func(m mark) bool { return m.sender == id })
	marks = append(marks, mark{sender: id, at: p})
	return marks[max(0, len(marks)-maxMarks):]
}

// seal makes the cursor of target out of s.
func (h *Hub) seal(t Target, s state) (string, error) {
	b := token.Binding{Caller: t.Caller, Identity: t.Identity, Purpose: cursorPurpose}
	return h.cfg.Sealer.Seal(b, cursorLife, s.encode())
}

// open is the reverse of seal; every failure is ErrCursor.
func (h *Hub) open(t Target, cursor string) (state, error) {
	b := token.Binding{Caller: t.Caller, Identity: t.Identity, Purpose: cursorPurpose}
	payload, err := h.cfg.Sealer.Open(b, cursor)
	if err != nil {
		return state{}, ErrCursor
	}
	return decodeState(payload)
}

// encode writes: version, fruitless, then per channel the horizon (0 for none), the floor, and the
// ids as gaps; then the marks.
func (s state) encode() []byte {
	out := []byte{cursorVersion}
	out = binary.AppendUvarint(out, uint64(s.fruitless))
	for _, c := range s.seen {
		if c.horizon.IsZero() {
			c.floor = 0
		}
		out = binary.AppendVarint(out, unixMicro(c.horizon))
		out = binary.AppendVarint(out, c.floor)
		out = binary.AppendUvarint(out, uint64(len(c.ids)))
		last := c.floor
		for i, id := range c.ids {
			if i == 0 { // may be below the floor; the difference wraps
				out = binary.AppendVarint(out, id-last)
			} else {
				out = binary.AppendUvarint(out, uint64(id)-uint64(last))
			}
			last = id
		}
	}
	out = binary.AppendUvarint(out, uint64(len(s.marks)))
	for _, m := range s.marks {
		out = append(out, m.sender[:]...)
		out = binary.AppendVarint(out, unixMicro(m.at.created))
		out = binary.AppendVarint(out, m.at.id)
	}
	return out
}

// decodeState is the reverse of encode; every failure is ErrCursor.
func decodeState(data []byte) (state, error) {
	r := stateDecoder{data: data}
	var s state
	if version := r.take(1); r.failed || version[0] != cursorVersion {
		return state{}, ErrCursor
	}
	s.fruitless = int(min(r.uvarint(), math.MaxInt32))
	for c := range s.seen {
		in := seenSet{horizon: fromUnixMicro(r.varint()), floor: r.varint()}
		count := r.uvarint()
		if count > uint64(len(r.data)) { // an id takes a byte at least
			return state{}, ErrCursor
		}
		last := in.floor
		for i := range count {
			if i == 0 {
				last += r.varint()
			} else {
				next := int64(uint64(last) + r.uvarint())
				if next <= last {
					return state{}, ErrCursor
				}
				last = next
			}
			in.ids = append(in.ids, last)
		}
		s.seen[c] = in
	}
	count := r.uvarint()
	if count > maxMarks {
		return state{}, ErrCursor
	}
	for range count {
		var m mark
		copy(m.sender[:], r.take(len(m.sender)))
		m.at.created = fromUnixMicro(r.varint())
		m.at.id = r.varint()
		s.marks = append(s.marks, m)
	}
	if r.failed || len(r.data) > 0 {
		return state{}, ErrCursor
	}
	return s, nil
}

// unixMicro is 0, which takes a byte, for the zero time: there is no horizon, or Ravi did not say.
func unixMicro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromUnixMicro(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// stateDecoder takes values off the front of data; after a failure everything is 0.
type stateDecoder struct {
	data   []byte
	failed bool
}

func (r *stateDecoder) take(n int) []byte {
	if r.failed || n < 0 || n > len(r.data) {
		r.failed, r.data = true, nil
		return nil
	}
	head := r.data[:n]
	r.data = r.data[n:]
	return head
}

func (r *stateDecoder) uvarint() uint64 { return number(r, binary.Uvarint) }

func (r *stateDecoder) varint() int64 { return number(r, binary.Varint) }

func number[T int64 | uint64](r *stateDecoder, decode func([]byte) (T, int)) T {
	v, n := decode(r.data)
	if r.take(n); r.failed || n <= 0 {
		r.failed = true
		return 0
	}
	return v
}

// Merge returns a cursor that has seen what either of two cursors of target has seen. A session
// uses it to move its own cursor past every answer, in whatever order its waits end. It makes no
// request. ErrCursor for a cursor that is not one of this caller and identity.
func (h *Hub) Merge(t Target, a, b string) (string, error) {
	sa, err := h.open(t, a)
	if err != nil {
		return "", err
	}
	sb, err := h.open(t, b)
	if err != nil {
		return "", err
	}
	return h.seal(t, sa.merge(sb))
}

// merge returns the union of both; the later one's count of fruitless waits stands.
func (s state) merge(later state) state {
	out := state{fruitless: later.fruitless, marks: slices.Clone(s.marks)}
	for _, m := range later.marks {
		if i := slices.IndexFunc(out.marks, func(o mark) bool { return o.sender == m.sender }); i < 0 {
			out.marks = append(out.marks, m)
		} else if m.at.compare(out.marks[i].at) > 0 {
			out.marks[i] = m
		}
	}
	out.marks = out.marks[max(0, len(out.marks)-maxMarks):]
	for c := range s.seen {
		out.seen[c] = s.seen[c].union(later.seen[c])
	}
	return out
}
