package session

import (
	"cmp"
	"fmt"
)

// Policy is what an operator decided about one kind of decision
// (ARCHITECTURE.md#errors-and-decisions). The empty Policy decides nothing; where it stands for a
// server, the kind's default applies.
type Policy string

// The policies, from the loosest to the strictest.
const (
	PolicyAllow Policy = "allow" // the call goes through
	PolicyAsk   Policy = "ask"   // a person decides, through the client
	PolicyDeny  Policy = "deny"  // the call is refused
)

// ParsePolicy reads a policy as flags and the callers file have it. Anything but allow, ask and
// deny, also the empty text, is an error.
func ParsePolicy(text string) (Policy, error) {
	p := Policy(text)
	if p.rank() < 0 || p == "" {
		return "", fmt.Errorf("policy %q: want allow, ask or deny", text)
	}
	return p, nil
}

// rank orders policies by strictness; what is no policy is below all.
func (p Policy) rank() int {
	switch p {
	case "":
		return 0
	case PolicyAllow:
		return 1
	case PolicyAsk:
		return 2
	case PolicyDeny:
		return 3
	}
	return -1
}

// Stricter returns the stricter of two policies. A value that is no policy counts as deny, so that
// a mistake cannot open anything.
func (p Policy) Stricter(q Policy) Policy {
	switch {
	case p.rank() < 0 || q.rank() < 0:
		return PolicyDeny
	case p.rank() >= q.rank():
		return p
	}
	return q
}

// Kind is a kind of decision that an operator has a policy for.
type Kind string

// The kinds. Most calls are of none.
const (
	KindReveal  Kind = "reveal"  // return a stored value
	KindDelete  Kind = "delete"  // delete or rename an identity that the caller did not create
	KindCleanup Kind = "cleanup" // delete identities in bulk
	KindSend    Kind = "send"    // write to a new recipient
)

// Policies are one policy for each kind. The zero value decides nothing.
type Policies struct {
	Reveal, Delete, Cleanup, Send Policy
}

// DefaultPolicies hold where an operator set nothing.
func DefaultPolicies() Policies {
	return Policies{Reveal: PolicyAllow, Delete: PolicyAsk, Cleanup: PolicyAsk, Send: PolicyAsk}
}

// For returns the policy of a kind; a kind that does not exist is denied.
func (p Policies) For(k Kind) Policy {
	switch k {
	case KindReveal:
		return p.Reveal
	case KindDelete:
		return p.Delete
	case KindCleanup:
		return p.Cleanup
	case KindSend:
		return p.Send
	}
	return PolicyDeny
}

// Or returns p with the policies of other for the kinds that p says nothing of.
func (p Policies) Or(other Policies) Policies {
	return Policies{
		Reveal: cmp.Or(p.Reveal, other.Reveal), Delete: cmp.Or(p.Delete, other.Delete),
		Cleanup: cmp.Or(p.Cleanup, other.Cleanup), Send: cmp.Or(p.Send, other.Send),
	}
}

// Effective returns the policy for a call: the stricter of the server's, with its defaults, and the
// caller's. Nothing else has a say.
func (p Policies) Effective(r Rights, k Kind) Policy {
	return p.Or(DefaultPolicies()).For(k).Stricter(r.Policies.For(k))
}
