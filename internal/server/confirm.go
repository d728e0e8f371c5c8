package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/token"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

const (
	// askTimeout is how long a person has in protocols up to 2025-11-25, where the call stays open
	// meanwhile. It is less where the look at what there is to decide took long, but never under
	// askLeast.
	askTimeout = 45 * time.Second
	askLeast   = 5 * time.Second
	// stateLife is how long a person has in protocols from 2026-07-28 on.
	stateLife = 10 * time.Minute

	statePurpose = "confirm"
	// confirmKey names the question in inputRequests and its one field.
	confirmKey = "confirm"
)

// confirmer asks a person, through the client, whether a call may go on. The person answers to the
// client; no tool and no argument is an answer.
type confirmer struct {
	sealer *token.Sealer
	store  session.Store
}

// question is the result of a call that a client has to answer a question for before it sends it
// again (protocol 2026-07-28).
type question struct{ *mcp.CallToolResult }

// ask returns nil, nil when a person said yes; a result that carries the question, for a client
// that sends the call again with the answer; or why not. A client that cannot ask a person is never
// asked, because it would not answer (docs/mcp-go.md#trap-9).
func (c confirmer) ask(ctx context.Context, r *request, d *tool.Decision) (*mcp.CallToolResult, error) {
	if r.Shared {
		return nil, denied(reasonImpossible, "A person has to approve this, and no question can be put to one of several clients that share this server.",
			"Do not retry. The operator can give this client a server or a token of its own, or change the server's policy.")
	}
	transport := TransportFrom(ctx)
	if transport == nil || !transport.ShowsForms(ctx) {
		return nil, denied(reasonImpossible, "A person has to approve this, and this client cannot ask one.",
			"Do not retry. Use a client that supports elicitation, or ask the operator to change the server's policy.")
	}
	if mcpserver.IsModernRequest(ctx) {
		return c.requestInput(ctx, r, d)
	}
	return nil, c.elicit(ctx, transport, r, d)
}

// elicit asks while the call stays open, as protocols up to 2025-11-25 do.
func (c confirmer) elicit(ctx context.Context, transport Transport, r *request, d *tool.Decision) error {
	defer transport.Yield()()
	limit := min(askTimeout, decidedLimit-decidedWork-time.Since(r.Start))
	if limit < askLeast {
		return fault.New(fault.Unavailable, "Ravi was so slow that no time was left to ask the person who has to approve this.", "Call again in a moment.")
	}
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, err := transport.Elicit(asking, form(r, d))
	switch {
	case err == nil:
		return verdict(answer)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(asking.Err(), context.DeadlineExceeded):
		return denied(reasonTimedOut, fmt.Sprintf("Nobody approved this within %.0f seconds.", limit.Seconds()), "Tell the person what you want to do and call again when they are there.")
	}
	return denied(reasonImpossible, "A person has to approve this, and this client could not ask one.",
		"Do not retry. Use a client that supports elicitation, or ask the operator to change the server's policy.").WithCause(err)
}

// requestInput asks in the result of the call, as protocol 2026-07-28 does: the client sends the
// call a second time, with the answer and the state of the first.
func (c confirmer) requestInput(ctx context.Context, r *request, d *tool.Decision) (*mcp.CallToolResult, error) {
	params := form(r, d)
	_, answered := r.Answers[confirmKey]
	if r.State == "" || !answered {
		state, err := c.seal(r, d, params.Message)
		if err != nil {
			return nil, err
		}
		return mcpserver.NewInputRequestBuilder(state).Elicit(confirmKey, params).ToolResult(), nil
	}
	mark, err := c.open(r, d, params.Message)
	if err != nil {
		return nil, err
	}
	if err := verdict(mcpserver.ElicitationResponse(r.Answers, confirmKey)); err != nil {
		return nil, err
	}
	return nil, c.spend(ctx, mark)
}

// state is what a question was about. Caller, identity and expiry are part of the seal; it is all
// that connects the answer with the question.
type state struct {
	Tool      string
	Arguments [sha256.Size]byte
	Message   [sha256.Size]byte // what the person saw
	Content   [sha256.Size]byte // what happens (Decision.Content)
	Once      [16]byte
}

