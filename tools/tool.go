// Package tools holds the tools that clients call: for each a params struct, a
// result struct and a handler, one file per family. The list of all of them is
// in All. What is the same for every call (rights, deadlines, the form of
// errors, logging) is middleware in package server, not here.
package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"ravi-mcp/fault"
	"ravi-mcp/schemas"
	"ravi-mcp/session"
)

// Toolset is a group of tools that an operator switches on or off together.
type Toolset string

// The toolsets of DESIGN section 5 that exist so far; all are on by default.
const (
	SetIdentity    Toolset = "identity"
	SetInbox       Toolset = "inbox"
	SetCredentials Toolset = "credentials"
	SetSecrets     Toolset = "secrets"
)

// Hints are the four MCP tool annotations. Clients treat an absent hint as the
// worst case, so every tool states all of them.
type Hints struct {
	ReadOnly    bool // changes nothing
	Destructive bool // may destroy something that exists
	Idempotent  bool // a repetition with the same arguments changes nothing more
	OpenWorld   bool // touches people and services beyond Ravi
}

// Tool is what clients see of a tool, and what runs. It is immutable.
type Tool struct {
	Name        string
	Title       string
	Description string
	Toolset     Toolset
	Hints       Hints
	// Waits marks a tool that waits for a message; it gets a longer deadline,
	// and its calls do not count as work in progress.
	Waits  bool
	Input  *schemas.Schema
	Output *schemas.Schema
	// Run executes a call whose arguments fit Input.
	Run func(ctx context.Context, call Call, args json.RawMessage) (Result, error)
}

// Writes reports whether the tool can change anything; --read-only removes it.
func (t Tool) Writes() bool { return !t.Hints.ReadOnly }

// Call is one call of a tool.
type Call struct {
	session.Call
	// Progress tells the client how far a wait is; it is never nil and does
	// nothing for a client that did not ask.
	Progress func(elapsed, total time.Duration, message string)
}

// Result is the structured result of a tool.
type Result interface {
	// Summary is the result in a sentence or two for a person. It holds words
	// of ours, ids, addresses and names, and never text of a message.
	Summary() string
}

// about is what define needs to know of a tool besides its types.
type about struct {
	name, title, description string
	set                      Toolset
	hints                    Hints
	waits                    bool
}

// define makes a Tool of a handler; its schemas come from P and R.
func define[P any, R Result](a about, handle func(context.Context, Call, P) (R, error)) (Tool, error) {
	in, err := schemas.Input[P]()
	if err != nil {
		return Tool{}, fmt.Errorf("tool %s: input %w", a.name, err)
	}
	out, err := schemas.Output[R]()
	if err != nil {
		return Tool{}, fmt.Errorf("tool %s: output %w", a.name, err)
	}
	run := func(ctx context.Context, call Call, args json.RawMessage) (Result, error) {
		var p P
		if err := json.Unmarshal(args, &p); err != nil {
			return nil, fault.New(fault.InvalidArgument, "The arguments do not fit the tool's schema.",
				"Compare them with the tool's input schema.").WithCause(err)
		}
		r, err := handle(ctx, call, p)
		if err != nil {
			return nil, err
		}
		return r, nil
	}
	return Tool{
		Name: a.name, Title: a.title, Description: a.description, Toolset: a.set, Hints: a.hints, Waits: a.waits,
		Input: in, Output: out, Run: run,
	}, nil
}
