// Package suspicion finds out why a message must not be believed: its sender is not who the caller
// waits for, its link leads elsewhere than it says, or its text speaks to the program that reads
// it.
//
// A suspicious message never ends a wait; the caller is told of it and why. The reasons are a
// closed set. Nothing here knows whether a From header is forged; that is for what receives the
// mail to check.
//
// All functions are pure and safe for concurrent use.
package suspicion

import "strings"

// Reason is why a message is suspicious.
type Reason string

// The reasons, a closed set.
const (
	// AddressesAssistant: the text speaks to an assistant or to a program that reads mail, gives it
	// instructions or takes some away.
	AddressesAssistant Reason = "addresses_assistant"
	// AsksToForward: the text asks to send a code, a password or the message itself on.
	AsksToForward Reason = "asks_to_forward"
	// LookalikeSender: the sender resembles the named service, or any domain in other letters, and
	// is another; or its display name holds an address of another domain.
	LookalikeSender Reason = "lookalike_sender"
	// ForeignSender: the sender is not the named service.
	ForeignSender Reason = "foreign_sender"
	// TrivialCode: the code is hardly drawn at random: 000000 or 123456.
	TrivialCode Reason = "trivial_code"
	// LinkElsewhere: the link shows another host than it leads to, or its host resembles that of
	// the sender or of the named service and is another.
	LinkElsewhere Reason = "link_elsewhere"
)

// Join writes reasons as one text.
func Join(reasons []Reason) string {
	var b strings.Builder
	for i, r := range reasons {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(r))
	}
	return b.String()
}

// Reasons lists the closed set.
func Reasons() []Reason {
	return []Reason{AddressesAssistant, AsksToForward, LookalikeSender, ForeignSender, TrivialCode, LinkElsewhere}
}
