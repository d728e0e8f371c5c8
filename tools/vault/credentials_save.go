package vault

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/tools/tool"
)

type saveCredentialParams struct {
	tool.IdentityArgument
	Domain         string `json:"domain" jsonschema:"minLength=1,maxLength=2048" jsonschema_description:"Site or URL; kept as registrable domain (mail.google.com/inbox: google.com), localhost and IPs with their port."`
	Username       string `json:"username,omitempty" jsonschema:"maxLength=320" jsonschema_description:"The account there."`
	Password       string `json:"password,omitempty" jsonschema:"minLength=1,maxLength=1024" jsonschema_description:"Left out: a strong one is generated."`
	GenerateLength int    `json:"generate_length,omitempty" jsonschema:"minimum=8,maximum=128" jsonschema_description:"Default 24."`
	characterRules
	Notes    string `json:"notes,omitempty" jsonschema:"maxLength=4000" jsonschema_description:"Kept like the password."`
	Show     bool   `json:"show,omitempty" jsonschema_description:"Return the generated password."`
	IfExists string `json:"if_exists,omitempty" jsonschema:"enum=error,enum=replace" jsonschema_description:"If that login exists: error (default) or replace its password."`
}

func (p saveCredentialParams) shows() string {
	if !p.Show || p.Password != "" {
		return ""
	}
	return "the password that it generates and stores for " + tool.Shown(p.Domain)
}

type saveCredentialResult struct {
	tool.ActedFor
	Credential credentialRef  `json:"credential"`
	Generated  *passwordShape `json:"generated,omitempty"`
	Replaced   bool           `json:"replaced"`
	Password   string         `json:"password,omitempty" jsonschema_description:"With show."`
	previousKept
}

func (h *handlers) saveCredential(ctx context.Context, call tool.Call, p saveCredentialParams) (none saveCredentialResult, err error) {
	domain, err := tool.RegistrableDomain("domain", p.Domain)
	if err := cmp.Or(err, tool.CheckLine("username", p.Username), tool.CheckText("notes", p.Notes)); err != nil {
		return none, err
	}
	password, shape, err := choosePassword("password", p.Password, p.GenerateLength, p.characterRules)
	if err != nil {
		return none, err
	}
	resolved, scope, unlock, err := h.LockedScope(ctx, call, p.Identity, "credentials")
	if err != nil {
		return none, err
	}
	defer unlock()
	existing, err := p.replaceable(ctx, scope, domain)
	if err != nil {
		return none, err
	}
	r := saveCredentialResult{ActedFor: tool.Acted(resolved), Generated: shape, Replaced: existing != nil}
	if r.Replaced {
		update := ravi.PasswordUpdate{Password: &password}
		if p.Notes != "" {
			notes := secret.New(p.Notes)
			update.Notes = &notes
		}
		r.Credential, r.previousKept, err = h.replacePassword(ctx, scope, *existing, replacement{PasswordUpdate: update, generated: shape != nil})
	} else {
		r.Credential, err = create(ctx, scope, ravi.NewPassword{Domain: domain, Username: p.Username, Password: password, Notes: secret.New(p.Notes)})
	}
	if err != nil {
		return none, err
	}
	if shape != nil && p.Show {
		r.Password = r.show(call, password)
	}
	return r, nil
}

// show returns a generated password, or "" and says so where it must not be shown: it is stored all
// the same, as was asked for, and nothing is lost.
func (k *previousKept) show(call tool.Call, password secret.Secret) string {
	if !call.Unshown {
		return password.Reveal()
	}
	k.Hint = strings.TrimSpace("The password is stored and cannot be shown here: the operator's policy says so. " +
		"Do not ask for it again; a person, or a program that has it from the vault, can type it. " + k.Hint)
	return ""
}

// create stores a new credential. A port that Ravi drops is written down beside it; where that
// fails, the credential is taken back, as it would not be found again.
func create(ctx context.Context, scope *ravi.Scope, n ravi.NewPassword) (credentialRef, error) {
	entry, err := scope.CreatePassword(ctx, n)
	if err != nil {
		return credentialRef{}, err
	}
	if site := withPort(entry.Domain, n.Domain); site != entry.Domain {
		if err := (record{Site: site}).write(ctx, scope, entry.UUID); err != nil {
			_ = scope.DeletePassword(ctx, entry.UUID)
			return credentialRef{}, err
		}
		entry.Domain = site
	}
	return refOfCredential(*entry), nil
}

// replaceable returns the entry that is to get the password, nil when there is none yet, and a
// conflict when there is one that must not be touched.
func (p saveCredentialParams) replaceable(ctx context.Context, scope *ravi.Scope, domain string) (*ravi.PasswordEntry, error) {
	all, err := Logins(ctx, scope)
	if err != nil {
		return nil, err
	}
	existing := atDomain(all, domain, hasUsername(p.Username))
	switch {
	case len(existing) > 1:
		return nil, fault.New(fault.Conflict, fmt.Sprintf("%d credentials for that domain and username exist: %s.", len(existing), ids(existing)),
			"Change the one you mean with update_credential and its id.")
	case len(existing) == 1 && p.IfExists != "replace":
		return nil, fault.New(fault.Conflict, fmt.Sprintf("A credential for that domain and username exists: %s.", existing[0].UUID),
			"Read it with get_credential, or call again with if_exists set to replace to change its password.")
	case len(existing) == 1:
		return &existing[0], nil
	case p.IfExists == "replace" && len(atDomain(all, domain, usernameLocked)) > 0:
		return nil, ravi.ErrLocked // it may be one of those
	}
	return nil, nil
}
