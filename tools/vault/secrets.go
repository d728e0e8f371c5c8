package vault

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/tools/otpauth"
	"ravi-mcp/tools/tool"
)

var secretName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// cleanSecretName returns the name as Ravi stores it (docs/ravi-api.md#secrets).
func cleanSecretName(name string) (string, error) {
	name = strings.TrimSpace(name)
	ascii := !strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) // some other letters become A to Z in upper case
	upper := strings.ToUpper(name)
	if !ascii || !secretName.MatchString(upper) {
		return "", fault.New(fault.InvalidArgument, "`name` must begin with a letter and hold only letters from A to Z, digits and underscores.",
			"Use a name such as GITHUB_TOKEN; lower case is turned into upper case.")
	}
	if reserved(upper) {
		return "", fault.New(fault.InvalidArgument, "`name` must not begin with TOTP_ or TOTPBACKUP_; these are kept for two-factor seeds and backup codes.",
			"Choose another name. For two-factor codes use set_totp, get_totp and use_backup_code.")
	}
	return upper, nil
}

// reserved reports whether a name is one of two-factor values, which the secrets
// tools neither show nor touch.
func reserved(name string) bool {
	return strings.HasPrefix(name, otpauth.SeedPrefix) || strings.HasPrefix(name, otpauth.BackupPrefix)
}

