package tool

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"ravi-mcp/internal/fault"
	"ravi-mcp/session"
)

// Decision is what has to be decided before a call goes on (ARCHITECTURE.md#errors-and-decisions).
// A tool declares the kind; the policy of that kind, which is the operator's, says who decides. It
// is middleware in package server that asks.
type Decision struct {
	// Identity is what the decision is about; the zero value where it is about none or several. The
	// handler acts on no other identity.
	Identity IdentityRef
	// Consequence is what the call does, in sentences for a person. It holds fixed words, ids, and
	// names and texts made safe by Shown and ShownLines, and nothing that Ravi keeps as a secret.
	Consequence string
	// Content is a hash of what happens that neither Identity nor the arguments fix, such as the
	// content of files that they name; zero where they fix everything. An answer counts for the
	// same content only, and the handler checks it once more (Call.DecidedFor).
	Content [sha256.Size]byte
}

// Decides is the option of a tool whose calls may need a decision of that kind: those for which the
// function returns one. The function changes nothing.
func Decides[P any](kind session.Kind, decide func(context.Context, Call, P) (*Decision, error)) Option {
	return func(t *Tool) {
		t.Kind = kind
		t.Decide = func(ctx context.Context, call Call, args json.RawMessage) (*Decision, error) {
			p, err := Decode[P](args)
			if err != nil {
				return nil, err
			}
			return decide(ctx, call, p)
		}
	}
}

// DecidedOn refuses to act on another identity than the one of the decision: between the question
// and the answer a name can change hands.
func (c Call) DecidedOn(uuid string) error {
	if c.Decided == nil || c.Decided.Identity.UUID == "" || c.Decided.Identity.UUID == uuid {
		return nil
	}
	return fault.New(fault.Conflict, "The identity that was meant has changed since the call was approved.",
		"Pass the identity's uuid as `identity` and call again.")
}

// DecidedFor refuses to act with another content than that of the decision: between the question
// and the answer, and until the handler runs, a file can be replaced.
func (c Call) DecidedFor(content [sha256.Size]byte) error {
	if c.Decided == nil || c.Decided.Content == content {
		return nil
	}
	return fault.New(fault.Conflict, "What was to happen has changed since the call was approved: a file, a recipient or a text is another.",
		"Nothing was done. Call again, so that the person is asked about what is there now.")
}

const maxShown = 80

// Shown returns a name or reference that others chose as it may stand in a question to a person: in
// quotes, on one line, without invisible characters and without quotes or brackets of its own, cut
// at 80 characters.
func Shown(name string) string { return shown(name, maxShown) }

const maxLines = 240

// ShownLines is Shown for the beginning of a text of several lines: a slash stands between two of
// them, and it is cut at 240 characters.
func ShownLines(text string) string {
	lines := strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' })
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.TrimSpace(l) == "" })
	return shown(strings.Join(lines, " / "), maxLines)
}

func shown(text string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n == limit {
			b.WriteRune('…')
			break
		}
		if !unicode.IsPrint(r) || unicode.Is(unicode.Mn, r) || strings.ContainsRune("\"“”`<>[](){}*", r) {
			r = '_'
		}
		b.WriteRune(r)
		n++
	}
	return "“" + b.String() + "”"
}

// Reveals is the option of a tool that can show a stored value. what returns the words for what a
// call shows, or "" for a call that shows nothing.
func Reveals[P interface{ named() string }](resolver *session.Resolver, what func(P) string) Option {
	decides := Decides(session.KindReveal, func(ctx context.Context, call Call, p P) (*Decision, error) {
		shown := what(p)
		if shown == "" {
			return nil, nil
		}
		resolved, err := resolver.Resolve(ctx, call.Call, session.Query{Argument: p.named()})
		if err != nil {
			return nil, err
		}
		return &Decision{Identity: Ref(resolved.Identity), Consequence: "Shows " + shown + " to the model."}, nil
	})
	return func(t *Tool) {
		decides(t)
		t.Shows = func(args json.RawMessage) bool {
			p, err := Decode[P](args)
			return err != nil || what(p) != ""
		}
	}
}
