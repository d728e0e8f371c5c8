package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

type updateCredentialParams struct {
	tool.IdentityArgument
	credentialChoice
	NewDomain        *string `json:"new_domain,omitempty" jsonschema:"minLength=1,maxLength=2048" jsonschema_description:"Site or URL."`
	NewUsername      *string `json:"new_username,omitempty" jsonschema:"maxLength=320" jsonschema_description:"Empty for none."`
	NewPassword      *string `json:"new_password,omitempty" jsonschema:"minLength=1,maxLength=1024" jsonschema_description:"To store."`
	GeneratePassword bool    `json:"generate_password,omitempty" jsonschema_description:"Generate and store a new one."`
	GenerateLength   int     `json:"generate_length,omitempty" jsonschema:"minimum=8,maximum=128" jsonschema_description:"Default 24."`
	characterRules
	NewNotes        *string `json:"new_notes,omitempty" jsonschema:"maxLength=4000" jsonschema_description:"Empty for none."`
	Confirm         bool    `json:"confirm,omitempty" jsonschema_description:"The site took it: forget the former one."`
	RestorePrevious bool    `json:"restore_previous,omitempty" jsonschema_description:"The site refused it: bring the former one back."`
	Show            bool    `json:"show,omitempty" jsonschema_description:"Return the generated password."`
}

func (p updateCredentialParams) shows() string {
	if !p.Show || !p.GeneratePassword {
		return ""
	}
	return "the password that it generates and stores for " + p.shown()
}

type updateCredentialResult struct {
	tool.ActedFor
	Credential credentialRef  `json:"credential"`
	Changed    []string       `json:"changed"`
	Generated  *passwordShape `json:"generated,omitempty"`
	TOTPMoved  bool           `json:"totp_moved" jsonschema_description:"TOTP seed or backup codes went along."`
	Password   string         `json:"password,omitempty" jsonschema_description:"With show."`
	previousKept
}

// update checks the new values and returns what is to be written.
func (p updateCredentialParams) update() (u ravi.PasswordUpdate, shape *passwordShape, changed []string, err error) {
	changed = []string{} // an array in JSON
	if p.NewDomain != nil {
		domain, err := tool.RegistrableDomain("new_domain", *p.NewDomain)
		if err != nil {
			return u, nil, nil, err
		}
		u.Domain, changed = &domain, append(changed, "domain")
	}
	if p.NewUsername != nil {
		if err := tool.CheckLine("new_username", *p.NewUsername); err != nil {
			return u, nil, nil, err
		}
		u.Username, changed = p.NewUsername, append(changed, "username")
	}
	password, shape, err := p.password()
	if err != nil {
		return u, nil, nil, err
	}
	if password != nil {
		u.Password, changed = password, append(changed, "password")
	}
	if p.NewNotes != nil {
		if err := tool.CheckText("new_notes", *p.NewNotes); err != nil {
			return u, nil, nil, err
		}
		notes := secret.New(*p.NewNotes)
		u.Notes, changed = &notes, append(changed, "notes")
	}
	switch {
	case p.RestorePrevious && (password != nil || p.Confirm):
		return u, nil, nil, fault.New(fault.InvalidArgument, "`restore_previous` goes with no other password and no `confirm`.", "Restore first; then call again.")
	case p.Confirm && p.GeneratePassword:
		return u, nil, nil, fault.New(fault.InvalidArgument, "`confirm` goes with no `generate_password`: the site cannot have taken it yet.", "Generate, change it at the site, and confirm then.")
	case p.RestorePrevious:
		changed = append(changed, "password")
	case len(changed) == 0 && !p.Confirm:
		return u, nil, nil, fault.New(fault.InvalidArgument, "There is nothing to change.",
			"Pass at least one of new_domain, new_username, new_password, generate_password, new_notes, confirm, restore_previous.")
	}
	return u, shape, changed, nil
}

// password returns the new password, nil for none, and the shape of a generated one.
func (p updateCredentialParams) password() (*secret.Secret, *passwordShape, error) {
	given := ""
	switch {
	case p.NewPassword != nil && p.GeneratePassword:
		return nil, nil, fault.New(fault.InvalidArgument, "Give either `new_password` or `generate_password`.", "Leave one of them out.")
	case p.NewPassword != nil:
		given = *p.NewPassword
	case !p.GeneratePassword && p.characterRules != (characterRules{}):
		return nil, nil, fault.New(fault.InvalidArgument, "Rules for a generated password have no effect without `generate_password`.", "Set generate_password, or leave out the rules.")
	case !p.GeneratePassword:
		return nil, nil, nil
	}
	password, shape, err := choosePassword("new_password", given, p.GenerateLength, p.characterRules)
	return &password, shape, err
}

func (h *handlers) updateCredential(ctx context.Context, call tool.Call, p updateCredentialParams) (r updateCredentialResult, err error) {
	update, shape, changed, err := p.update()
	if err := cmp.Or(p.check(), err); err != nil {
		return r, err
	}
	err = h.changeOne(ctx, call, p.Identity, p.credentialChoice, func(resolved session.Resolved, scope *ravi.Scope, entry ravi.PasswordEntry) (err error) {
		r = updateCredentialResult{ActedFor: tool.Acted(resolved), Changed: changed, Generated: shape}
		if r.TOTPMoved, err = h.rename(ctx, resolved.Identity.UUID, scope, entry, update); err != nil {
			return err
		}
		r.Credential, r.previousKept, err = h.write(ctx, scope, entry, p, update)
		return err
	})
	if err == nil && shape != nil && p.Show {
		r.Password = r.show(call, *update.Password)
	}
	return r, err
}

