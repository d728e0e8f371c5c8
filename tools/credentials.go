package tools

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ravi-mcp/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/secret"
	"ravi-mcp/session"
)

// CredentialRef names a stored credential; it holds no password.
type CredentialRef struct {
	ID        string    `json:"id" jsonschema_description:"Pass this as id."`
	Domain    string    `json:"domain"`
	Username  string    `json:"username"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

func credentialRef(e ravi.PasswordEntry) CredentialRef {
	updated := e.Updated
	if updated.IsZero() {
		updated = e.Created
	}
	return CredentialRef{ID: e.UUID, Domain: e.Domain, Username: e.Username, UpdatedAt: updated}
}

// SaveCredentialParams are the arguments of save_credential.
type SaveCredentialParams struct {
	IdentityArgument
	Domain         string `json:"domain" jsonschema:"minLength=1,maxLength=2048" jsonschema_description:"The site, as a domain or URL; it is stored as its registrable domain (mail.google.com/inbox becomes google.com)."`
	Username       string `json:"username,omitempty" jsonschema:"maxLength=320" jsonschema_description:"The account name or email address there."`
	Password       string `json:"password,omitempty" jsonschema:"minLength=1,maxLength=1024" jsonschema_description:"The password. Leave out to have a strong one generated and stored."`
	GenerateLength int    `json:"generate_length,omitempty" jsonschema:"minimum=12,maximum=128,default=24" jsonschema_description:"Length of a generated password (default 24)."`
	Notes          string `json:"notes,omitempty" jsonschema:"maxLength=4000" jsonschema_description:"Anything to keep with it; stored like the password."`
	Show           bool   `json:"show,omitempty" jsonschema_description:"Return a generated password in this result. Otherwise read it later with get_credential."`
	IfExists       string `json:"if_exists,omitempty" jsonschema:"enum=error,enum=replace,default=error" jsonschema_description:"What to do when the identity has a credential for this domain and username: error (default) or replace its password."`
}

// SaveCredentialResult is the result of save_credential.
type SaveCredentialResult struct {
	ActedFor
	Credential CredentialRef `json:"credential"`
	Generated  bool          `json:"generated"`
	Replaced   bool          `json:"replaced"`
	Password   string        `json:"password,omitempty" jsonschema_description:"Only when show was set and the password was generated."`
}

// Summary implements Result.
func (r SaveCredentialResult) Summary() string {
	verb := "Saved"
	if r.Replaced {
		verb = "Replaced"
	}
	return fmt.Sprintf("%s the credential for %s (id %s).", verb, r.Credential.Domain, r.Credential.ID)
}

func (d *Deps) saveCredential(ctx context.Context, call Call, p SaveCredentialParams) (SaveCredentialResult, error) {
	var none SaveCredentialResult
	domain, err := registrableDomain(p.Domain)
	if err != nil {
		return none, err
	}
	resolved, scope, err := d.scope(ctx, call, p.Identity)
	if err != nil {
		return none, err
	}
	defer d.names.lock("credential " + resolved.Identity.UUID + " " + domain)()
	existing, err := findCredentials(ctx, scope, domain, &p.Username)
	if err != nil {
		return none, err
	}
	if len(existing) > 0 && p.IfExists != "replace" || len(existing) > 1 {
		return none, fault.New(fault.Conflict, fmt.Sprintf("%d credential(s) for that domain and username exist: %s.", len(existing), ids(existing)),
			"Read one with get_credential, or call again with if_exists set to replace to change its password.")
	}
	r := SaveCredentialResult{ActedFor: actedFor(resolved), Generated: p.Password == "", Replaced: len(existing) == 1}
	password := secret.New(p.Password)
	if r.Generated {
		password = generatePassword(p.GenerateLength)
	}
	var entry *ravi.PasswordEntry
	if r.Replaced {
		update := ravi.PasswordUpdate{Password: &password}
		if p.Notes != "" {
			notes := secret.New(p.Notes)
			update.Notes = &notes
		}
		entry, err = scope.UpdatePassword(ctx, existing[0].UUID, update)
	} else {
		entry, err = scope.CreatePassword(ctx, ravi.NewPassword{Domain: domain, Username: p.Username, Password: password, Notes: secret.New(p.Notes)})
	}
	if err != nil {
		return none, err
	}
	r.Credential = credentialRef(*entry)
	if r.Generated && p.Show {
		r.Password = password.Reveal()
	}
	return r, nil
}

func ids(entries []ravi.PasswordEntry) string {
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.UUID
	}
	return strings.Join(out, ", ")
}

// findCredentials lists an identity's credentials for a domain and, unless
// username is nil, for that username.
func findCredentials(ctx context.Context, scope *ravi.Scope, domain string, username *string) ([]ravi.PasswordEntry, error) {
	all, err := scope.Passwords(ctx)
	if err != nil {
		return nil, err
	}
	var found []ravi.PasswordEntry
	for _, e := range all {
		if strings.EqualFold(e.Domain, domain) && (username == nil || strings.EqualFold(e.Username, *username)) {
			found = append(found, e)
		}
	}
	return found, nil
}

// GetCredentialParams are the arguments of get_credential.
type GetCredentialParams struct {
	IdentityArgument
	Domain   string `json:"domain,omitempty" jsonschema:"maxLength=2048" jsonschema_description:"The site, as a domain or URL. Give this or id."`
	Username string `json:"username,omitempty" jsonschema:"maxLength=320" jsonschema_description:"Which account, when the domain has several."`
	ID       string `json:"id,omitempty" jsonschema:"maxLength=64" jsonschema_description:"A credential's id from list_credentials. Give this or domain."`
}

// CredentialStatus says how get_credential ended.
type CredentialStatus string

// The two ends of get_credential that are not errors.
const (
	CredentialFound     CredentialStatus = "found"
	CredentialAmbiguous CredentialStatus = "ambiguous"
)

// GetCredentialResult is the result of get_credential.
type GetCredentialResult struct {
	ActedFor
	Status     CredentialStatus `json:"status" jsonschema:"enum=found,enum=ambiguous"`
	Credential *Credential      `json:"credential,omitempty"`
	Candidates []CredentialRef  `json:"candidates,omitempty" jsonschema_description:"When the domain has several accounts: call again with one of their ids."`
}

// Credential is a credential with its password.
type Credential struct {
	CredentialRef
	Password string `json:"password"`
	Notes    string `json:"notes,omitempty"`
}

// Summary implements Result.
func (r GetCredentialResult) Summary() string {
	if r.Status == CredentialAmbiguous {
		return fmt.Sprintf("%d accounts fit; call again with one of their ids.", len(r.Candidates))
	}
	return fmt.Sprintf("The credential for %s.", r.Credential.Domain)
}

func (d *Deps) getCredential(ctx context.Context, call Call, p GetCredentialParams) (GetCredentialResult, error) {
	if (p.Domain == "") == (p.ID == "") {
		return GetCredentialResult{}, fault.New(fault.InvalidArgument, "Give either `domain` or `id`.",
			"Pass the site as domain, or an id from list_credentials.")
	}
	resolved, scope, err := d.scope(ctx, call, p.Identity)
	if err != nil {
		return GetCredentialResult{}, err
	}
	if p.ID == "" {
		entries, err := credentialsFor(ctx, scope, p)
		if err != nil {
			return GetCredentialResult{}, err
		}
		if len(entries) > 1 {
			return ambiguousCredential(resolved, entries), nil
		}
		p.ID = entries[0].UUID
	}
	entry, err := scope.Password(ctx, p.ID)
	if err != nil {
		return GetCredentialResult{}, err
	}
	return GetCredentialResult{
		ActedFor: actedFor(resolved), Status: CredentialFound,
		Credential: &Credential{CredentialRef: credentialRef(*entry), Password: entry.Password.Reveal(), Notes: entry.Notes.Reveal()},
	}, nil
}

// credentialsFor returns at least one entry, or not_found.
func credentialsFor(ctx context.Context, scope *ravi.Scope, p GetCredentialParams) ([]ravi.PasswordEntry, error) {
	domain, err := registrableDomain(p.Domain)
	if err != nil {
		return nil, err
	}
	var username *string
	if p.Username != "" {
		username = &p.Username
	}
	entries, err := findCredentials(ctx, scope, domain, username)
	if err == nil && len(entries) == 0 {
		return nil, fault.New(fault.NotFound, "This identity has no such credential.",
			"list_credentials shows what it has; save_credential stores a new one.")
	}
	return entries, err
}

func ambiguousCredential(resolved session.Resolved, entries []ravi.PasswordEntry) GetCredentialResult {
	r := GetCredentialResult{ActedFor: actedFor(resolved), Status: CredentialAmbiguous}
	for _, e := range entries {
		r.Candidates = append(r.Candidates, credentialRef(e))
	}
	return r
}

// ListCredentialsParams are the arguments of list_credentials.
type ListCredentialsParams struct{ IdentityArgument }

// ListCredentialsResult is the result of list_credentials.
type ListCredentialsResult struct {
	ActedFor
	Credentials []CredentialRef `json:"credentials"`
}

// Summary implements Result.
func (r ListCredentialsResult) Summary() string {
	return fmt.Sprintf("%d credential(s) of %s.", len(r.Credentials), r.Identity.Name)
}

func (d *Deps) listCredentials(ctx context.Context, call Call, p ListCredentialsParams) (ListCredentialsResult, error) {
	resolved, scope, err := d.scope(ctx, call, p.Identity)
	if err != nil {
		return ListCredentialsResult{}, err
	}
	entries, err := scope.Passwords(ctx)
	if err != nil {
		return ListCredentialsResult{}, err
	}
	r := ListCredentialsResult{ActedFor: actedFor(resolved), Credentials: []CredentialRef{}}
	for _, e := range entries {
		r.Credentials = append(r.Credentials, credentialRef(e))
	}
	return r, nil
}
