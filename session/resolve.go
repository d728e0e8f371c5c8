package session

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
)

// By says which rule determined the identity of a call; clients see it as resolved_by.
type By string

// The rules, in the order in which they are tried (ARCHITECTURE.md#identity-of-a-call).
const (
	ByArgument      By = "argument"       // the `identity` argument
	ByCursor        By = "cursor"         // the identity of the cursor
	BySession       By = "session"        // the only one that the session knows
	ByHeader        By = "header"         // X-Ravi-Identity
	ByServer        By = "server"         // --identity or RAVI_IDENTITY
	ByCallerDefault By = "caller_default" // default_identity in the callers file
	ByConfigFile    By = "config_file"    // .ravi/config.json
	ByCredential    By = "credential"     // an identity key is its identity
	ByCreated       By = "created"        // create_identity made it in this call
)

// configured reports whether the operator has set the identity, and not the client.
func (b By) configured() bool {
	switch b {
	case ByHeader, ByServer, ByCallerDefault, ByConfigFile, ByCredential:
		return true
	}
	return false
}

// Resolver determines which identity a call means. There is no "current" or "last used" identity
// outside of a session: where no rule applies, the answer is identity_required. A Resolver may be
// used by any number of goroutines.
type Resolver struct {
	Account *Account
	// Accounts are those of callers with one of their own; nil means none.
	Accounts *Accounts
	Store    Store
	// Identity is the server's own default (--identity, RAVI_IDENTITY). Set it only where the
	// server has a single caller.
	Identity string
	// IdentitySource says which of the two it came from, for reports.
	IdentitySource string
	// Leases hears of every call that means an identity, so that the lease of an ephemeral one is
	// renewed; nil means that there are none.
	Leases interface{ Used(caller, uuid string) }
	// ConfigFile reads the identity that a .ravi/config.json names, at every call. It is nil for
	// HTTP servers, which never take an identity from a file.
	ConfigFile func() (config.IdentityRef, error)
}

// Query is what the arguments of a call say about the identity.
type Query struct {
	// Argument is the `identity` argument: a uuid, a name or an address.
	Argument string
	// CursorIdentity is the uuid in the call's cursor, which the caller of Resolve has opened
	// already.
	CursorIdentity string
}

// Resolved is the identity of a call and the rule that determined it.
type Resolved struct {
	Identity ravi.Identity
	By       By
}

// Resolve returns the identity that the call means; the first rule that applies decides, even if
// what it names does not exist. Its errors are identity_required, identity_not_found (also for an
// identity outside the caller's rights), identity_ambiguous, invalid_argument (a cursor of another
// identity than the argument), invalid_config, and those of Ravi and the store.
func (r *Resolver) Resolve(ctx context.Context, call Call, q Query) (Resolved, error) {
	chosen, err := r.choose(ctx, call, q)
	if err != nil {
		return Resolved{}, err
	}
	by := chosen.by
	identity, err := r.Lookup(ctx, call, chosen.ref)
	if err != nil {
		return Resolved{}, explain(err, by)
	}
	if by.configured() && call.Session != "" && chosen.learned != identity.UUID {
		known, err := r.Store.LearnDefault(ctx, call.Key(), identity.UUID)
		if err != nil {
			return Resolved{}, err
		}
		if !known.none() { // another call was faster
			return r.Resolve(ctx, call, q)
		}
	}
	if q.CursorIdentity != "" && q.Argument != "" && identity.UUID != q.CursorIdentity {
		return Resolved{}, fault.New(fault.InvalidArgument, "`identity` names another identity than the cursor.",
			"Leave `identity` out when you pass a cursor, or arm a new cursor for that identity.")
	}
	if q.CursorIdentity != "" {
		by = ByCursor
	}
	if r.Leases != nil {
		r.Leases.Used(call.Caller.Name, identity.UUID)
	}
	return Resolved{Identity: identity, By: by}, nil
}

// Lookup returns the one identity that ref names and the caller may use.
func (r *Resolver) Lookup(ctx context.Context, call Call, ref string) (ravi.Identity, error) {
	found, err := r.Accounts.Of(call.Caller, r.Account).lookup(ctx, ref, func(d *directory) (func(ravi.Identity) bool, error) {
		var among []ravi.Identity
		if call.Caller.Rights.Own {
			among = d.about(ref)
		}
		return r.judge(ctx, call.Caller, among)
	})
	if err != nil {
		return ravi.Identity{}, err
	}
	switch len(found) {
	case 0:
		return ravi.Identity{}, fault.IdentityNotFoundError()
	case 1:
		return found[0], nil
	}
	uuids := make([]string, len(found))
	for i, identity := range found {
		uuids[i] = fmt.Sprintf("%s (%s)", identity.UUID, identity.Inbox)
	}
	return ravi.Identity{}, fault.New(fault.IdentityAmbiguous,
		fmt.Sprintf("%d identities have that name: %s.", len(found), strings.Join(uuids, ", ")),
		"Pass the uuid of the one you mean as `identity`.")
}

// choice is what the first rule that applies names.
type choice struct {
	ref string
	by  By
	// learned is the identity of the operator that the session has used already.
	learned string
}

