package vault

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
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
		return "", fault.New(fault.InvalidArgument, "`name` must not begin with TOTP_, TOTPBACKUP_ or LOGINRECORD_; these are kept for what belongs to logins.",
			"Choose another name. What belongs to a login has tools of its own.")
	}
	return upper, nil
}

// reserved reports whether a name is one of values that belong to logins, which the secrets tools
// neither show nor touch.
func reserved(name string) bool {
	return strings.HasPrefix(name, otpauth.SeedPrefix) || strings.HasPrefix(name, otpauth.BackupPrefix) || strings.HasPrefix(name, tool.RecordPrefix)
}

// secretRef names a stored secret; it holds no value.
type secretRef struct {
	Name      string    `json:"name"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

func refOfSecret(e ravi.SecretEntry) secretRef {
	r := secretRef{Name: e.Key, UpdatedAt: e.Updated}
	if r.UpdatedAt.IsZero() {
		r.UpdatedAt = e.Created
	}
	return r
}

type setSecretParams struct {
	tool.IdentityArgument
	Name  string `json:"name" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"Letters, digits and _; stored in upper case."`
	Value string `json:"value" jsonschema:"minLength=1,maxLength=65536" jsonschema_description:"To keep."`
	Notes string `json:"notes,omitempty" jsonschema:"maxLength=4000" jsonschema_description:"Kept like the value."`
}

type setSecretResult struct {
	tool.ActedFor
	Secret  secretRef `json:"secret"`
	Created bool      `json:"created" jsonschema_description:"False when replaced."`
}

func (h *handlers) setSecret(ctx context.Context, call tool.Call, p setSecretParams) (setSecretResult, error) {
	name, err := cleanSecretName(p.Name)
	if err := cmp.Or(err, tool.CheckText("value", p.Value), tool.CheckText("notes", p.Notes)); err != nil {
		return setSecretResult{}, err
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return setSecretResult{}, err
	}
	entry, created, err := scope.SetSecret(ctx, name, secret.New(p.Value), secret.New(p.Notes))
	if err != nil {
		return setSecretResult{}, err
	}
	return setSecretResult{ActedFor: tool.Acted(resolved), Secret: refOfSecret(*entry), Created: created}, nil
}

type getSecretParams struct {
	tool.IdentityArgument
	Name string `json:"name" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"In any case."`
	revealArgument
}

func (p getSecretParams) shows() string {
	if !p.wanted() {
		return ""
	}
	return "the value of the secret " + tool.Shown(p.Name)
}

type getSecretResult struct {
	tool.ActedFor
	Secret   secretRef `json:"secret"`
	Revealed bool      `json:"revealed" jsonschema_description:"With value and notes."`
	Value    string    `json:"value,omitempty"`
	Notes    string    `json:"notes,omitempty"`
}

func (h *handlers) getSecret(ctx context.Context, call tool.Call, p getSecretParams) (none getSecretResult, err error) {
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
		return getSecretResult{ActedFor: tool.Acted(resolved), Secret: found}, err
	}
	entry, err := scope.Secret(ctx, name)
	if err != nil {
		return none, noSecret(err)
	}
	return getSecretResult{
		ActedFor: tool.Acted(resolved), Secret: refOfSecret(*entry), Revealed: true, Value: entry.Value.Reveal(), Notes: entry.Notes.Reveal(),
	}, nil
}

// secretNamed finds a secret without asking for its value.
func secretNamed(ctx context.Context, scope *ravi.Scope, name string) (secretRef, error) {
	entries, err := scope.Secrets(ctx)
	if err != nil {
		return secretRef{}, err
	}
	for _, e := range entries {
		if strings.EqualFold(e.Key, name) {
			return refOfSecret(e), nil
		}
	}
	return secretRef{}, noSecret(ravi.ErrNotFound)
}

// noSecret puts the words of these tools to Ravi's "not found".
func noSecret(err error) error {
	if !errors.Is(err, ravi.ErrNotFound) {
		return err
	}
	return fault.New(fault.NotFound, "This identity has no secret of that name.", "list_secrets shows the names; set_secret stores a value.").WithCause(err)
}

type deleteSecretParams struct {
	tool.IdentityArgument
	Name string `json:"name" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"In any case."`
}

type deleteSecretResult struct {
	tool.ActedFor
	Deleted string `json:"deleted"`
}

func (h *handlers) deleteSecret(ctx context.Context, call tool.Call, p deleteSecretParams) (deleteSecretResult, error) {
	name, err := cleanSecretName(p.Name)
	if err != nil {
		return deleteSecretResult{}, err
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return deleteSecretResult{}, err
	}
	return deleteSecretResult{ActedFor: tool.Acted(resolved), Deleted: name}, noSecret(scope.DeleteSecret(ctx, name))
}

type listSecretsResult struct {
	tool.ActedFor
	Secrets []secretRef `json:"secrets"`
	Total   int         `json:"total" jsonschema_description:"Those beyond the limit too."`
}

func (h *handlers) listSecrets(ctx context.Context, call tool.Call, p listParams) (listSecretsResult, error) {
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return listSecretsResult{}, err
	}
	entries, err := scope.Secrets(ctx)
	if err != nil {
		return listSecretsResult{}, err
	}
	entries = slices.DeleteFunc(entries, func(e ravi.SecretEntry) bool { return reserved(e.Key) })
	return listSecretsResult{tool.Acted(resolved), tool.Convert(firstOf(entries, p), refOfSecret), len(entries)}, nil
}
