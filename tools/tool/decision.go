package tool

import (
	"context"
	"encoding/json"
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
	// Consequence is what the call does, in a sentence for a person. It holds fixed words, ids, and
	// names made safe by Shown, and nothing secret.
	Consequence string
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

const maxShown = 80

// Shown returns a name or reference that others chose as it may stand in a question to a person: in
// quotes, on one line, without invisible characters and without quotes or brackets of its own, cut
// at 80 characters.
func Shown(name string) string {
	var b strings.Builder
	n := 0
	for _, r := range name {
		if n == maxShown {
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
