package mail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

const maxRecipients = 20

type recipients struct{ to, cc, bcc []string }

func (r recipients) all() []string { return slices.Concat(r.to, r.cc, r.bcc) }

// mailRecipients checks the addresses of a mail; an address counts once, where it stands first.
func mailRecipients(to string, cc, bcc []string) (recipients, error) {
	var r recipients
	if 1+len(cc)+len(bcc) > maxRecipients {
		return r, fault.New(fault.InvalidArgument, fmt.Sprintf("`to`, `cc` and `bcc` hold more than %d addresses.", maxRecipients),
			"Write to fewer people at once.")
	}
	seen := make(map[string]bool)
	for _, part := range []struct {
		field string
		given []string
		out   *[]string
	}{{"to", []string{to}, &r.to}, {"cc", cc, &r.cc}, {"bcc", bcc, &r.bcc}} {
		for _, given := range part.given {
			address, err := mailAddress(part.field, given)
			if err != nil {
				return r, err
			}
			if key := strings.ToLower(address); !seen[key] {
				seen[key] = true
				*part.out = append(*part.out, address)
			}
		}
	}
	return r, nil
}

// outgoing is where a message is to go: addresses, or a number.
type outgoing struct {
	addresses []string
	number    string
	// replyWarning says, in words for a person, that an answer would go elsewhere than to the
	// sender; "" where it does not.
	replyWarning string
}

// decideSend asks for a decision about a message to a recipient who is new, or about an answer that
// goes elsewhere.
func (h *handlers) decideSend(ctx context.Context, call tool.Call, argument string, m message) (*tool.Decision, error) {
	resolved, scope, err := h.Scope(ctx, call, argument)
	if err != nil {
		return nil, err
	}
	unknown, err := unknownAmong(ctx, scope, resolved.Identity, m.to)
	if err != nil {
		return nil, err
	}
	var consequence []string
	if m.to.replyWarning != "" {
		consequence = append(consequence, m.to.replyWarning)
	}
	if len(unknown) > 0 {
		consequence = append(consequence, fmt.Sprintf("%s to %s: no contact, and never written to before.", m.does+m.withFiles(), shownAll(unknown)))
	}
	if len(consequence) == 0 {
		return nil, nil
	}
	consequence = append(consequence, m.shown()...)
	return &tool.Decision{Identity: tool.Ref(resolved.Identity), Consequence: strings.Join(consequence, " "), Content: m.hash()}, nil
}

// unknownAmong returns the recipients that the identity does not know: that are no saved contact,
// and that it has not written to before. Contacts that Ravi made by itself, of every sender, do not
// count.
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

// savedContact reports whether a contact was saved and not made by Ravi. One of unknown origin
// counts as made by Ravi.
func savedContact(c ravi.Contact) bool { return c.Source != "" && !strings.EqualFold(c.Source, "auto") }

// forgetWrittenTo takes from left the recipients of earlier messages, by what Ravi lists as sent.
func forgetWrittenTo(ctx context.Context, scope *ravi.Scope, to outgoing, left map[string]bool) error {
	if len(left) == 0 {
		return nil
	}
	filter := ravi.MessageFilter{Direction: ravi.Outgoing}
	if to.number != "" {
		return forget(left, scope.SMSMessages(ctx, filter), func(m ravi.SMSMessage) (ravi.Direction, []string) { return m.Direction, []string{m.To} })
	}
	return forget(left, scope.EmailMessages(ctx, filter), func(m ravi.EmailMessage) (ravi.Direction, []string) {
		return m.Direction, append(addressesIn(m.To), addressesIn(m.CC)...)
	})
}

// forget takes the recipients of sent messages from left, until none is left.
func forget[T any](left map[string]bool, messages iter.Seq2[T, error], recipients func(T) (ravi.Direction, []string)) error {
	for m, err := range messages {
		if err != nil {
			return err
		}
		direction, to := recipients(m)
		for _, recipient := range to {
			if direction == ravi.Outgoing {
				delete(left, strings.ToLower(recipient))
			}
		}
		if len(left) == 0 {
			break
		}
	}
	return nil
}