func (r *Resolver) choose(ctx context.Context, call Call, q Query) (choice, error) {
	if q.Argument != "" {
		return choice{ref: q.Argument, by: ByArgument}, nil
	}
	if q.CursorIdentity != "" {
		return choice{ref: q.CursorIdentity, by: ByCursor}, nil
	}
	var known Known
	if call.Session != "" {
		var err error
		if known, err = r.Store.Known(ctx, call.Key()); err != nil {
			return choice{}, err
		}
	}
	switch {
	case known.Several, call.Shared && known.Identity != "":
		return choice{}, r.whichOne(ctx, call)
	case known.Deleted:
		return choice{}, fault.New(fault.IdentityRequired, "This session deleted its identity, and has no other.",
			"Pass `identity`, or call use_identity or create_identity.")
	case known.Identity != "":
		return choice{ref: known.Identity, by: BySession}, nil
	}
	ref, by, err := r.configured(ctx, call)
	if err != nil || ref != "" {
		return choice{ref: ref, by: by, learned: known.Default}, err
	}
	hint := "Pass `identity` (a uuid, name or address), or call create_identity for a new one."
	if call.HasSession() {
		hint += " Or call use_identity once to bind this session."
	}
	return choice{}, fault.New(fault.IdentityRequired, "No identity was given and none is bound.", hint)
}

// configured returns what the operator has set for calls that name no identity, or "".
func (r *Resolver) configured(ctx context.Context, call Call) (ref string, by By, err error) {
	switch {
	case call.Header != "":
		return call.Header, ByHeader, config.CheckText("The header X-Ravi-Identity", call.Header)
	case r.Identity != "":
		return r.Identity, ByServer, config.CheckText(cmp.Or(r.IdentitySource, "--identity"), r.Identity)
	case call.Caller.DefaultIdentity != "":
		return call.Caller.DefaultIdentity, ByCallerDefault, config.CheckText("default_identity of this caller", call.Caller.DefaultIdentity)
	}
	if r.ConfigFile != nil {
		ref, err := r.ConfigFile()
		if err != nil {
			return "", "", err
		}
		if named := cmp.Or(ref.UUID, ref.Name); named != "" {
			return named, ByConfigFile, nil
		}
	}
	client, err := r.Accounts.Of(call.Caller, r.Account).Client()
	if err != nil {
		return "", "", err
	}
	if _, bound := client.Bound(); bound {
		uuid, err := client.BoundIdentity(ctx)
		return uuid, ByCredential, err
	}
	return "", "", nil
}

// Configured returns the uuid of the identity that the operator has set for calls of this kind that
// name none, or "" if nothing is set, or nothing that this caller can use. Its errors are those of
// Ravi, and fault.InvalidConfig for a setting that cannot have been meant: nothing may stand in for
// it.
func (r *Resolver) Configured(ctx context.Context, call Call) (string, error) {
	ref, _, err := r.configured(ctx, call)
	if err != nil || ref == "" {
		return "", ignoreUnusable(err)
	}
	identity, err := r.Lookup(ctx, call, ref)
	return identity.UUID, ignoreUnusable(err)
}

// ignoreUnusable drops the errors of an identity that this caller cannot use.
func ignoreUnusable(err error) error {
	if err == nil {
		return nil
	}
	switch fault.From(err).Code {
	case fault.IdentityNotFound, fault.IdentityAmbiguous:
		return nil
	}
	return err
}

// whichOne is the error for a call that could mean two identities. It names those that the session
// itself has named, except where several agents share the session: there each knows its own.
func (r *Resolver) whichOne(ctx context.Context, call Call) error {
	if call.Shared {
		return fault.New(fault.IdentityRequired, "Several clients share this server, so a call without identity could mean any of theirs.",
			"Pass `identity` in every call: the uuid that create_identity or use_identity returned to you. Without one, call create_identity.")
	}
	named, err := r.Store.KnownIdentities(ctx, call.Key())
	if err != nil {
		return err
	}
	var candidates []string
	for _, uuid := range named {
		identity, err := r.Lookup(ctx, call, uuid)
		switch {
		case err == nil:
			candidates = append(candidates, fmt.Sprintf("%s (%q)", uuid, identity.Name))
		case !fault.Has(err, fault.IdentityNotFound):
			candidates = append(candidates, uuid)
		}
	}
	hint := "Pass the uuid of the one you mean as `identity` in every call from now on."
	if len(candidates) > 0 {
		hint += " This session has named: " + strings.Join(candidates, ", ") + "."
	}
	return fault.New(fault.IdentityRequired, "This session has named several identities, so a call without identity could mean any of them.", hint)
}

// explain says where a name without an identity came from, unless the call itself gave it.
func explain(err error, by By) error {
	sources := map[By]string{
		BySession:       "this session, whose identity was deleted, has expired or is not allowed any more",
		ByHeader:        "the header X-Ravi-Identity of this client's configuration",
		ByServer:        "the server's --identity (or RAVI_IDENTITY)",
		ByCallerDefault: "default_identity in the server's callers file",
		ByConfigFile:    "a .ravi/config.json (in RAVI_CONFIG_DIR, the working directory or the home directory)",
	}
	source, ok := sources[by]
	if !ok || !fault.Has(err, fault.IdentityNotFound) && !fault.Has(err, fault.IdentityAmbiguous) {
		return err
	}
	e := *fault.From(err)
	e.Hint = "The name came from " + source + ". " + e.Hint
	return &e
}
