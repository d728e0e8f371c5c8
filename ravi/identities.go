package ravi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"ravi-mcp/ravi/config"
)

// NewIdentity is what CreateIdentity asks for.
type NewIdentity struct {
	// Name is the name to give. Without one a Ravi of era 2 or later invents one.
	Name string
	// Email is the wanted address: its local part, or a full address on one of Domains (era 2 and
	// later). Without it Ravi derives one.
	Email string
	// ProvisionPhone asks for a phone number as well. It is sent with API keys only: with tokens,
	// Ravi gives every identity a number (or none).
	ProvisionPhone bool
	// Known are the uuids of identities that bear this name already, listed just before. They only
	// matter when Ravi's answer is lost: without them (nil, not empty) an identity of that name is
	// never taken for the new one.
	Known []string
}

type identityBody struct {
	Name           string `json:"name,omitempty"`
	Email          string `json:"email,omitempty"`
	ProvisionPhone bool   `json:"provision_phone,omitempty"`
}

// CreateIdentity creates an identity: an address, perhaps a phone number, and empty vaults. With a
// management key the identity's own key comes back too and is used for it from then on.
//
// When the answer is lost, the new identity is looked up before the creation is tried once more. By
// the Email that was asked for, that is certain, as Ravi gives an address once. By its name it
// counts as certain if Known says which ones are older, and exactly one other was created since the
// call began, by Ravi's own clock. What is not certain is neither taken nor tried again; nor is a
// creation whose answer was only waited for in vain, as Ravi may still be at it.
//
// Errors: ErrSubscriptionRequired without a paid plan; ErrConflict when the address is taken;
// ErrInvalid with the refused fields; ErrUnavailable. With Error.Unanswered the identity may exist.
func (c *Client) CreateIdentity(ctx context.Context, n NewIdentity) (*Identity, error) {
	body := identityBody{Name: n.Name, Email: n.Email, ProvisionPhone: n.ProvisionPhone && c.Scheme() == config.SchemeKey}
	k := call{op: "create identity", method: http.MethodPost, route: "/api/identities/", body: body, who: asAccount}
	created, err := once(ctx, c, k, func(since time.Time) (*Identity, error) {
		if n.Name == "" && n.Email == "" {
			return nil, errCannotTell
		}
		return c.findNew(ctx, n, since)
	})
	if err != nil {
		return nil, err
	}
	c.auth.created(created.UUID, created.APIKey)
	return created, nil
}

// findNew looks for an identity whose creation was not answered. It returns nil where there is
// none, and errCannotTell where one may be it.
func (c *Client) findNew(ctx context.Context, n NewIdentity, since time.Time) (*Identity, error) {
	all, err := c.Identities(ctx)
	if err != nil {
		return nil, err
	}
	if n.Email != "" {
		for _, id := range all {
			if id.HasAddress(n.Email) && !slices.Contains(n.Known, id.UUID) {
				return &id, nil
			}
		}
	}
	var found *Identity
	for _, id := range all {
		if id.Name != n.Name || slices.Contains(n.Known, id.UUID) || !id.Created.IsZero() && id.Created.Before(since) {
			continue
		}
		if n.Email != "" || n.Known == nil || id.Created.IsZero() || !c.clockKnown.Load() || found != nil {
			return nil, errCannotTell
		}
		found = &id
	}
	return found, nil
}

// HasAddress reports whether the identity's address is email: a full address, or the part before
// the @ only. Upper and lower case are the same.
func (id *Identity) HasAddress(email string) bool {
	if local, _, full := strings.Cut(id.Inbox, "@"); full && !strings.Contains(email, "@") {
		return strings.EqualFold(local, email)
	}
	return strings.EqualFold(id.Inbox, email)
}

// Identities returns all identities of the account.
//
// Errors: ErrForbidden with an identity key, where Ravi does not let it list.
func (c *Client) Identities(ctx context.Context) ([]Identity, error) {
	return list[Identity](ctx, c, identitiesCall)
}