func (c confirmer) binding(r *request, d *tool.Decision) token.Binding {
	return token.Binding{Caller: r.Caller.Name, Identity: d.Identity.UUID, Purpose: statePurpose}
}

func (c confirmer) seal(r *request, d *tool.Decision, message string) (string, error) {
	s := stateOf(r, d, message)
	_, _ = rand.Read(s.Once[:]) // never fails (crypto/rand)
	payload, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return c.sealer.Seal(c.binding(r, d), stateLife, payload)
}

// open returns the mark of a state that was made for this very call.
func (c confirmer) open(r *request, d *tool.Decision, message string) (mark [16]byte, err error) {
	payload, err := c.sealer.Open(c.binding(r, d), r.State)
	if err != nil {
		return mark, errState
	}
	want := stateOf(r, d, message)
	var got state
	if err := json.Unmarshal(payload, &got); err != nil {
		return mark, errState
	}
	want.Once = got.Once
	if got != want {
		return mark, errState
	}
	return got.Once, nil
}

// spend makes an approval good for one call. A refusal spends nothing: it has to be kept from
// nothing, and its mark would take a place from those of approvals.
func (c confirmer) spend(ctx context.Context, mark [16]byte) error {
	first, err := c.store.UseOnce(ctx, fmt.Sprintf("confirm %x", mark), stateLife)
	if err != nil {
		return fault.New(fault.Unavailable, "The approval could not be recorded, so nothing was done.",
			"Call again in a moment; if it happens again, the operator has to look at the store of this server.").WithCause(err)
	}
	if !first {
		return errState
	}
	return nil
}

// errState is the one error for a state that was never made, was made for another caller, call or
// identity, was changed or used, or has expired.
var errState = fault.New(fault.ConfirmationRequired, "The approval does not belong to this call, was used already, or has expired.",
	"Call the tool again without request state, so that a person is asked anew.")

// stateOf is the state of a call, but for Once. The arguments were checked, which put their keys in
// order: a client may send them in another one the second time.
func stateOf(r *request, d *tool.Decision, message string) state {
	return state{Tool: r.Tool, Arguments: sha256.Sum256(r.Arguments), Message: sha256.Sum256([]byte(message)), Content: d.Content}
}

// form is the question: which tool, for which identity, with which consequence; one switch, off by
// default, and nothing to type (SECURITY.md C3).
func form(r *request, d *tool.Decision) mcp.ElicitationParams {
	about := ""
	if d.Identity.UUID != "" {
		about = fmt.Sprintf(" for the identity %s (%s)", tool.Shown(d.Identity.Name), d.Identity.UUID)
	}
	return mcp.ElicitationParams{
		Message: fmt.Sprintf("Ravi: the model calls %s%s. %s Do you allow it?", r.Tool, about, d.Consequence),
		RequestedSchema: map[string]any{
			"type": "object",
			"properties": map[string]any{confirmKey: map[string]any{
				"type": "boolean", "title": "Allow it", "description": "Switch on to allow this one call.", "default": false,
			}},
			"required": []string{confirmKey},
		},
	}
}

// verdict is nil for a well-formed yes and for nothing else.
func verdict(answer *mcp.ElicitationResult) error {
	const leave = "Do not retry unless the person asks for it."
	if answer != nil {
		switch answer.Action {
		case mcp.ElicitationResponseActionDecline:
			return denied(reasonDeclined, "The person who was asked declined.", leave)
		case mcp.ElicitationResponseActionCancel:
			return denied(reasonCancelled, "The person who was asked closed the question without an answer.", "Ask the person what they want before you call again.")
		case mcp.ElicitationResponseActionAccept:
			content, _ := answer.Content.(map[string]any)
			yes, isBool := content[confirmKey].(bool)
			if isBool && len(content) == 1 {
				if yes {
					return nil
				}
				return denied(reasonDeclined, "The person who was asked did not allow it.", leave)
			}
		}
	}
	return denied(reasonDeclined, "The client's answer does not fit the form that a person was to fill in, so it counts as no.", leave)
}

func denied(reason, message, hint string) *fault.Error {
	return fault.New(fault.Denied, message, hint).WithReason(reason)
}
