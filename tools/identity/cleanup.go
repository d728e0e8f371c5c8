package identity

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/token"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

const (
	// maxCleanup is how many identities one cleanup deletes at most.
	maxCleanup = 200
	// cleanupLife is how long the token of a dry run is good.
	cleanupLife    = 15 * time.Minute
	cleanupPurpose = "cleanup"
	// defaultAge spares identities that may still be in use.
	defaultAge = time.Hour
	// lastDeletion is how much time a call must have left to begin another deletion.
	lastDeletion = 10 * time.Second
)

var defaultPrefixes = []string{"dev-", "test-"}

type cleanupIdentitiesParams struct {
	Prefixes      []string `json:"prefixes,omitempty" jsonschema:"minItems=1,maxItems=10,minLength=3,maxLength=32" jsonschema_description:"Only identities whose name begins with one of these (default dev- and test-). Each has 3 to 32 characters and ends with - or _."`
	MinAgeMinutes *int     `json:"min_age_minutes,omitempty" jsonschema:"minimum=0,maximum=5256000" jsonschema_description:"Only identities that were created at least so long ago (default 60)."`
	Token         string   `json:"token,omitempty" jsonschema:"maxLength=16384" jsonschema_description:"From an earlier call: delete exactly what that call listed. Nothing else may be given with it."`
}

type cleanupStatus string

// What can become of an identity that a cleanup was to delete.
const (
	cleanupDeleted cleanupStatus = "deleted"
	cleanupGone    cleanupStatus = "gone"    // deleted before by another client
	cleanupKept    cleanupStatus = "kept"    // renamed since, so that the prefixes do not match
	cleanupFailed  cleanupStatus = "failed"  // still there
	cleanupNotYet  cleanupStatus = "not_yet" // still there, not tried for lack of time
)

type cleanupOutcome struct {
	tool.IdentityRef
	Status cleanupStatus `json:"status" jsonschema:"enum=deleted,enum=gone,enum=kept,enum=failed,enum=not_yet"`
	Code   fault.Code    `json:"code,omitempty" jsonschema_description:"Why it failed."`
}

type cleanupIdentitiesResult struct {
	DryRun           bool             `json:"dry_run" jsonschema_description:"True when nothing was deleted, only listed."`
	Candidates       []listedIdentity `json:"candidates,omitempty" jsonschema_description:"Of a dry run: exactly what the token would delete."`
	Outcomes         []cleanupOutcome `json:"outcomes,omitempty" jsonschema_description:"Of a cleanup: what became of each."`
	More             int              `json:"more,omitempty" jsonschema_description:"How many more fit, beyond what one cleanup deletes."`
	Token            string           `json:"token,omitempty" jsonschema_description:"Pass this, and nothing else, to delete what is listed, or what is left of it. It works once."`
	ExpiresInSeconds int              `json:"expires_in_seconds,omitempty"`
	Hint             string           `json:"hint,omitempty"`
}

// cleanupPlan is what the token of a dry run holds.
type cleanupPlan struct {
	Once       [16]byte
	Prefixes   []string
	Identities []string // uuids
}

func (p cleanupIdentitiesParams) check() error {
	if p.Token != "" && (p.Prefixes != nil || p.MinAgeMinutes != nil) {
		return fault.New(fault.InvalidArgument, "`token` stands for a whole list; nothing else may be given with it.", "Pass the token alone, or leave it out for another dry run.")
	}
	for _, prefix := range p.Prefixes {
		end := strings.TrimRight(prefix, "-_")
		if len(prefix) < 3 || len(prefix) > 32 || end == "" || end == prefix {
			return fault.New(fault.InvalidArgument, "Each of `prefixes` must have 3 to 32 characters and end with - or _.", "Use prefixes such as dev- and test-.")
		}
	}
	return nil
}

func (h *handlers) cleanupIdentities(ctx context.Context, call tool.Call, p cleanupIdentitiesParams) (cleanupIdentitiesResult, error) {
	if err := p.check(); err != nil {
		return cleanupIdentitiesResult{}, err
	}
	if p.Token != "" {
		return h.cleanUp(ctx, call, p.Token)
	}
	plan := cleanupPlan{Prefixes: p.Prefixes}
	if plan.Prefixes == nil {
		plan.Prefixes = defaultPrefixes
	}
	age := defaultAge
	if p.MinAgeMinutes != nil {
		age = time.Duration(*p.MinAgeMinutes) * time.Minute
	}
	h.AccountOf(call.Call).Forget()
	mine, err := h.Identities(ctx, call)
	if err != nil {
		return cleanupIdentitiesResult{}, err
	}
	r := cleanupIdentitiesResult{DryRun: true}
	for _, i := range mine {
		// An identity of unknown age is left alone.
		if !plan.means(i) || i.Created.IsZero() || h.Time().Sub(i.Created) < age {
			continue
		}
		if len(r.Candidates) == maxCleanup {
			r.More++
			continue
		}
		r.Candidates = append(r.Candidates, listedIdentity{IdentityRef: tool.Ref(i), IdentityDetails: tool.Details(i)})
		plan.Identities = append(plan.Identities, i.UUID)
	}
	r.Token, r.ExpiresInSeconds, err = h.sealPlan(call, plan)
	if r.Token != "" {
		r.Hint = "Nothing was deleted yet: call again with the token alone to delete the candidates."
	}
	return r, err
}