// write writes an update and what goes with a password.
func (h *handlers) write(ctx context.Context, scope *ravi.Scope, entry ravi.PasswordEntry, p updateCredentialParams, u ravi.PasswordUpdate) (ref credentialRef, kept previousKept, err error) {
	switch {
	case u.Password != nil || p.RestorePrevious:
		ref, kept, err = h.replacePassword(ctx, scope, entry, replacement{u, p.GeneratePassword, p.RestorePrevious})
	case u != (ravi.PasswordUpdate{}):
		if err = noteChange(ctx, scope, entry, u); err == nil {
			ref, err = changeCredential(ctx, scope, entry, u)
		}
	default:
		ref = refOfCredential(entry)
	}
	if err == nil && p.Confirm {
		kept, err = previousKept{}, confirmPassword(ctx, scope, entry.UUID)
	}
	return ref, kept, err
}

// changeOne calls change with the one credential that is meant. Until it returns, no other call
// changes credentials of the identity.
func (h *handlers) changeOne(ctx context.Context, call tool.Call, identity string, choice credentialChoice,
	change func(session.Resolved, *ravi.Scope, ravi.PasswordEntry) error) error {
	resolved, scope, unlock, err := h.LockedScope(ctx, call, identity, "credentials")
	if err != nil {
		return err
	}
	defer unlock()
	entry, err := choice.one(ctx, scope)
	if err != nil {
		return err
	}
	return change(resolved, scope, entry)
}

// rename makes way for a new domain or username: it refuses one that another entry has, and lets
// the account's TOTP seed and backup codes go along. They go first, because a repetition still
// finds the credential by its old name.
func (h *handlers) rename(ctx context.Context, identity string, scope *ravi.Scope, entry ravi.PasswordEntry, u ravi.PasswordUpdate) (moved bool, err error) {
	from, known := accountOf(entry)
	to := from
	if u.Domain != nil {
		to.Domain = *u.Domain
	}
	if u.Username != nil {
		to.Username = *u.Username
	}
	if to == from || !known {
		return false, nil
	}
	all, err := Logins(ctx, scope)
	if err != nil {
		return false, err
	}
	for _, other := range atDomain(all, to.Domain, hasUsername(to.Username)) {
		if other.UUID != entry.UUID {
			return false, fault.New(fault.Conflict, fmt.Sprintf("A credential for that domain and username exists: %s.", other.UUID),
				"Delete one of the two, or choose another username.")
		}
	}
	return h.moveTOTP(ctx, identity, scope, from, to)
}

// changeCredential writes an update. Without the account's private key Ravi's answer cannot be
// read, but the change has been made.
func changeCredential(ctx context.Context, scope *ravi.Scope, old ravi.PasswordEntry, u ravi.PasswordUpdate) (credentialRef, error) {
	entry, err := scope.UpdatePassword(ctx, old.UUID, u)
	if err == nil {
		site := old.Domain
		if u.Domain != nil {
			site = *u.Domain
		}
		entry.Domain = withPort(entry.Domain, site)
		return refOfCredential(*entry), nil
	}
	if !errors.Is(err, ravi.ErrLocked) {
		return credentialRef{}, err
	}
	found, err := credentialChoice{ID: old.UUID}.one(ctx, scope)
	return refOfCredential(found), err
}

type deleteCredentialParams struct {
	tool.IdentityArgument
	credentialChoice
	WithTOTP bool `json:"with_totp,omitempty" jsonschema_description:"Also its TOTP seed and backup codes."`
}

type deleteCredentialResult struct {
	tool.ActedFor
	Deleted     credentialRef `json:"deleted"`
	TOTPDeleted bool          `json:"totp_deleted"`
}

func (h *handlers) deleteCredential(ctx context.Context, call tool.Call, p deleteCredentialParams) (r deleteCredentialResult, err error) {
	if err := p.check(); err != nil {
		return r, err
	}
	err = h.changeOne(ctx, call, p.Identity, p.credentialChoice, func(resolved session.Resolved, scope *ravi.Scope, entry ravi.PasswordEntry) (err error) {
		r = deleteCredentialResult{ActedFor: tool.Acted(resolved), Deleted: refOfCredential(entry)}
		if p.WithTOTP {
			of, known := accountOf(entry)
			if !known {
				return ravi.ErrLocked
			}
			if r.TOTPDeleted, err = h.deleteTOTP(ctx, resolved.Identity.UUID, scope, of); err != nil {
				return err
			}
		}
		if err := scope.DeletePassword(ctx, entry.UUID); err != nil {
			return err
		}
		// Last, so that a login that is still there has its former passwords.
		if err := scope.DeleteSecret(ctx, recordKey(entry.UUID)); !errors.Is(err, ravi.ErrNotFound) {
			return err
		}
		return nil
	})
	return r, err
}
