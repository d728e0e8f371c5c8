package mail

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"ravi-mcp/internal/otp"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
)

// freshValues adds the codes and links that came in within the last minutes, by Ravi's clock.
func freshValues(ctx context.Context, scope *ravi.Scope, now time.Time, found *collection) error {
	if theirs, known := scope.ServerTime(); known {
		now = theirs
	}
	since := now.Add(-freshFor)
	look := func(m otp.Message) {
		v := otp.Extract(m)
		found.add(freshCode, secret.New(v.Code))
		if v.Kind == otp.KindAmbiguous {
			for _, c := range v.Candidates {
				found.add(freshCode, secret.New(c.Code))
			}
		}
		if v.Link != nil {
			found.addLink(v.Link.URL)
			found.addLink(v.Link.Unwrapped)
		}
	}
	filter := ravi.MessageFilter{Direction: ravi.Incoming, CreatedAfter: since}
	for m, err := range scope.SMSMessages(ctx, filter) {
		if errors.Is(err, ravi.ErrUnsupported) {
			break
		}
		if err != nil {
			return err
		}
		if m.Direction != ravi.Outgoing && m.Created.After(since) {
			look(otp.Message{Channel: otp.SMS, From: m.From, Text: m.Body})
		}
	}
	for m, err := range scope.EmailMessages(ctx, filter) {
		if err != nil {
			return err
		}
		if m.Direction == ravi.Outgoing || !m.Created.After(since) {
			continue
		}
		if m.Text == "" && m.HTML == "" { // a list may leave the text out
			if whole, err := scope.EmailMessage(ctx, m.ID); err == nil {
				m = *whole
			} else if tolerable(err) != nil {
				return err
			}
		}
		look(otp.Message{Channel: otp.Email, From: m.From, Subject: m.Subject, Text: m.Text, HTML: m.HTML})
	}
	return nil
}

// addLink adds a link as it can be written, and what in it cannot be guessed: that is worth as much
// as the link.
func (c *collection) addLink(link string) {
	_, bare, _ := strings.Cut(link, "://")
	host, rest, _ := strings.Cut(bare, "/")
	parts := strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune("/?&=#;", r) })
	parts = slices.DeleteFunc(parts, guessable)
	c.mu.Lock()
	defer c.mu.Unlock()
	if bare != host {
		c.values = append(c.values, protected{freshLink, secret.New(bare), len(parts) > 0})
	}
	for _, part := range parts {
		c.values = append(c.values, protected{freshLink, secret.New(part), true})
	}
}
