package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/otp"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/tools/otpauth"
	"ravi-mcp/tools/tool"
)

const (
	// shortestProtected is the length from which on a stored value is looked for; shorter ones are
	// in every text.
	shortestProtected = 6
	// freshFor is how long a code that came in must not go out.
	freshFor = 10 * time.Minute
	// readers is how many stored values are read at the same time.
	readers = 8
)

// The kinds of value that must not leave, as an error names them.
const (
	storedPassword = "a stored password"
	storedSecret   = "a stored secret"
	storedSeed     = "an authenticator's seed or current code"
	storedBackup   = "a backup code"
	freshCode      = "a code that was received in the last 10 minutes"
)

type protected struct {
	kind  string
	value secret.Secret
}

// scan refuses texts that hold a stored value of the identity, or a code that came in a moment ago,
// as it is or in a simple encoding (SECURITY.md S15). What cannot be read for lack of a key is not
// looked for. Nothing goes out when the values cannot be read.
func (h *handlers) scan(ctx context.Context, scope *ravi.Scope, m message) error {
	values, err := h.storedValues(ctx, scope)
	if err != nil {
		return err
	}
	codes, err := freshCodes(ctx, scope, h.Time())
	if err != nil {
		return err
	}
	texts := append([]string{m.subject, m.body}, m.texts...)
	for _, f := range m.files {
		texts = append(texts, f.name)
	}
	if err := newHaystack(texts).refuse(ctx, "The message", append(values, codes...)); err != nil {
		return err
	}
	for _, f := range m.files {
		if err := fileHaystack(f.content).refuse(ctx, "The file "+tool.Shown(f.name), append(values, codes...)); err != nil {
			return err
		}
	}
	return nil
}

// refuse fails if one of the values stands in the text, which what names.
func (h haystack) refuse(ctx context.Context, what string, values []protected) error {
	for _, v := range values {
		if ctx.Err() != nil {
			return context.Cause(ctx) // a large file and a large vault
		}
		if h.holds(v.value.Reveal()) {
			return fault.New(fault.Denied, fmt.Sprintf("%s holds %s, and nothing was sent.", what, v.kind),
				"Do not retry with it in any form. Take it out; whoever asks for it in a message must not get it.").WithReason("secret_in_text")
		}
	}
	return nil
}

// collection gathers values from several goroutines.
type collection struct {
	mu     sync.Mutex
	values []protected
}

func (c *collection) add(kind string, values ...secret.Secret) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range values {
		c.values = append(c.values, protected{kind, v})
	}
}

func (h *handlers) storedValues(ctx context.Context, scope *ravi.Scope) ([]protected, error) {
	passwords, err := scope.Passwords(ctx)
	if err != nil && !errors.Is(err, ravi.ErrUnsupported) {
		return nil, err
	}
	secrets, err := scope.Secrets(ctx)
	if err != nil && !errors.Is(err, ravi.ErrUnsupported) {
		return nil, err
	}
	var found collection
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(readers)
	for _, p := range passwords {
		reading.Go(func() error {
			entry, err := scope.Password(ctx, p.UUID)
			if err == nil {
				found.add(storedPassword, entry.Password)
			}
			return tolerable(err)
		})
	}
	for _, s := range secrets {
		reading.Go(func() error {
			entry, err := scope.SecretByID(ctx, s.UUID)
			if err == nil {
				found.addSecret(entry, h.Time())
			}
			return tolerable(err)
		})
	}
	err = reading.Wait()
	return found.searchable(), err
}

// searchable leaves out short values, codes excepted. Short values occur in any text.
func (c *collection) searchable() []protected {
	return slices.DeleteFunc(c.values, func(p protected) bool {
		return p.kind != storedSeed && utf8.RuneCountInString(p.value.Reveal()) < shortestProtected
	})
}

// tolerable lets errors pass that concern one value only: it is gone, or this server has no key for
// it.
func tolerable(err error) error {
	if errors.Is(err, ravi.ErrNotFound) || errors.Is(err, ravi.ErrLocked) {
		return nil
	}
	return err
}

func (c *collection) addSecret(entry *ravi.SecretEntry, now time.Time) {
	switch {
	case strings.HasPrefix(entry.Key, tool.RecordPrefix):
		former, _ := tool.FormerPasswords(entry)
		for _, password := range former {
			c.add(storedPassword, secret.New(password))
		}
	case strings.HasPrefix(entry.Key, otpauth.BackupPrefix):
		c.add(storedBackup, entry.Value)
	case strings.HasPrefix(entry.Key, otpauth.SeedPrefix):
		c.add(storedSecret, entry.Value)
		a, err := otpauth.Stored(entry)
		if err != nil {
			return
		}
		c.add(storedSeed, a.Seed)
		for step := now.Unix()/a.Period - 1; step <= now.Unix()/a.Period+1; step++ {
			if code, err := a.Code(step); err == nil {
				c.add(storedSeed, secret.New(code))
			}
		}
	default:
		c.add(storedSecret, entry.Value)
	}
}

// freshCodes returns the codes that came in within the last minutes, by Ravi's clock.
func freshCodes(ctx context.Context, scope *ravi.Scope, now time.Time) ([]protected, error) {
	if theirs, known := scope.ServerTime(); known {
		now = theirs
	}
	since := now.Add(-freshFor)
	var found collection
	look := func(m otp.Message) {
		v := otp.Extract(m, otp.Context{})
		found.add(freshCode, secret.New(v.Code))
		if v.Kind == otp.KindAmbiguous {
			for _, c := range v.Candidates {
				found.add(freshCode, secret.New(c.Code))
			}
		}
	}
	filter := ravi.MessageFilter{Direction: ravi.Incoming, CreatedAfter: since}
	for m, err := range scope.SMSMessages(ctx, filter) {
		if errors.Is(err, ravi.ErrUnsupported) {
			break
		}
		if err != nil {
			return nil, err
		}
		if m.Direction != ravi.Outgoing && m.Created.After(since) {
			look(otp.Message{Channel: otp.SMS, From: m.From, Text: m.Body})
		}
	}
	for m, err := range scope.EmailMessages(ctx, filter) {
		if err != nil {
			return nil, err
		}
		if m.Direction == ravi.Outgoing || !m.Created.After(since) {
			continue
		}
		if m.Text == "" && m.HTML == "" { // a list may leave the text out
			if whole, err := scope.EmailMessage(ctx, m.ID); err == nil {
				m = *whole
			} else if tolerable(err) != nil {
				return nil, err
			}
		}
		look(otp.Message{Channel: otp.Email, From: m.From, Subject: m.Subject, Text: m.Text, HTML: m.HTML})
	}
	return found.values, nil
}
