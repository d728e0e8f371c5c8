package server

import (
	"context"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// Reasons of a denied call.
const (
	reasonPolicy     = "policy"     // the operator's policy says no
	reasonDeclined   = "declined"   // a person said no, or did not say yes in the form that was asked
	reasonCancelled  = "cancelled"  // a person closed the question
	reasonTimedOut   = "timed_out"  // the person did not answer in time
	reasonImpossible = "impossible" // the client cannot ask a person
)

// Verdicts are what the audit says of how a call was decided.
const (
	verdictAllowed  = "allowed"  // nothing to decide, or policy allows it
	verdictApproved = "approved" // a person said yes
	verdictAsked    = "asked"    // the question is with the client
	verdictDenied   = "denied"
)

// decide lets a call that needs a decision through only if the policy of its kind, or a person,
// allows it. The policy is the operator's and the caller's rights; nothing in the request has a say
// in it.
func decide(policies session.Policies, approver confirmer) middleware {
	return func(next handler) handler {
		return func(ctx context.Context, r *request) (tool.Result, error) {
			if r.Kind == "" {
				return next(ctx, r)
			}
			policy := policies.Effective(r.Caller.Rights, r.Kind)
			if policy == session.PolicyAllow {
				return next(ctx, r)
			}
			decision, err := decisionOf(ctx, r)
			if err != nil {
				return nil, err
			}
			if decision == nil {
				r.Deadline = min(r.Deadline, decidedLimit-time.Since(r.Start))
				return next(ctx, r)
			}
			if policy != session.PolicyAsk && r.Unshown {
				r.Hides = true
				return next(ctx, r)
			}
			r.Decided, r.Verdict = decision, verdictDenied
			if policy != session.PolicyAsk {
				return nil, deniedByPolicy(r.Kind)
			}
			ask, err := approver.ask(ctx, r, decision)
			if err != nil {
				return nil, err
			}
			if ask != nil {
				r.Verdict = verdictAsked
				return question{ask}, nil
			}
			r.Verdict = verdictApproved
			r.Deadline = min(r.Deadline, decidedLimit-time.Since(r.Start))
			result, err := next(ctx, r)
			return result, approvalSpent(err)
		}
	}
}

const (
	// decidedLimit is how long a call takes at most that may need a decision: the look at what
	// there is to decide, the person's answer and the handler together. Common clients give a call
	// up after 60 s.
	decidedLimit = 57 * time.Second
	// decidedWork is the part of it that is left to the handler.
	decidedWork = 8 * time.Second
)

// approvalSpent adds to the error of a call that a person approved that the approval counts no
// more. It is good for one attempt, whatever becomes of it: whether a failed call has had an effect
// is often not known.
func approvalSpent(err error) error {
	if err == nil {
		return nil
	}
	e := *fault.From(err)
	e.Hint += " The approval was for this one call: another asks the person again."
	return &e
}

// decisionOf asks the tool what there is to decide. That may need Ravi.
func decisionOf(ctx context.Context, r *request) (*tool.Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, min(r.Deadline, decidedLimit-decidedWork-time.Since(r.Start)))
	defer cancel()
	return r.Decide(ctx, tool.Call{Call: r.Call, Progress: progressOf(ctx)}, r.Arguments)
}

func deniedByPolicy(kind session.Kind) error {
	words := deniedWords[kind]
	return fault.New(fault.Denied, words[0], words[1]).WithReason(reasonPolicy)
}

// deniedWords are message and hint of a denial by policy.
var deniedWords = map[session.Kind][2]string{
	session.KindReveal: {"The operator's policy does not let stored values be shown here.",
		"Do not retry. Where the tool takes `reveal`, false leaves out value and notes."},
	session.KindDelete: {"This caller did not create that identity through this server, and the operator's policy does not let it be deleted or renamed here.",
		"Leave it, or ask the person who runs the account."},
	session.KindCleanup: {"The operator's policy does not allow deleting identities in bulk here.",
		"Delete the identities that you created one by one, or ask the person who runs the account."},
	session.KindSend: {"The operator's policy does not allow writing to somebody who is no contact and was not written to before.",
		"Do not retry. Write to a contact, or ask the person who runs the account."},
}
