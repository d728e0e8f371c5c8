package tools

import (
	"context"

	"ravi-mcp/ravi"
	"ravi-mcp/session"
)

// IdentityArgument is the argument of every tool that acts for an identity.
type IdentityArgument struct {
	Identity string `json:"identity,omitempty" jsonschema:"maxLength=254" jsonschema_description:"Which identity: uuid, name or email address. Leave out to use the one bound to this session or set up by the operator."`
}

// IdentityRef names an identity in a result.
type IdentityRef struct {
	UUID string `json:"uuid" jsonschema_description:"Pass this as identity in later calls."`
	Name string `json:"name"`
}

// ActedFor says in every result which identity a call meant, and why.
type ActedFor struct {
	Identity   IdentityRef `json:"identity"`
	ResolvedBy session.By  `json:"resolved_by" jsonschema_description:"What determined the identity: argument, cursor, session, header, server, caller_default, config_file, credential or created."`
}

func actedFor(r session.Resolved) ActedFor {
	return ActedFor{Identity: ref(r.Identity), ResolvedBy: r.By}
}

func ref(i ravi.Identity) IdentityRef { return IdentityRef{UUID: i.UUID, Name: i.Name} }

// scope resolves the identity of a call and returns Ravi's view of it.
func (d *Deps) scope(ctx context.Context, call Call, argument string) (session.Resolved, *ravi.Scope, error) {
	resolved, err := d.Resolver.Resolve(ctx, call.Call, session.Query{Argument: argument})
	if err != nil {
		return session.Resolved{}, nil, err
	}
	if err := call.decidedOn(resolved.Identity.UUID); err != nil {
		return session.Resolved{}, nil, err
	}
	client, err := d.AccountOf(call.Call).Client()
	if err != nil {
		return session.Resolved{}, nil, err
	}
	return resolved, client.Scope(resolved.Identity.UUID), nil
}
