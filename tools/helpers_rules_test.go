package tools_test

import (
	"slices"

	"ravi-mcp/internal/fault"
)

// rules are those of ARCHITECTURE.md#identity-of-a-call for one session, written a second time.
// Identities are uuids; a rules is never changed, but followed by another one.
type rules struct {
	shared   bool   // several clients are behind the session
	operator string // the identity that --identity names, "" for none
	followed bool   // a call went to the operator's identity
	// named are the identities that the session knows, in order. One that is gone stays, as helpers
	// go by it; one that a call of the session deleted, which is its only one, does so until the
	// next takes its place.
	named   []string
	deleted bool // such a call deleted the only one
	several bool
	gone    map[string]bool // by identity, whether it was deleted
}

// helperCall is a call that one of the helpers of a session makes.
type helperCall struct {
	Helper    int
	Tool      string
	Arguments args
	// Means is the identity that the call names, "" if it leaves that to the server, and By how.
	Means, By string
}

// outcome is what a call led to: an identity, or an error.
type outcome struct {
	Identity, By string
	Bound        bool
	Code         fault.Code
	Candidates   []string // sorted
}

// after returns the rules after a call, and what it has to lead to. Only the uuid of a new identity
// is taken from what it led to.
func (r rules) after(c helperCall, got outcome) (rules, outcome) {
	switch {
	case c.Tool == "create_identity" && c.Means == "":
		r = r.learn(got.Identity, true)
		return r, outcome{Identity: got.Identity, By: "created", Bound: r.bound()}
	case c.Means == "":
		return r.implicit()
	case r.gone[c.Means]:
		return r, outcome{Code: fault.IdentityNotFound}
	case c.Tool == "create_identity", c.Tool == "use_identity":
		r = r.learn(c.Means, c.Tool == "create_identity")
		return r, outcome{Identity: c.Means, By: c.By, Bound: r.bound()}
	case c.Tool == "delete_identity":
		r.deleted = r.deleted || !r.several && slices.Contains(r.named, c.Means)
		r.followed = r.followed && c.Means != r.operator
	}
	return r, outcome{Identity: c.Means, By: c.By}
}

func (r rules) bound() bool { return !r.several && !r.shared }

// learn makes an identity known, which the call creates or reuses, or else uses.
func (r rules) learn(identity string, creates bool) rules {
	if r.deleted {
		r.named, r.deleted = nil, false
	}
	if len(r.named) == 0 && r.operator != "" && (r.followed || creates && !r.gone[r.operator]) {
		r.named = []string{r.operator}
	}
	if !slices.Contains(r.named, identity) {
		r.named = append(slices.Clone(r.named), identity)
	}
	r.several = r.several || len(r.named) > 1
	return r
}

// alive returns what the session knows and still exists.
func (r rules) alive() []string {
	return slices.DeleteFunc(slices.Clone(r.named), func(known string) bool { return r.gone[known] })
}

// implicit is a call that names no identity.
func (r rules) implicit() (rules, outcome) {
	identity, by := r.operator, "server"
	switch {
	case r.shared && len(r.named) > 0:
		return r, outcome{Code: fault.IdentityRequired}
	case r.several:
		return r, outcome{Code: fault.IdentityRequired, Candidates: slices.Sorted(slices.Values(r.alive()))}
	case r.deleted:
		return r, outcome{Code: fault.IdentityRequired}
	case len(r.named) == 1:
		identity, by = r.named[0], "session"
	case r.operator == "":
		return r, outcome{Code: fault.IdentityRequired}
	}
	if r.gone[identity] {
		return r, outcome{Code: fault.IdentityNotFound}
	}
	r.followed = r.followed || by == "server"
	return r, outcome{Identity: identity, By: by}
}

// inSomeOrder finds an order in which calls that ran at the same time lead to what they led to, and
// returns the rules after it.
func (r rules) inSomeOrder(calls []helperCall, got []outcome) (rules, bool) {
	if len(calls) == 0 {
		return r, true
	}
	for i, c := range calls {
		next, want := r.after(c, got[i])
		if !want.allows(got[i]) {
			continue
		}
		if end, ok := next.inSomeOrder(slices.Delete(slices.Clone(calls), i, i+1), slices.Delete(slices.Clone(got), i, i+1)); ok {
			return end, true
		}
	}
	return r, false
}

// allows compares with what a call led to while others ran. Those may add candidates before it is
// answered.
func (o outcome) allows(got outcome) bool {
	for _, candidate := range o.Candidates {
		if !slices.Contains(got.Candidates, candidate) {
			return false
		}
	}
	return o.Identity == got.Identity && o.By == got.By && o.Bound == got.Bound && o.Code == got.Code
}
