package jsonrpc

import "encoding/binary"

// The leaves of JSON's grammar (RFC 8259), for scanner.

// peek returns the byte at the position, or 0 at the end; a NUL byte begins nothing in JSON.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) word(word string) bool {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.fail()
	}
	s.pos += len(word)
	return true
}

// str walks over a string, from its quote on.
func (s *scanner) str() (escaped, ok bool) {
	data := s.data
	for i := s.pos + 1; i < len(data); i++ {
		for i+8 <= len(data) && plain(binary.LittleEndian.Uint64(data[i:])) {
			i += 8
		}
		if i == len(data) {
			break
		}
		switch c := data[i]; {
		case c == '"':
			s.pos = i + 1
			return escaped, true
		case c == '\\':
			escaped = true
			i++
			if i >= len(data) {
				return escaped, s.fail()
			}
			switch data[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				unit, ok := codeUnit(data[i+1:])
				if !ok {
					return escaped, s.fail()
				}
				i += 4
				if unit >= 0xD800 && unit <= 0xDFFF {
					low := uint16(0)
					if i+2 < len(data) && data[i+1] == '\\' && data[i+2] == 'u' {
						low, _ = codeUnit(data[i+3:])
					}
					if unit < 0xDC00 && low >= 0xDC00 && low <= 0xDFFF {
						i += 6
					} else {
						s.halves++
					}
				}
			default:
				return escaped, s.fail()
			}
		case c < ' ':
			return escaped, s.fail()
		}
	}
	return escaped, s.fail()
}

// plain reports whether none of eight bytes is a control character, a quote or a backslash. It may
// say false for bytes that are plain, because a borrow runs into the next one; never true for
// others.
func plain(eight uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, backslash := eight^(ones*'"'), eight^(ones*'\\')
	return ((eight-ones*' ')&^eight|(quote-ones)&^quote|(backslash-ones)&^backslash)&highs == 0
}

// longestPlainNumber is how long a number without an exponent may be to fit a float64 for certain.
const longestPlainNumber = 300

func (s *scanner) number() bool {
	start := s.pos
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return s.fail()
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return s.fail()
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.call.Huge = true
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.fail()
		}
	}
	s.call.Huge = s.call.Huge || s.pos-start > longestPlainNumber
	return true
}

// digits walks over one digit or more and reports whether there was any.
func (s *scanner) digits() bool {
	start := s.pos
	for isDigit(s.peek()) {
		s.pos++
	}
	return s.pos > start
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// codeUnit returns the number that the first four bytes are in hexadecimal.
func codeUnit(text []byte) (unit uint16, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for _, c := range text[:4] {
		switch {
		case isDigit(c):
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		unit = unit<<4 | uint16(c)
	}
	return unit, true
}
