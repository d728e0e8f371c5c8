package suspicion

import (
	"strings"

	"ravi-mcp/internal/host"
	"ravi-mcp/internal/otp"
)

// SenderOf returns what a message and what was found in it say of where it comes from. texts are
// subject and text, as a person sees them.
func SenderOf(m otp.Message, v otp.Verdict, texts ...string) Sender {
	s := Sender{SMS: m.Channel == otp.SMS, From: m.From, Texts: texts, Hidden: hiddenText(m), Tagged: tagged(m)}
	if s.SMS {
		s.OriginHost, _ = host.ASCII(v.OriginHost)
	} else {
		_, s.Domain, _ = host.Mailbox(m.From)
	}
	return s
}

// Of returns why a message is suspicious by itself, whichever service it should come from.
func Of(v otp.Verdict, s Sender) []Reason {
	var reasons []Reason
	if foreignLetters(s.Domain) || foreignLetters(s.OriginHost) || !s.SMS && namesAnother(s.From) {
		reasons = append(reasons, LookalikeSender)
	}
	var o orders
	o.addresses = s.Tagged
	for _, text := range append([]string{s.Hidden}, s.Texts...) {
		if text != "" {
			read := readOrders(text, host.Domain(s.Domain))
			o.addresses, o.forwards = o.addresses || read.addresses, o.forwards || read.forwards
		}
	}
	if o.addresses {
		reasons = append(reasons, AddressesAssistant)
	}
	if o.forwards {
		reasons = append(reasons, AsksToForward)
	}
	if trivial(v.Code) {
		reasons = append(reasons, TrivialCode)
	}
	if linkElsewhere(v.Link) || (Service{}).JudgeLink(v.Link, s) != "" {
		reasons = append(reasons, LinkElsewhere)
	}
	return reasons
}

// trivial reports whether a code is one digit repeated, or counts from 0 or 1 up or down to it.
func trivial(code string) bool {
	if len(code) < 4 {
		return false
	}
	const up, down = "0123456789", "9876543210"
	return strings.Trim(code, code[:1]) == "" && code[0] >= '0' && code[0] <= '9' ||
		strings.HasPrefix(up, code) || strings.HasPrefix(up[1:], code) ||
		strings.HasSuffix(down, code) || strings.HasSuffix(down[:9], code)
}
