package session

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"ravi-mcp/ravi"
)

// Own stands among the patterns of a caller for the identities that it created itself.
const Own = "own"

// Owner says who is recorded as the creator of an identity (Store.Owners).
type Owner int

// What the record of an identity can say.
const (
	OwnerUnknown Owner = iota // there is none
	OwnerSelf                 // the caller
	OwnerOther                // another caller
)

// Ownership says which caller created an identity.
type Ownership struct {
	Caller, Identity string
	// Credential names the credential that it was created with (ravi.Client.CredentialID), so that
	// a server of another Ravi account does not take it for deleted.
	Credential string
}

// MaxOwners bounds the records of owners in one store. Beyond it no further one is made.
const MaxOwners = 100_000

// OfCaller is the Owner for a caller, if owner is the caller that is recorded, "" for none.
func OfCaller(owner, caller string) Owner {
	switch owner {
	case "":
		return OwnerUnknown
	case caller:
		return OwnerSelf
	}
	return OwnerOther
}

// ErrTooManyOwners is the error of a store that has MaxOwners records.
var ErrTooManyOwners = fmt.Errorf("session: there are %d records of owners", MaxOwners)

// ErrOtherOwner is the error for an identity that another caller is recorded to have created.
var ErrOtherOwner = fmt.Errorf("session: another caller created the identity")

// Allow sets which identities exist for the caller: those whose names fit a pattern and, if Own is
// among the patterns, those that it created.
func (r *Rights) Allow(patterns []string) {
	r.Identities = []string{}
	for _, p := range patterns {
		if p == Own {
			r.Own = true
			continue
		}
		r.Identities = append(r.Identities, p)
	}
}

// AllowsNew reports whether the caller may create an identity of that name.
func (r Rights) AllowsNew(name string) bool { return r.Own || r.AllowsName(name) }

// AllowsDefault reports whether the caller may have that identity as its default, as far as can be
// told before Ravi is asked: a uuid or an address may turn out to be outside of the rights. With
// Own the default is always within them.
func (r Rights) AllowsDefault(ref string) bool {
	return ref == "" || r.Own || strings.Contains(ref, "@") || LooksLikeUUID(ref) || r.AllowsName(ref)
}

// uuidShape is a uuid as Ravi writes one, and in the other common spellings.
var uuidShape = regexp.MustCompile(`(?i)^\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$`)

// LooksLikeUUID reports whether a text would be taken for the uuid of an identity.
func LooksLikeUUID(s string) bool { return uuidShape.MatchString(s) }

// Allowed returns those of the identities that exist for the caller. It is the only place that
// decides so, with Lookup. The store is read once, and only for callers with Own; its error is the
// only one.
func (r *Resolver) Allowed(ctx context.Context, caller *Caller, all []ravi.Identity) ([]ravi.Identity, error) {
	allows, err := r.judge(ctx, caller, all)
	if err != nil {
		return nil, err
	}
	allowed := make([]ravi.Identity, 0, len(all))
	for _, i := range all {
		if allows(i) {
			allowed = append(allowed, i)
		}
	}
	return allowed, nil
}

// judge returns what says which of these identities exist for the caller.
func (r *Resolver) judge(ctx context.Context, caller *Caller, among []ravi.Identity) (func(ravi.Identity) bool, error) {
	if !caller.Rights.Own {
		return func(i ravi.Identity) bool { return caller.Rights.AllowsName(i.Name) }, nil
	}
	// One more, so that a name without an identity costs the same read as one of another caller's.
	uuids := make([]string, len(among), len(among)+1)
	for i, identity := range among {
		uuids[i] = identity.UUID
	}
	owners, err := r.Store.Owners(ctx, caller.Name, append(uuids, "none"))
	if err != nil {
		return nil, err
	}
	recorded := make(map[string]Owner, len(uuids))
	for i, uuid := range uuids {
		recorded[uuid] = owners[i]
	}
	return func(i ravi.Identity) bool {
		owner := recorded[i.UUID]
		return owner == OwnerSelf || caller.Rights.AllowsName(i.Name) ||
			isNamed(r.Identity, i, owner) || isNamed(caller.DefaultIdentity, i, owner)
	}, nil
}

// isNamed reports whether the operator's default names the identity. Names at Ravi are not unique:
// what another caller created is not meant by one.
func isNamed(ref string, i ravi.Identity, owner Owner) bool {
	return ref != "" && (strings.EqualFold(ref, i.UUID) || strings.EqualFold(ref, i.Inbox) || ref == i.Name && owner != OwnerOther)
}
