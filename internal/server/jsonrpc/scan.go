package jsonrpc

import (
	"bytes"
	"unicode/utf8"
)

// The members of a JSON-RPC message, as indexes of scanner.member.
const (
	keyVersion = iota
	keyID
	keyMethod
	keyParams
	keyResult
	keyError
	keyCount
)

var memberNames = [keyCount]string{"jsonrpc", "id", "method", "params", "result", "error"}

// role says what an object means, because the names in params and in its _meta matter.
type role int

const (
	roleAny role = iota
	roleParams
	roleMeta
)

const (
	metaName     = "_meta"
	versionName  = "io.modelcontextprotocol/protocolVersion"
	progressName = "progressToken"

	capabilitiesName = "io.modelcontextprotocol/clientCapabilities"
)

// paramNames are the parameters that MCP defines. mcp-go finds them by folded names; another
// spelling of one of them is refused, so that every reader of a message sees the same one.
var paramNames = [][]byte{
	[]byte(metaName), []byte("name"), []byte("arguments"), []byte("uri"), []byte("cursor"), []byte("level"),
	[]byte("requestId"), []byte("reason"), []byte("protocolVersion"), []byte("capabilities"), []byte("clientInfo"),
	[]byte("ref"), []byte("argument"), []byte("context"), []byte("inputResponses"), []byte("requestState"),
	[]byte("notifications"), []byte("task"), []byte("taskId"), []byte(progressName), []byte("progress"),
}

// scanner walks over one message. After message, either broken is set, or flaw names what is wrong
// with it as a JSON-RPC message, or member holds the values of its members as they are written.
type scanner struct {
	data   []byte
	pos    int
	member [keyCount][]byte
	twice  [keyCount]bool
	// version and token are found in params._meta.
	version string
	token   []byte
	// call is what params would mean if this were a tools/call.
	call ToolCall
	// halves counts the halves of surrogate pairs that stand alone (RFC 8259, 8.2), but for those
	// in the arguments of a call, which halved says of.
	halves int
	halved bool
	// flaw is the first thing that is wrong with well-formed JSON.
	flaw string
	// broken is set when data is not JSON.
	broken bool
}

func (s *scanner) note(flaw string) {
	if s.flaw == "" {
		s.flaw = flaw
	}
}

// fail ends the walk: what follows cannot be read. It always returns false.
func (s *scanner) fail() bool {
	s.broken = true
	return false
}

// message walks over the whole text.
func (s *scanner) message() {
	if !utf8.Valid(s.data) {
		s.broken = true
		return
	}
	s.space()
	ok := false
	switch s.peek() {
	case '{':
		ok = s.envelope()
	case '[':
		s.note("batches are not supported, send one message at a time")
		ok = s.value(1, roleAny)
	default:
		s.note("a message is a JSON object")
		ok = s.value(1, roleAny)
	}
	if !ok {
		return
	}
	s.space()
	if s.pos < len(s.data) {
		s.note("there is something after the message")
	}
}

// envelope walks over the object that is the message.
func (s *scanner) envelope() bool {
	return s.members(func(name []byte) bool {
		key := envelopeKey(name)
		what := roleAny
		if key == keyParams {
			what = roleParams
		}
		start := s.pos
		if !s.value(2, what) {
			return false
		}
		switch {
		case key < 0:
			s.note("it has a member other than jsonrpc, id, method, params, result and error")
		case s.member[key] != nil:
			s.twice[key] = true
			s.note("it has the same member twice")
		default:
			s.member[key] = s.data[start:s.pos]
		}
		return true
	})
}

func envelopeKey(name []byte) int {
	for key, known := range memberNames {
		if string(name) == known {
			return key
		}
	}
	return -1
}