var identitiesCall = call{op: "list identities", method: http.MethodGet, route: "/api/identities/", who: asAccount}

// Identity returns one identity. Where Ravi lacks the route, or refuses it to an identity key, the
// identity is taken from the list, or put together from its address and phone number.
//
// Errors: ErrNotFound; ErrWrongIdentity for another identity than a bound credential's.
func (c *Client) Identity(ctx context.Context, uuid string) (*Identity, error) {
	if _, bound := c.Bound(); bound {
		return c.boundIdentity(ctx, uuid)
	}
	found, err := c.getIdentity(ctx, uuid)
	if found != nil || err != nil && !errors.Is(err, ErrUnsupported) {
		return found, err
	}
	all, err := c.Identities(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range all {
		if strings.EqualFold(id.UUID, uuid) {
			return &id, nil
		}
	}
	return nil, &Error{Op: "get identity", Kind: ErrNotFound}
}

// getIdentity asks for one identity; nil when Ravi answers with another one.
func (c *Client) getIdentity(ctx context.Context, uuid string) (*Identity, error) {
	found, err := send[Identity](ctx, c, identityCall(http.MethodGet, "get identity", uuid))
	if err != nil || found == nil || !strings.EqualFold(found.UUID, uuid) {
		return nil, err
	}
	return found, nil
}

func identityCall(method, op, uuid string) call {
	return call{op: op, method: method, route: "/api/identities/{uuid}/", args: []string{uuid}, who: asAccount}
}

// boundIdentity is Identity for a credential of one identity only.
func (c *Client) boundIdentity(ctx context.Context, uuid string) (*Identity, error) {
	own, err := c.BoundIdentity(ctx)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(own, uuid) {
		return nil, &Error{Op: "get identity", Kind: ErrWrongIdentity}
	}
	found, err := c.getIdentity(ctx, uuid)
	if found != nil || err != nil && !cannotList(err) && !errors.Is(err, ErrNotFound) {
		return found, err
	}
	id := &Identity{UUID: uuid, Name: c.creds.IdentityName}
	address, err := c.Scope(uuid).Email(ctx)
	if err != nil {
		return nil, err
	}
	id.Inbox, id.Created = address.Address, address.Created
	phone, err := c.Scope(uuid).Phone(ctx)
	if err == nil {
		id.Phone = phone.Number
	} else if !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	return id, nil
}

// BoundIdentity returns the identity of a bound credential (see Bound), asking Ravi when the
// credential does not say.
//
// Errors: ErrWrongIdentity when the credential is not bound; ErrForbidden when Ravi does not tell.
func (c *Client) BoundIdentity(ctx context.Context) (string, error) {
	uuid, bound := c.Bound()
	if !bound {
		return "", &Error{Op: "find the credential's identity", Kind: ErrWrongIdentity, Detail: "the credential acts for a whole account"}
	}
	if keys, ok := c.auth.(*keyAuthority); ok {
		return keys.ownIdentity(ctx)
	}
	if uuid == "" {
		return "", cannotTellIdentity
	}
	return uuid, nil
}

var cannotTellIdentity = &Error{
	Op: "find the credential's identity", Kind: ErrForbidden,
	Detail: "Ravi does not tell whose it is: name it as identity_uuid beside the key in config.json",
}

// identityOfKey asks Ravi whose identity key the configured one is: it lists that identity only, or
// tells in the list of keys.
func (c *Client) identityOfKey(ctx context.Context) (string, error) {
	own := &grant{bearer: c.creds.IdentityKey, origin: fromConfigured}
	k := identitiesCall
	k.with = own
	all, err := list[Identity](ctx, c, k)
	if err == nil && len(all) == 1 {
		return all[0].UUID, nil
	}
	if err != nil && !cannotList(err) {
		return "", err
	}
	keys, err := list[IdentityKey](ctx, c, call{
		op: "list identity keys", method: http.MethodGet, route: "/api/auth/keys/identity/", with: own,
	})
	if err != nil && !cannotList(err) {
		return "", err
	}
	uuid := ""
	for _, key := range keys {
		if uuid != "" && key.IdentityUUID != uuid {
			return "", cannotTellIdentity
		}
		uuid = key.IdentityUUID
	}
	if uuid == "" {
		return "", cannotTellIdentity
	}
	return uuid, nil
}

// cannotList tells a refusal to this kind of credential from a failure.
func cannotList(err error) bool {
	return errors.Is(err, ErrForbidden) || errors.Is(err, ErrUnsupported)
}

// IdentityUpdate changes an identity; nil fields stay as they are.
type IdentityUpdate struct {
	Name *string `json:"name,omitempty"`
}

// UpdateIdentity changes an identity: by PATCH, or by PUT where Ravi knows only that
// (docs/ravi-api.md#contradictions).
func (c *Client) UpdateIdentity(ctx context.Context, uuid string, u IdentityUpdate) (*Identity, error) {
	k := identityCall(http.MethodPatch, "update identity", uuid)
	k.body = u
	updated, err := send[Identity](ctx, c, k)
	if statusOf(err) == http.StatusMethodNotAllowed {
		k.method = http.MethodPut
		updated, err = send[Identity](ctx, c, k)
	}
	if err == nil && (updated == nil || updated.UUID == "") {
		return c.Identity(ctx, uuid)
	}
	return updated, err
}

// DeleteIdentity deletes an identity for good: its address, number and vaults are destroyed, later
// mail is rejected.
//
// Errors: ErrNotFound; ErrUnsupported where this Ravi does not delete identities (405, or 404 for
// one that is still listed).
func (c *Client) DeleteIdentity(ctx context.Context, uuid string) error {
	_, err := c.do(ctx, identityCall(http.MethodDelete, "delete identity", uuid))
	if err == nil {
		c.auth.deleted(uuid)
		return nil
	}
	if statusOf(err) != http.StatusNotFound {
		return err
	}
	all, listErr := c.Identities(ctx)
	if listErr != nil {
		return err
	}
	if slices.ContainsFunc(all, func(id Identity) bool { return strings.EqualFold(id.UUID, uuid) }) {
		return &Error{
			Op: "delete identity", Status: http.StatusNotFound, Kind: ErrUnsupported,
			Detail: "it lists the identity and does not delete it",
		}
	}
	c.auth.deleted(uuid)
	return &Error{Op: "delete identity", Status: http.StatusNotFound, Kind: ErrNotFound}
}

// ProvisionPhone gives an identity a phone number; country is an ISO code, "" for Ravi's default
// (US). It takes seconds and is never repeated.
//
// Errors: ErrConflict when it has one; ErrSubscriptionRequired; ErrUnavailable when the provider is
// down: later, and not in a loop.
func (c *Client) ProvisionPhone(ctx context.Context, uuid, country string) (*Identity, error) {
	body := struct {
		CountryCode string `json:"country_code,omitempty"`
	}{country}
	updated, err := send[Identity](ctx, c, call{
		op: "provision phone", method: http.MethodPost, route: "/api/identities/{uuid}/provision-phone/", args: []string{uuid}, body: body, who: asAccount,
	})
	if err == nil && (updated == nil || updated.UUID == "") {
		return c.Identity(ctx, uuid)
	}
	return updated, err
}

// UnmarshalJSON reads an identity as any Ravi sends it: phone may be null or absent, times may be
// missing.
func (id *Identity) UnmarshalJSON(data []byte) error {
	type plain Identity
	return decodeObject(data, &struct {
		*plain
		Created *looseTime   `json:"created_dt"`
		Updated *looseTime   `json:"updated_dt"`
		APIKey  *looseSecret `json:"api_key"`
	}{(*plain)(id), (*looseTime)(&id.Created), (*looseTime)(&id.Updated), (*looseSecret)(&id.APIKey)})
}

// valid reports whether Ravi's answer is an identity at all.
func (id *Identity) valid() bool { return id.UUID != "" }
