// Package tool is what every tool has: how one is defined and called, the dependencies that
// handlers work with, the identity that a call acts for, the decisions that a call may need, and
// the checks of what is given as text.
package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/schemas"
	"ravi-mcp/session"
)

// Toolset is a group of tools that an operator switches on or off together.
type Toolset = string

// The toolsets (ARCHITECTURE.md#tools). The first four are on by default. SetExtra has what is
// rarely needed of them, and SetSignUp those of their tools that a sign-up takes, for short lists.
const (
	SetIdentity    Toolset = "identity"
	SetInbox       Toolset = "inbox"
	SetCredentials Toolset = "credentials"
	SetSecrets     Toolset = "secrets"
	SetExtra       Toolset = "extra"
	SetSignUp      Toolset = "signup"
	SetMail        Toolset = "mail"
	SetContacts    Toolset = "contacts"
	SetAccount     Toolset = "account"
	SetExport      Toolset = "export"
)

// DefaultToolsets returns the toolsets that are on unless an operator says otherwise.
func DefaultToolsets() []Toolset {
	return []Toolset{SetIdentity, SetInbox, SetCredentials, SetSecrets}
}

// ParseToolsets reads a comma-separated list of toolsets, as given to --toolsets. The word default
// stands for DefaultToolsets. An empty list, or a name that is no toolset, is an error.
func ParseToolsets(list string) ([]Toolset, error) {
	var sets []Toolset
	for name := range strings.SplitSeq(list, ",") {
		switch set := Toolset(strings.TrimSpace(name)); {
		case set == "":
		case set == "default":
			sets = append(sets, DefaultToolsets()...)
		case slices.Contains(Toolsets(), set):
			sets = append(sets, set)
		default:
			return nil, fmt.Errorf("there is no toolset %q", set)
		}
	}
	if len(sets) == 0 {
		return nil, errors.New("no toolset is named")
	}
	slices.Sort(sets)
	return slices.Compact(sets), nil
}

// Toolsets returns every toolset, those that are off by default among them.
func Toolsets() []Toolset {
	return append(DefaultToolsets(), SetExtra, SetSignUp, SetMail, SetContacts, SetAccount, SetExport)
}

// Hints are the four MCP tool annotations. Clients treat an absent hint as the worst case, so every
// tool states all of them.
type Hints struct {
	ReadOnly    bool // changes nothing
	Destructive bool // may destroy something that exists
	Idempotent  bool // a repetition with the same arguments changes nothing more
	OpenWorld   bool // reaches persons and services beyond Ravi
}

// Common sets of hints.
var (
	ReadHints   = Hints{ReadOnly: true, Idempotent: true}
	UpsertHints = Hints{Destructive: true, Idempotent: true} // may replace a value
)

// Tool is what clients see of a tool, and what runs. It is immutable.
type Tool struct {
	Name        string
	Title       string
	Description string
	Toolsets    []Toolset // each of them publishes the tool
	Hints       Hints
	// Waits marks a tool that waits for a message; it gets a longer deadline, and its calls do not
	// count as work in progress.
	Waits  bool
	Input  *schemas.Schema
	Output *schemas.Schema
	// Kind is the kind of decision that calls may need, "" for a tool that never needs one.
	Kind session.Kind
	// Decide returns the decision that this call needs, or nil. It is nil where Kind is "". It
	// changes nothing at Ravi.
	Decide func(ctx context.Context, call Call, args json.RawMessage) (*Decision, error)
	// Shows reports whether a call with arguments that fit Input asks for a stored value to be
	// shown. It is nil for a tool that never shows one.
	Shows func(args json.RawMessage) bool
	// Unshown marks a tool that does its work also where policy does not let the value be shown
	// that the call asks for; Call.Unshown tells it.
	Unshown bool
	// Run executes a call whose arguments fit Input. What Decide returned must have been decided.
	Run func(ctx context.Context, call Call, args json.RawMessage) (Result, error)
}

// In reports whether one of the toolsets publishes the tool.
func (t Tool) In(sets []Toolset) bool {
	return slices.ContainsFunc(t.Toolsets, func(set Toolset) bool { return slices.Contains(sets, set) })
}

// Writes reports whether the tool can change anything; --read-only removes it.
func (t Tool) Writes() bool { return !t.Hints.ReadOnly }

// Call is one call of a tool.
type Call struct {
	session.Call
	// Progress tells the client how far a wait is; it is never nil and does nothing for a client
	// that did not ask.
	Progress func(elapsed, total time.Duration, message string)
	// Decided is what was decided about; nil where nothing was to decide or policy allows
	// everything of its kind.
	Decided *Decision
	// Unshown says that the value for which the call asks must not be shown. It is set only for
	// tools that are marked with it.
	Unshown bool
	// Learns reports whether the caller can have what that tool shows, without asking a person; nil
	// is no. What it cannot have, no refusal may depend on (SECURITY.md S18).
	Learns func(tool string) bool
	// TakeReveal counts a stored value as shown to the caller, or refuses to; giveBack takes the
	// count back. Nil counts nothing.
	TakeReveal func() (giveBack func(), err error)
}

// Result is the structured result of a tool: a struct that its output schema describes. What a
// model should do next and cannot see in the other fields stands in one named hint.
type Result any

// Option says of a tool what only some tools need.
type Option func(*Tool)

// Waits marks a tool that waits for a message.
func Waits(t *Tool) { t.Waits = true }

// Unshown marks a tool that does its work also where the value it makes must not be shown.
func Unshown(t *Tool) { t.Unshown = true }

// Define makes a Tool of a handler; its schemas come from P and R. In adds the toolset.
func Define[P, R any](name, title string, hints Hints, description string, handle func(context.Context, Call, P) (R, error), options ...Option) Tool {
	t := Tool{Name: name, Title: title, Description: description, Hints: hints, Input: schemas.Input[P](), Output: schemas.Output[R]()}
	t.Run = func(ctx context.Context, call Call, args json.RawMessage) (Result, error) {
		p, err := Decode[P](args)
		if err != nil {
			return nil, err
		}
		r, err := handle(ctx, call, p)
		if err != nil {
			return nil, err
		}
		return r, nil
	}
	for _, option := range options {
		option(&t)
	}
	return t
}

// WithoutArguments is the option of a tool some of whose optional arguments do not exist on this
// server. P is what its handler takes.
func WithoutArguments[P any](names ...string) Option {
	return func(t *Tool) { t.Input = schemas.Input[P](names...) }
}

// SignsUp puts a tool into SetSignUp too.
func SignsUp(t *Tool) { t.Toolsets = append(t.Toolsets, SetSignUp) }

// In puts tools into a toolset.
func In(set Toolset, tools ...Tool) []Tool {
	for i := range tools {
		tools[i].Toolsets = append(tools[i].Toolsets, set)
	}
	return tools
}

// Convert returns what to makes of each element. It is never nil, so that it is an array in JSON.
func Convert[T, U any](all []T, to func(T) U) []U {
	out := make([]U, len(all))
	for i, v := range all {
		out[i] = to(v)
	}
	return out
}

// Decode decodes arguments that fit the schema of P.
func Decode[P any](args json.RawMessage) (P, error) {
	var p P
	if err := json.Unmarshal(args, &p); err != nil {
		return p, fault.New(fault.InvalidArgument, "The arguments do not fit the tool's schema.",
			"Compare them with the tool's input schema.").WithCause(err)
	}
	return p, nil
}