// SecretRef names a stored secret; it holds no value.
type SecretRef struct {
	Name      string    `json:"name"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

func secretRef(e ravi.SecretEntry) SecretRef {
	updated := e.Updated
	if updated.IsZero() {
		updated = e.Created
	}
	return SecretRef{Name: e.Key, UpdatedAt: updated}
}

// SetSecretParams are the arguments of set_secret.
type SetSecretParams struct {
	tool.IdentityArgument
	Name  string `json:"name" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"Letters, digits and underscores, as in GITHUB_TOKEN; stored in upper case."`
	Value string `json:"value" jsonschema:"minLength=1,maxLength=65536" jsonschema_description:"The value to keep."`
	Notes string `json:"notes,omitempty" jsonschema:"maxLength=4000" jsonschema_description:"Anything to keep with it; stored like the value."`
}

// SetSecretResult is the result of set_secret.
type SetSecretResult struct {
	tool.ActedFor
	Secret  SecretRef `json:"secret"`
	Created bool      `json:"created" jsonschema_description:"False when an existing value was replaced."`
}

// Summary implements Result.
func (r SetSecretResult) Summary() string {
	if r.Created {
		return fmt.Sprintf("Stored the secret %s.", r.Secret.Name)
	}
	return fmt.Sprintf("Replaced the value of the secret %s.", r.Secret.Name)
}

func (h *handlers) setSecret(ctx context.Context, call tool.Call, p SetSecretParams) (SetSecretResult, error) {
	name, err := cleanSecretName(p.Name)
	if err := tool.FirstProblem(err, tool.CheckText("value", p.Value), tool.CheckText("notes", p.Notes)); err != nil {
		return SetSecretResult{}, err
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return SetSecretResult{}, err
	}
	entry, created, err := scope.SetSecret(ctx, name, secret.New(p.Value), secret.New(p.Notes))
	if err != nil {
		return SetSecretResult{}, err
	}
	return SetSecretResult{ActedFor: tool.Acted(resolved), Secret: secretRef(*entry), Created: created}, nil
}

// GetSecretParams are the arguments of get_secret.
type GetSecretParams struct {
	tool.IdentityArgument
	Name string `json:"name" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"The secret's name, in any case."`
	RevealArgument
}

func (p GetSecretParams) shows() string {
	if !p.wanted() {
		return ""
	}
	return "the value of the secret " + tool.Shown(p.Name)
}

// GetSecretResult is the result of get_secret.
type GetSecretResult struct {
	tool.ActedFor
	Secret   SecretRef `json:"secret"`
	Revealed bool      `json:"revealed" jsonschema_description:"Whether value and notes are part of this result."`
	Value    string    `json:"value,omitempty"`
	Notes    string    `json:"notes,omitempty"`
}

// Summary implements Result.
func (r GetSecretResult) Summary() string {
	if !r.Revealed {
		return fmt.Sprintf("There is a secret %s; its value is not shown.", r.Secret.Name)
	}
	return fmt.Sprintf("The secret %s.", r.Secret.Name)
}

func (h *handlers) getSecret(ctx context.Context, call tool.Call, p GetSecretParams) (GetSecretResult, error) {
	var none GetSecretResult
	name, err := cleanSecretName(p.Name)
	if err != nil {
		return none, err
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return none, err
	}
	if !p.wanted() {
		found, err := secretNamed(ctx, scope, name)
		return GetSecretResult{ActedFor: tool.Acted(resolved), Secret: found}, err
	}
	entry, err := scope.Secret(ctx, name)
	if err != nil {
		return none, noSecret(err)
	}
	return GetSecretResult{
		ActedFor: tool.Acted(resolved), Secret: secretRef(*entry), Revealed: true, Value: entry.Value.Reveal(), Notes: entry.Notes.Reveal(),
	}, nil
}

// secretNamed finds a secret without asking for its value.
func secretNamed(ctx context.Context, scope *ravi.Scope, name string) (SecretRef, error) {
	entries, err := scope.Secrets(ctx)
	if err != nil {
		return SecretRef{}, err
	}
	for _, e := range entries {
		if strings.EqualFold(e.Key, name) {
			return secretRef(e), nil
		}
	}
	return SecretRef{}, noSecret(ravi.ErrNotFound)
}

// noSecret puts the words of these tools to Ravi's "not found".
func noSecret(err error) error {
	if !errors.Is(err, ravi.ErrNotFound) {
		return err
	}
	return fault.New(fault.NotFound, "This identity has no secret of that name.", "list_secrets shows the names; set_secret stores a value.").WithCause(err)
}

// DeleteSecretParams are the arguments of delete_secret.
type DeleteSecretParams struct {
	tool.IdentityArgument
	Name string `json:"name" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"The secret's name, in any case."`
}

// DeleteSecretResult is the result of delete_secret.
type DeleteSecretResult struct {
	tool.ActedFor
	Deleted string `json:"deleted" jsonschema_description:"The name of the secret that is gone."`
}

// Summary implements Result.
func (r DeleteSecretResult) Summary() string { return fmt.Sprintf("Deleted the secret %s.", r.Deleted) }

func (h *handlers) deleteSecret(ctx context.Context, call tool.Call, p DeleteSecretParams) (DeleteSecretResult, error) {
	name, err := cleanSecretName(p.Name)
	if err != nil {
		return DeleteSecretResult{}, err
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return DeleteSecretResult{}, err
	}
	return DeleteSecretResult{ActedFor: tool.Acted(resolved), Deleted: name}, noSecret(scope.DeleteSecret(ctx, name))
}

// ListSecretsParams are the arguments of list_secrets.
type ListSecretsParams struct{ tool.IdentityArgument }

// ListSecretsResult is the result of list_secrets.
type ListSecretsResult struct {
	tool.ActedFor
	Secrets []SecretRef `json:"secrets"`
}

// Summary implements Result.
func (r ListSecretsResult) Summary() string {
	return fmt.Sprintf("%d secret(s) of %s.", len(r.Secrets), r.Identity.Name)
}

func (h *handlers) listSecrets(ctx context.Context, call tool.Call, p ListSecretsParams) (ListSecretsResult, error) {
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return ListSecretsResult{}, err
	}
	entries, err := scope.Secrets(ctx)
	if err != nil {
		return ListSecretsResult{}, err
	}
	r := ListSecretsResult{ActedFor: tool.Acted(resolved), Secrets: []SecretRef{}}
	for _, e := range entries {
		if !reserved(e.Key) {
			r.Secrets = append(r.Secrets, secretRef(e))
		}
	}
	return r, nil
}