// means reports whether an identity has a name that the plan deletes.
func (p cleanupPlan) means(i ravi.Identity) bool {
	return slices.ContainsFunc(p.Prefixes, func(prefix string) bool { return strings.HasPrefix(i.Name, prefix) })
}

func (h *handlers) sealPlan(call tool.Call, plan cleanupPlan) (tok string, seconds int, err error) {
	if len(plan.Identities) == 0 {
		return "", 0, nil
	}
	_, _ = rand.Read(plan.Once[:]) // never fails (crypto/rand)
	payload, err := json.Marshal(plan)
	if err != nil {
		return "", 0, err
	}
	tok, err = h.Seals().Seal(token.Binding{Caller: call.Caller.Name, Purpose: cleanupPurpose}, cleanupLife, payload)
	return tok, int(cleanupLife / time.Second), err
}

func (h *handlers) openPlan(call tool.Call, tok string) (cleanupPlan, error) {
	var plan cleanupPlan
	payload, err := h.Seals().Open(token.Binding{Caller: call.Caller.Name, Purpose: cleanupPurpose}, tok)
	if err != nil || json.Unmarshal(payload, &plan) != nil {
		return plan, errPlan
	}
	return plan, nil
}

// errPlan is the one error for a token that is unknown, another caller's, used or expired.
var errPlan = fault.New(fault.ConfirmationRequired, "The token does not stand for a list of this caller, was used already, or has expired. Nothing was deleted.",
	"Call cleanup_identities without a token for a new list.")

// decideCleanup asks for a decision about every cleanup that deletes. A dry run deletes nothing.
func (h *handlers) decideCleanup(ctx context.Context, call tool.Call, p cleanupIdentitiesParams) (*tool.Decision, error) {
	if err := p.check(); err != nil || p.Token == "" {
		return nil, err
	}
	plan, err := h.openPlan(call, p.Token)
	if err != nil {
		return nil, err
	}
	mine, err := h.Identities(ctx, call)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, uuid := range plan.Identities {
		name := "one that is gone"
		if i := slices.IndexFunc(mine, func(i ravi.Identity) bool { return i.UUID == uuid }); i >= 0 {
			name = tool.Shown(mine[i].Name)
		}
		if len(names) == 20 {
			names = append(names, fmt.Sprintf("and %d more", len(plan.Identities)-20))
			break
		}
		names = append(names, name)
	}
	return &tool.Decision{Consequence: fmt.Sprintf("Deletes %d identities for ever, with their addresses, messages, passwords and secrets: %s. It cannot be undone.",
		len(plan.Identities), strings.Join(names, ", "))}, nil
}

// cleanUp deletes what a plan lists, and nothing else. It stops at the first sign that Ravi does
// not delete, and when the time of the call runs out; what is left then has a new token.
func (h *handlers) cleanUp(ctx context.Context, call tool.Call, tok string) (none cleanupIdentitiesResult, err error) {
	plan, err := h.openPlan(call, tok)
	if err != nil {
		return none, err
	}
	client, err := h.AccountOf(call.Call).Client()
	if err != nil {
		return none, err
	}
	h.AccountOf(call.Call).Forget()
	all, err := h.AccountOf(call.Call).Identities(ctx)
	if err != nil {
		return none, err // the token is good for another try
	}
	mine, err := h.Resolver.Allowed(ctx, call.Caller, all)
	if err != nil {
		return none, err
	}
	first, err := h.Store.UseOnce(ctx, fmt.Sprintf("cleanup %x", plan.Once), cleanupLife)
	if err != nil {
		return none, fault.New(fault.Unavailable, "The use of the token could not be recorded, so nothing was deleted.", "Call again in a moment.").WithCause(err)
	}
	if !first {
		return none, errPlan
	}
	defer h.AccountOf(call.Call).Forget()
	work := cleanup{handlers: h, call: call, client: client, plan: plan}
	for _, uuid := range plan.Identities {
		is := func(i ravi.Identity) bool { return i.UUID == uuid }
		i := slices.IndexFunc(mine, is)
		switch {
		case i >= 0:
			if err := work.delete(ctx, mine[i]); err != nil {
				return none, err
			}
		case slices.ContainsFunc(all, is): // its new name is not for this caller
			work.note(tool.IdentityRef{UUID: uuid}, cleanupKept, "")
		default:
			work.note(tool.IdentityRef{UUID: uuid}, cleanupGone, "")
		}
	}
	r := cleanupIdentitiesResult{Outcomes: work.outcomes}
	r.Token, r.ExpiresInSeconds, err = h.sealPlan(call, cleanupPlan{Prefixes: plan.Prefixes, Identities: work.left})
	if r.Token != "" {
		r.Hint = "Call again with the token alone for the rest."
	}
	return r, err
}
