package tool

import (
	"fmt"
	"strings"
	"unicode"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/otp"
	"ravi-mcp/ravi/seal"
)

// CheckLine refuses text for a field of one line that could not be typed into a form again, or not
// be read back. The error names the field and the rule.
func CheckLine(field, value string) error {
	if strings.ContainsFunc(value, unicode.IsControl) {
		return controlCharacters(field, "Take out line breaks, tabs and other control characters, and call again.")
	}
	return checkMark(field, value)
}

// CheckText is CheckLine for fields that may have several lines.
func CheckText(field, value string) error {
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }
	if strings.ContainsFunc(value, control) {
		return controlCharacters(field, "Line breaks and tabs are fine; encode binary data, for example in base64, and call again.")
	}
	return checkMark(field, value)
}

// checkMark refuses a value that Ravi's clients would take for an encrypted one: once stored, it
// could not be read again.
func checkMark(field, value string) error {
	if seal.Is(value) {
		return fault.New(fault.InvalidArgument, fmt.Sprintf("`%s` must not begin with %s, which marks encrypted values.", field, seal.Prefix),
			"Pass the plain value; it is encrypted on the way where the account asks for it.")
	}
	return nil
}

func controlCharacters(field, hint string) error {
	return fault.New(fault.InvalidArgument, fmt.Sprintf("`%s` must not hold control characters.", field), hint)
}

// MaxFrom is how many characters of an address or sender are shown at most.
const MaxFrom = 320

// Clean returns a text of a third party as it may stand in a field of a result: without invisible
// characters, and at most limit characters of it.
func Clean(s string, limit int) string {
	text, _ := otp.Clean(s, limit)
	return text
}
