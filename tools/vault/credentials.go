package vault

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/seal"
	"ravi-mcp/tools/tool"
)

// credentialRef names a stored credential; it holds no password.
type credentialRef struct {
	ID       string `json:"id"`
	Domain   string `json:"domain"`
	Username string `json:"username"`
	Locked   bool   `json:"locked,omitempty" jsonschema_description:"No key to open it."`
}

func refOfCredential(e ravi.PasswordEntry) credentialRef {
	r := credentialRef{ID: e.UUID, Domain: e.Domain, Username: e.Username}
	if seal.Is(e.Username) {
		r.Username, r.Locked = "", true
	}
	return r
}

// credentialChoice are the arguments that name a stored credential.
type credentialChoice struct {
	Domain   string `json:"domain,omitempty" jsonschema:"maxLength=2048" jsonschema_description:"Site or URL; or give id."`
	Username string `json:"username,omitempty" jsonschema:"maxLength=320" jsonschema_description:"If the site has several accounts."`
	ID       string `json:"id,omitempty" jsonschema:"maxLength=64" jsonschema_description:"In place of domain."`
}

func (c credentialChoice) check() error {
	if (c.Domain == "") == (c.ID == "") {
		return fault.New(fault.InvalidArgument, "Give either `domain` or `id`.", "Pass the site as domain, or the id of a credential.")
	}
	return nil
}

// shown names the credential to a user who is asked about it.
func (c credentialChoice) shown() string {
	if c.ID != "" {
		return "the credential with id " + tool.Shown(c.ID)
	}
	if c.Username != "" {
		return tool.Shown(c.Domain) + " as " + tool.Shown(c.Username)
	}
	return tool.Shown(c.Domain)
}

// find returns the credentials that fit, without passwords: at least one, or not_found.
func (c credentialChoice) find(ctx context.Context, scope *ravi.Scope) ([]ravi.PasswordEntry, error) {
	all, err := Logins(ctx, scope)
	if err != nil {
		return nil, err
	}
	var found []ravi.PasswordEntry
	if c.ID != "" {
		found = slices.DeleteFunc(all, func(e ravi.PasswordEntry) bool { return !strings.EqualFold(e.UUID, c.ID) })
	} else {
		domain, err := tool.RegistrableDomain("domain", c.Domain)
		if err != nil {
			return nil, err
		}
		found = atDomain(all, domain, func(e ravi.PasswordEntry) bool { return c.Username == "" || strings.EqualFold(e.Username, c.Username) })
		if len(found) == 0 && len(atDomain(all, domain, usernameLocked)) > 0 {
			return nil, ravi.ErrLocked // it may be one of those
		}
	}
	if len(found) == 0 {
		return nil, fault.New(fault.NotFound, "This identity has no such credential.",
			"Look for it by its domain alone, without username, or store a new one.")
	}
	return found, nil
}

// one is find for calls that change something: several that fit are a conflict.
func (c credentialChoice) one(ctx context.Context, scope *ravi.Scope) (ravi.PasswordEntry, error) {
	found, err := c.find(ctx, scope)
	if err != nil {
		return ravi.PasswordEntry{}, err
	}
	if len(found) > 1 {
		return ravi.PasswordEntry{}, fault.New(fault.Conflict, fmt.Sprintf("%d credentials fit: %s.", len(found), ids(found)),
			"Pass the id of the one you mean.")
	}
	return found[0], nil
}

// atDomain returns the credentials of a domain that pass a test.
func atDomain(all []ravi.PasswordEntry, domain string, test func(ravi.PasswordEntry) bool) []ravi.PasswordEntry {
	misfit := func(e ravi.PasswordEntry) bool { return !storedAt(e.Domain, domain) || !test(e) }
	return slices.DeleteFunc(slices.Clone(all), misfit)
}

func usernameLocked(e ravi.PasswordEntry) bool { return seal.Is(e.Username) }

func hasUsername(username string) func(ravi.PasswordEntry) bool {
	return func(e ravi.PasswordEntry) bool { return strings.EqualFold(e.Username, username) }
}

// ids names credentials by id and username.
func ids(entries []ravi.PasswordEntry) string {
	return strings.Join(tool.Convert(entries, func(e ravi.PasswordEntry) string {
		return e.UUID + " (" + tool.Shown(refOfCredential(e).Username) + ")"
	}), ", ")
}

// listParams are the arguments of the tools that list what a vault holds.
type listParams struct {
	tool.IdentityArgument
	Limit int `json:"limit,omitempty" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"At most so many (default 50)."`
}

func firstOf[T any](all []T, p listParams) []T { return all[:min(len(all), cmp.Or(p.Limit, 50))] }

type listCredentialsResult struct {
	tool.ActedFor
	Credentials []credentialDetails `json:"credentials"`
	Total       int                 `json:"total" jsonschema_description:"Those beyond the limit too."`
}

func (h *handlers) listCredentials(ctx context.Context, call tool.Call, p listParams) (listCredentialsResult, error) {
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return listCredentialsResult{}, err
	}
	entries, err := scope.Passwords(ctx)
	if err != nil {
		return listCredentialsResult{}, err
	}
	kept, err := readBelongings(ctx, scope)
	return listCredentialsResult{tool.Acted(resolved), tool.Convert(firstOf(entries, p), kept.of), len(entries)}, err
}

// storedAt reports whether an entry that Ravi keeps under stored belongs to domain, a result of
// tool.RegistrableDomain. Other clients may have stored a sub-domain or an international name as it
// is written.
func storedAt(stored, domain string) bool {
	if strings.EqualFold(stored, domain) {
		return true
	}
	cleaned, err := tool.RegistrableDomain("domain", stored)
	return err == nil && cleaned == domain
}
