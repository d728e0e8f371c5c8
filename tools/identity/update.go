package identity

import (
	"context"
	"errors"
	"fmt"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

type updateIdentityParams struct {
	Identity string `json:"identity" jsonschema:"minLength=1,maxLength=254" jsonschema_description:"Uuid, name or address; no default."`
	Name     string `json:"name" jsonschema:"minLength=1,maxLength=64,pattern=^[^@\\x00-\\x1F\\x7F]+$" jsonschema_description:"Its new name. No @, and not a uuid. Address and phone number stay."`
}

type updateIdentityResult struct {
	tool.ActedFor
	tool.IdentityDetails
	Changed bool `json:"changed" jsonschema_description:"False when it had that name already."`
}

// renaming returns the identity that is to get another name, if the caller may give it that one.
func (h *handlers) renaming(ctx context.Context, call tool.Call, p updateIdentityParams) (identity ravi.Identity, err error) {
	if err := checkNewName(call, p.Name); err != nil {
		return identity, err
	}
	if identity, err = h.Resolver.Lookup(ctx, call.Call, p.Identity); err != nil || identity.Name == p.Name {
		return identity, err
	}
	renamed := identity
	renamed.Name = p.Name
	if still, err := h.Resolver.Allowed(ctx, call.Caller, []ravi.Identity{renamed}); err != nil {
		return identity, err
	} else if len(still) == 0 {
		return identity, nameForbidden(call)
	}
	return identity, nil
}

// decideUpdate asks for a decision as decideDelete does: who works with the identity by its name
// loses it, and the next one to take the name gets what is meant for it.
func (h *handlers) decideUpdate(ctx context.Context, call tool.Call, p updateIdentityParams) (*tool.Decision, error) {
	identity, err := h.renaming(ctx, call, p)
	if err != nil || identity.Name == p.Name {
		return nil, err
	}
	mine, err := h.Store.CreatedBy(ctx, call.Caller.Name, identity.UUID)
	if err != nil || mine {
		return nil, err
	}
	return &tool.Decision{Identity: tool.Ref(identity), Consequence: fmt.Sprintf(
		"Gives the identity, which this client did not create, the name %s. Other clients that use it by its name do not find it any more.", tool.Shown(p.Name))}, nil
}

func (h *handlers) updateIdentity(ctx context.Context, call tool.Call, p updateIdentityParams) (none updateIdentityResult, err error) {
	identity, err := h.renaming(ctx, call, p)
	if err != nil {
		return none, err
	}
	if err := call.DecidedOn(identity.UUID); err != nil {
		return none, err
	}
	r := updateIdentityResult{ActedFor: tool.ActedFor{Identity: tool.Ref(identity), ResolvedBy: session.ByArgument}, IdentityDetails: tool.Details(identity)}
	if identity.Name == p.Name {
		return r, nil
	}
	client, err := h.AccountOf(call.Call).Client()
	if err != nil {
		return none, err
	}
	holder, release, err := h.holdName(ctx, call, client, p.Name)
	if err != nil {
		return none, err
	}
	defer release()
	if holder != nil {
		return none, fault.New(fault.Conflict, fmt.Sprintf("An identity of that name exists: %s.", holder.UUID), "Choose another name.")
	}
	if err := h.claim(call, client, p.Name); err != nil {
		return none, err
	}
	updated, err := client.UpdateIdentity(ctx, identity.UUID, ravi.IdentityUpdate{Name: &p.Name})
	if err != nil {
		return none, err
	}
	h.AccountOf(call.Call).Forget()
	r.Identity, r.IdentityDetails, r.Changed = tool.Ref(*updated), tool.Details(*updated), true
	return r, nil
}

type provisionPhoneParams struct {
	tool.IdentityArgument
	Country string `json:"country,omitempty" jsonschema:"maxLength=2,pattern=^[A-Z]{2}$" jsonschema_description:"Where the number is to be from, as two capital letters such as US (the default) or CA."`
}

type provisionPhoneResult struct {
	tool.ActedFor
	tool.IdentityDetails
	phoneTerms
}

// phoneTerms say what a phone number means for the bill. Ravi names neither the plan nor a price:
// what is said follows from whether an identity has a number without being given one.
type phoneTerms struct {
	PlanGivesNumbers *bool `json:"plan_gives_numbers,omitempty" jsonschema_description:"Whether identities have a number by the plan; absent: unknown."`
	MayCost          bool  `json:"number_may_cost,omitempty" jsonschema_description:"This number is extra; Ravi names no price."`
}

// termsOf returns the terms of an identity's number; asked is whether one was asked for.
func termsOf(i ravi.Identity, asked bool) (t phoneTerms) {
	byPlan := i.Phone != "" && !asked
	if byPlan || i.Phone == "" {
		t.PlanGivesNumbers = &byPlan
	}
	t.MayCost = asked && i.Phone != ""
	return t
}

func (h *handlers) provisionPhone(ctx context.Context, call tool.Call, p provisionPhoneParams) (none provisionPhoneResult, err error) {
	resolved, err := h.Resolver.Resolve(ctx, call.Call, session.Query{Argument: p.Identity})
	if err != nil {
		return none, err
	}
	uuid := resolved.Identity.UUID
	unlock, err := h.Lock(ctx, "phone of "+uuid)
	if err != nil {
		return none, err
	}
	defer unlock()
	client, err := h.AccountOf(call.Call).Client()
	if err != nil {
		return none, err
	}
	now, err := client.Identity(ctx, uuid)
	if err != nil {
		return none, err
	}
	if now.Phone != "" {
		return none, fault.New(fault.Conflict, fmt.Sprintf("The identity has a phone number, and nothing was bought: %s.", now.Phone), "Use that number; an identity has one.")
	}
	giveBack, err := h.spendCreate(call)
	if err != nil {
		return none, err
	}
	updated, err := client.ProvisionPhone(ctx, uuid, p.Country)
	if err != nil {
		giveBack(err)
	}
	switch {
	case errors.Is(err, ravi.ErrUnsupported):
		return none, fault.New(fault.Unsupported, "This Ravi gives no phone numbers to identities that have none.",
			"Do not retry. Use the identity's email address, or ask the owner of the account.").WithCause(err)
	case err != nil:
		return none, err
	}
	h.AccountOf(call.Call).Forget()
	terms := termsOf(*now, false) // it had none, so the plan gives none
	terms.MayCost = true
	return provisionPhoneResult{tool.Acted(resolved), tool.Details(*updated), terms}, nil
}

// holdName lets one call at a time give that name to an identity of the account, and returns the
// identity that has it now, nil for none.
func (h *handlers) holdName(ctx context.Context, call tool.Call, client *ravi.Client, name string) (holder *ravi.Identity, release func(), err error) {
	unlock, err := h.Lock(ctx, "identity of "+client.CredentialID()+" "+name)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if release == nil { // after an error or a panic
			unlock()
		}
	}()
	h.AccountOf(call.Call).Forget() // existence has to be judged by what Ravi has now
	found, err := h.Resolver.Lookup(ctx, call.Call, name)
	switch {
	case err == nil:
		return &found, unlock, nil
	case fault.Has(err, fault.IdentityNotFound):
		return nil, unlock, nil
	}
	return nil, nil, err
}
