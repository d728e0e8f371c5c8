package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// outgoing is whom a message is to go to: addresses, or a number.
type outgoing struct {
	addresses []string
	number    string
	// detour says, in words for a person, that an answer would go elsewhere
	// than to the sender; "" where it does not.
	detour string
}

// decideSend asks for a decision about a message to a recipient
// who is new, or about an answer that takes a detour.
func (h *handlers) decideSend(ctx context.Context, call tool.Call, argument, does string, to outgoing) (*tool.Decision, error) {
	resolved, err := h.Resolver.Resolve(ctx, call.Call, session.Query{Argument: argument})
	if err != nil {
		return nil, err
	}
	client, err := h.AccountOf(call.Call).Client()
	if err != nil {
		return nil, err
	}
	unknown, err := unknownAmong(ctx, client.Scope(resolved.Identity.UUID), resolved.Identity, to)
	if err != nil {
		return nil, err
	}
	var consequence []string
	if to.detour != "" {
		consequence = append(consequence, to.detour)
	}
	if len(unknown) > 0 {
		shown := make([]string, len(unknown))
		for i, s := range unknown {
			shown[i] = tool.Shown(s)
		}
		consequence = append(consequence, fmt.Sprintf("%s to %s: no contact, and never written to before.", does, strings.Join(shown, ", ")))
	}
	if len(consequence) == 0 {
		return nil, nil
	}
	return &tool.Decision{Identity: tool.Ref(resolved.Identity), Consequence: strings.Join(consequence, " ")}, nil
}

// unknownAmong returns the recipients that the identity does not know: that
// are no saved contact, and that it has not written to before. Contacts that
// Ravi made by itself, of every sender, do not count.
func unknownAmong(ctx context.Context, scope *ravi.Scope, identity ravi.Identity, to outgoing) ([]string, error) {
	left := make(map[string]bool)
	for _, a := range to.addresses {
		left[strings.ToLower(a)] = true
	}
	if to.number != "" {
		left[to.number] = true
	}
	delete(left, strings.ToLower(identity.Inbox))
	if len(left) == 0 {
		return nil, nil
	}
	contacts, err := scope.Contacts(ctx)
	if err != nil && !errors.Is(err, ravi.ErrUnsupported) {
		return nil, err
	}
	for _, c := range contacts {
		if savedContact(c) {
			delete(left, strings.ToLower(c.Email))
			delete(left, c.Phone)
		}
	}
	if err := forgetWrittenTo(ctx, scope, to, left); err != nil {
		return nil, err
	}
	var unknown []string
	for _, r := range slices.Concat(to.addresses, []string{to.number}) {
		if left[strings.ToLower(r)] {
			unknown = append(unknown, r)
			delete(left, strings.ToLower(r))
		}
	}
	return unknown, nil
}

// savedContact reports whether a contact was saved and not made by Ravi. One of
// unknown origin counts as made by Ravi.
func savedContact(c ravi.Contact) bool { return c.Source != "" && !strings.EqualFold(c.Source, "auto") }

// forgetWrittenTo takes from left whom the identity has written to, by what
// Ravi lists as sent.
func forgetWrittenTo(ctx context.Context, scope *ravi.Scope, to outgoing, left map[string]bool) error {
	if len(left) == 0 {
		return nil
	}
	filter := ravi.MessageFilter{Direction: ravi.Outgoing}
	if to.number != "" {
		for m, err := range scope.SMSMessages(ctx, filter) {
			if err != nil {
				return err
			}
			if m.Direction == ravi.Outgoing {
				delete(left, m.To)
			}
			if len(left) == 0 {
				break
			}
		}
		return nil
	}
	for m, err := range scope.EmailMessages(ctx, filter) {
		if err != nil {
			return err
		}
		if m.Direction == ravi.Outgoing {
			for _, a := range append(addressesIn(m.To), addressesIn(m.CC)...) {
				delete(left, strings.ToLower(a))
			}
		}
		if len(left) == 0 {
			break
		}
	}
	return nil
}