// value walks over any value; depth is how deep it would stand if it were an object or array.
func (s *scanner) value(depth int, what role) bool {
	switch c := s.peek(); {
	case c == '{':
		return s.nest(depth) && s.object(depth, what)
	case c == '[':
		return s.nest(depth) && s.items(']', func() bool { return s.value(depth+1, roleAny) })
	case c == '"':
		_, ok := s.str()
		return ok
	case c == '-' || isDigit(c):
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return s.fail()
}

func (s *scanner) nest(depth int) bool {
	if depth > MaxDepth {
		// The rest is not read, so that nesting costs no more than this.
		s.flaw = "it is nested too deeply"
		return false
	}
	return true
}

// object walks over an object inside the message and notes names that stand twice in it.
func (s *scanner) object(depth int, what role) bool {
	var seen names
	return s.members(func(name []byte) bool {
		if flaw := seen.add(name); flaw != "" {
			s.note(flaw)
		}
		start, halves, inner := s.pos, s.halves, roleAny
		if what == roleParams {
			if string(name) == metaName {
				inner = roleMeta
			} else if misspelt(name) {
				s.note("params has a parameter in another spelling than MCP's")
			}
		}
		if !s.value(depth+1, inner) {
			return false
		}
		switch what {
		case roleParams:
			s.param(name, s.data[start:s.pos])
			if string(name) == "arguments" {
				s.halves, s.halved = halves, s.halves > halves
			}
		case roleMeta:
			s.meta(name, s.data[start:s.pos])
		}
		return true
	})
}

// param keeps what a call of a tool consists of.
func (s *scanner) param(name, value []byte) {
	switch string(name) {
	case "name":
		s.call.Name = value
	case "arguments":
		s.call.Arguments = value
	case metaName:
		s.call.Meta = value
	case "task":
		s.call.Task = value
	case "inputResponses", "requestState":
		s.call.Resumed = true
	}
}

// meta keeps the members of params._meta that a transport needs.
func (s *scanner) meta(name, value []byte) {
	switch string(name) {
	case versionName:
		s.version = unquote(value)
	case progressName:
		if value[0] == '"' || value[0] == '-' || isDigit(value[0]) {
			s.token = value
		}
	case capabilitiesName:
		s.call.Capabilities = value
	}
}

// misspelt reports whether a name is one of paramNames in another spelling.
func misspelt(name []byte) bool {
	folds := false
	for _, known := range paramNames {
		if bytes.Equal(name, known) {
			return false
		}
		folds = folds || bytes.EqualFold(name, known)
	}
	return folds
}

// members walks over an object, from its brace on, and calls each with every name, standing at the
// value. An escaped name is passed as what it stands for.
func (s *scanner) members(each func(name []byte) bool) bool {
	return s.items('}', func() bool {
		if s.peek() != '"' {
			return s.fail()
		}
		start := s.pos
		escaped, ok := s.str()
		if !ok {
			return false
		}
		name := s.data[start+1 : s.pos-1]
		if escaped {
			name = []byte(unquote(s.data[start:s.pos]))
		}
		s.space()
		if s.peek() != ':' {
			return s.fail()
		}
		s.pos++
		s.space()
		return each(name)
	})
}

// items walks over an object or array, from its opening on, and calls each at every item.
func (s *scanner) items(end byte, each func() bool) bool {
	s.pos++
	s.space()
	if s.peek() == end {
		s.pos++
		return true
	}
	for {
		if !each() {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case end:
			s.pos++
			return true
		default:
			return s.fail()
		}
	}
}

// names is the set of names of one object: a few in place, more in a map.
type names struct {
	few  [8][]byte
	many map[string]struct{}
	n    int
}

func (n *names) add(name []byte) (flaw string) {
	const twice = "an object in it has the same member twice"
	if n.n >= maxMembers {
		return "an object in it has too many members"
	}
	if n.n < len(n.few) {
		for _, other := range n.few[:n.n] {
			if bytes.Equal(other, name) {
				return twice
			}
		}
		n.few[n.n] = name
		n.n++
		return ""
	}
	if n.many == nil {
		n.many = make(map[string]struct{}, 4*len(n.few))
		for _, other := range n.few {
			n.many[string(other)] = struct{}{}
		}
	}
	if _, ok := n.many[string(name)]; ok {
		return twice
	}
	n.many[string(name)] = struct{}{}
	n.n++
	return ""
}
