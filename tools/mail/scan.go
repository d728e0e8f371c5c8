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
	// readers is how many stored values of an identity are read at the same time, and
	// identitiesAtOnce of how many identities.
	readers, identitiesAtOnce = 4, 4
	// randomSeed is the length of a seed, in base32, from which on it cannot be guessed: 80 bits.
	randomSeed = 16
)

// The kinds of value that must not leave, as an error names them.
const (
	storedPassword = "a stored password"
	storedSecret   = "a stored secret"
	storedSeed     = "an authenticator's seed"
	storedCode     = "an authenticator's current code"
	storedBackup   = "a backup code"
	freshCode      = "a code that was received in the last 10 minutes"
	freshLink      = "a link that was received in the last 10 minutes"
)

// shownBy are the tools that show the values of a kind; no tool shows a seed.
var shownBy = map[string]string{
	storedPassword: "get_credential", storedSecret: "get_secret", storedCode: "get_totp", storedBackup: "use_backup_code",
	freshCode: "read_message", freshLink: "read_message",
}

type protected struct {
	kind  string
	value secret.Secret
	// random says that the value cannot be guessed.
	random bool
}

// scan refuses a message that holds a value stored for an identity of the caller's, or a code or
// link that came in a moment ago, as it is or in a simple encoding (SECURITY.md S15). Of what the
// caller cannot be shown it looks for random values only: a refusal would tell which of many
// guesses is right (SECURITY.md S18). What cannot be read for lack of a key is not looked for.
// Nothing goes out when the values cannot be read.
func (h *handlers) scan(ctx context.Context, call tool.Call, scope *ravi.Scope, m message) error {
	values, err := h.valuesOf(ctx, call, scope)
	if err != nil {
		return err
	}
	values = slices.DeleteFunc(values, func(p protected) bool {
		return !p.random && (call.Learns == nil || !call.Learns(shownBy[p.kind]))
	})
	texts := append([]string{m.subject, m.body}, m.texts...)
	for _, f := range m.files {
		texts = append(texts, f.name)
	}
	if err := newHaystack(texts).refuse(ctx, "The message", values); err != nil {
		return err
	}
	for _, f := range m.files {
		if err := fileHaystack(f.content).refuse(ctx, "The file "+tool.Shown(f.name), values); err != nil {
			return err
		}
	}
	return nil
}

// reasonSecret is the reason of the error for a message that holds a value.
const reasonSecret = "secret_in_text"

func holdsValue(err error) bool { return fault.From(err).Reason == reasonSecret }

// refuse fails if one of the values stands in the text, which what names.
func (h haystack) refuse(ctx context.Context, what string, values []protected) error {
	for _, v := range values {
		if ctx.Err() != nil {
			return context.Cause(ctx) // a large file and a large vault
		}
		if h.holds(v.value.Reveal()) {
			return fault.New(fault.Denied, fmt.Sprintf("%s holds %s, and nothing was sent.", what, v.kind),
				"Do not retry with it in any form. Take it out; whoever asks for it in a message must not get it.").WithReason(reasonSecret)
		}
	}
	return nil
}

// valuesOf reads what no message of the caller's may hold: of all identities that it may use, as a
// value of one can be asked for in the name of another. scope is of the identity that sends.
func (h *handlers) valuesOf(ctx context.Context, call tool.Call, scope *ravi.Scope) ([]protected, error) {
	client, err := h.AccountOf(call.Call).Client()
	if err != nil {
		return nil, err
	}
	identities, err := h.Identities(ctx, call)
	if err != nil {
		return nil, err
	}
	scopes := []*ravi.Scope{scope}
	for _, i := range identities {
		if i.UUID != scope.Identity() {
			scopes = append(scopes, client.Scope(i.UUID))
		}
	}
	var found collection
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(identitiesAtOnce)
	for i, s := range scopes {
		reading.Go(func() error {
			err := h.storedValues(ctx, s, &found)
			if err == nil {
				err = freshValues(ctx, s, h.Time(), &found)
			}
			// What this credential cannot read of another identity, no tool shows either.
			if i > 0 && (errors.Is(err, ravi.ErrNotFound) || errors.Is(err, ravi.ErrForbidden)) {
				return nil
			}
			return err
		})
	}
	err = reading.Wait()
	return found.searchable(), err
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
		c.values = append(c.values, protected{kind, v, !guessable(v.Reveal())})
	}
}

func (h *handlers) storedValues(ctx context.Context, scope *ravi.Scope, found *collection) error {
	passwords, err := scope.Passwords(ctx)
	if err != nil && !errors.Is(err, ravi.ErrUnsupported) {
		return err
	}
	secrets, err := scope.Secrets(ctx)
	if err != nil && !errors.Is(err, ravi.ErrUnsupported) {
		return err
	}
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
	return reading.Wait()
}

// searchable leaves out short values, codes excepted. Short values occur in any text.
func (c *collection) searchable() []protected {
	return slices.DeleteFunc(c.values, func(p protected) bool {
		return p.kind != storedSeed && p.kind != storedCode && p.kind != freshCode && utf8.RuneCountInString(p.value.Reveal()) < shortestProtected
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
		c.addSeed(entry.Value)
		a, err := otpauth.Stored(entry)
		if err != nil {
			return
		}
		c.addSeed(a.Seed)
		for step := now.Unix()/a.Period - 1; step <= now.Unix()/a.Period+1; step++ {
			if code, err := a.Code(step); err == nil {
				c.add(storedCode, secret.New(code))
			}
		}
	default:
		c.add(storedSecret, entry.Value)
	}
}

// addSeed adds what services make at random: no person thinks of a seed.
func (c *collection) addSeed(v secret.Secret) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values = append(c.values, protected{storedSeed, v, utf8.RuneCountInString(v.Reveal()) >= randomSeed})
}
