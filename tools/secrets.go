package tools

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"ravi-mcp/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/secret"
)

var secretName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// reservedPrefixes are the names under which 2FA seeds and backup codes stand
// in the secret store (DESIGN section 5); the secrets tools do not touch them.
var reservedPrefixes = []string{"TOTP_", "TOTPBACKUP_"}

// cleanSecretName returns the name as Ravi stores it (API.md section 2.7).
func cleanSecretName(name string) (string, error) {
	upper := strings.ToUpper(strings.TrimSpace(name))
	if !secretName.MatchString(upper) {
		return "", fault.New(fault.InvalidArgument, "`name` must begin with a letter and hold only letters, digits and underscores.",
			"Use a name such as GITHUB_TOKEN; lower case is turned into upper case.")
	}
	if reserved(upper) {
		return "", fault.New(fault.InvalidArgument, "Names that begin with TOTP_ or TOTPBACKUP_ are kept for two-factor seeds and backup codes.",
			"Choose another name.")
	}
	return upper, nil
}

func reserved(name string) bool {
	for _, p := range reservedPrefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
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
	IdentityArgument
	Name  string `json:"name" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"Letters, digits and underscores, as in GITHUB_TOKEN; stored in upper case."`
	Value string `json:"value" jsonschema:"minLength=1,maxLength=65536" jsonschema_description:"The value to keep."`
	Notes string `json:"notes,omitempty" jsonschema:"maxLength=4000" jsonschema_description:"Anything to keep with it; stored like the value."`
}

// SetSecretResult is the result of set_secret.
type SetSecretResult struct {
	ActedFor
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

func (d *Deps) setSecret(ctx context.Context, call Call, p SetSecretParams) (SetSecretResult, error) {
	name, err := cleanSecretName(p.Name)
	if err != nil {
		return SetSecretResult{}, err
	}
	resolved, scope, err := d.scope(ctx, call, p.Identity)
	if err != nil {
		return SetSecretResult{}, err
	}
	entry, created, err := scope.SetSecret(ctx, name, secret.New(p.Value), secret.New(p.Notes))
	if err != nil {
		return SetSecretResult{}, err
	}
	return SetSecretResult{ActedFor: actedFor(resolved), Secret: secretRef(*entry), Created: created}, nil
}

// GetSecretParams are the arguments of get_secret.
type GetSecretParams struct {
	IdentityArgument
	Name string `json:"name" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"The secret's name, in any case."`
}

// GetSecretResult is the result of get_secret.
type GetSecretResult struct {
	ActedFor
	Secret SecretRef `json:"secret"`
	Value  string    `json:"value"`
	Notes  string    `json:"notes,omitempty"`
}

// Summary implements Result.
func (r GetSecretResult) Summary() string { return fmt.Sprintf("The secret %s.", r.Secret.Name) }

func (d *Deps) getSecret(ctx context.Context, call Call, p GetSecretParams) (GetSecretResult, error) {
	name, err := cleanSecretName(p.Name)
	if err != nil {
		return GetSecretResult{}, err
	}
	resolved, scope, err := d.scope(ctx, call, p.Identity)
	if err != nil {
		return GetSecretResult{}, err
	}
	entry, err := scope.Secret(ctx, name)
	if err != nil {
		return GetSecretResult{}, err
	}
	return GetSecretResult{ActedFor: actedFor(resolved), Secret: secretRef(*entry), Value: entry.Value.Reveal(), Notes: entry.Notes.Reveal()}, nil
}

// ListSecretsParams are the arguments of list_secrets.
type ListSecretsParams struct{ IdentityArgument }

// ListSecretsResult is the result of list_secrets.
type ListSecretsResult struct {
	ActedFor
	Secrets []SecretRef `json:"secrets"`
}

// Summary implements Result.
func (r ListSecretsResult) Summary() string {
	return fmt.Sprintf("%d secret(s) of %s.", len(r.Secrets), r.Identity.Name)
}

func (d *Deps) listSecrets(ctx context.Context, call Call, p ListSecretsParams) (ListSecretsResult, error) {
	resolved, scope, err := d.scope(ctx, call, p.Identity)
	if err != nil {
		return ListSecretsResult{}, err
	}
	entries, err := scope.Secrets(ctx)
	if err != nil {
		return ListSecretsResult{}, err
	}
	r := ListSecretsResult{ActedFor: actedFor(resolved), Secrets: []SecretRef{}}
	for _, e := range entries {
		if !reserved(e.Key) {
			r.Secrets = append(r.Secrets, secretRef(e))
		}
	}
	return r, nil
}
