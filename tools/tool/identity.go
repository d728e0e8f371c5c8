package tool

import (
	"context"
	"time"

	"ravi-mcp/ravi"
	"ravi-mcp/session"
)

// IdentityArgument is the argument of every tool that acts for an identity.
type IdentityArgument struct {
	Identity string `json:"identity,omitempty" jsonschema:"maxLength=254" jsonschema_description:"Uuid, name or address (default: the identity of this session)."`
}

func (a IdentityArgument) named() string { return a.Identity }

// IdentityRef names an identity in a result.
type IdentityRef struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

// ActedFor says in every result which identity a call meant, and why.
type ActedFor struct {
	Identity   IdentityRef `json:"identity"`
	ResolvedBy session.By  `json:"resolved_by"`
}

// Acted is the ActedFor of a call with that identity.
func Acted(r session.Resolved) ActedFor {
	return ActedFor{Identity: Ref(r.Identity), ResolvedBy: r.By}
}

// Ref names an identity in a result.
func Ref(i ravi.Identity) IdentityRef { return IdentityRef{UUID: i.UUID, Name: i.Name} }

// Scope resolves the identity of a call and returns Ravi's view of it.
func (d *Deps) Scope(ctx context.Context, call Call, argument string) (session.Resolved, *ravi.Scope, error) {
	resolved, err := d.Resolver.Resolve(ctx, call.Call, session.Query{Argument: argument})
	if err != nil {
		return session.Resolved{}, nil, err
	}
	if err := call.DecidedOn(resolved.Identity.UUID); err != nil {
		return session.Resolved{}, nil, err
	}
	client, err := d.AccountOf(call.Call).Client()
	if err != nil {
		return session.Resolved{}, nil, err
	}
	return resolved, client.Scope(resolved.Identity.UUID), nil
}

// LockedScope is Scope for calls that change something: it lets one call at a time, on all servers
// that share the store, change what of the identity. It fails when the call ends before its turn
// comes.
func (d *Deps) LockedScope(ctx context.Context, call Call, argument, what string) (r session.Resolved, scope *ravi.Scope, unlock func(), err error) {
	if r, scope, err = d.Scope(ctx, call, argument); err != nil {
		return r, nil, nil, err
	}
	unlock, err = d.Lock(ctx, what+" of "+r.Identity.UUID)
	return r, scope, unlock, err
}

// IdentityDetails describes an identity; it holds nothing secret.
type IdentityDetails struct {
	Address   string    `json:"address"`
	Phone     string    `json:"phone,omitempty" jsonschema_description:"Absent when it has none."`
	CreatedAt time.Time `json:"created_at,omitzero"`
}

// Details describes an identity in a result.
func Details(i ravi.Identity) IdentityDetails {
	return IdentityDetails{Address: i.Inbox, Phone: i.Phone, CreatedAt: i.Created}
}

// Identities returns the identities that the caller may use.
func (d *Deps) Identities(ctx context.Context, call Call) ([]ravi.Identity, error) {
	all, err := d.AccountOf(call.Call).Identities(ctx)
	if err != nil {
		return nil, err
	}
	return d.Resolver.Allowed(ctx, call.Caller, all)
}
