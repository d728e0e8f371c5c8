package vault

import (
	"cmp"
	"context"
	"fmt"

	"ravi-mcp/ravi/secret"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// GeneratePasswordParams are the arguments of generate_password.
type GeneratePasswordParams struct {
	tool.IdentityArgument
	Length int `json:"length,omitempty" jsonschema:"minimum=8,maximum=128,default=24" jsonschema_description:"How many characters (default 24)."`
	CharacterRules
	Source PasswordSource `json:"source,omitempty" jsonschema:"enum=local,enum=ravi,default=local" jsonschema_description:"Where it is made: local (default), in this server, needs no identity; ravi asks Ravi's generator."`
}

// PasswordSource says where a password is made.
type PasswordSource string

// The sources of a generated password.
const (
	SourceLocal PasswordSource = "local"
	SourceRavi  PasswordSource = "ravi"
)

// GeneratePasswordResult is the result of generate_password. The identity is
// absent when none was needed.
type GeneratePasswordResult struct {
	Identity   *tool.IdentityRef `json:"identity,omitempty"`
	ResolvedBy session.By        `json:"resolved_by,omitempty"`
	Password   string            `json:"password" jsonschema_description:"Stored nowhere; pass it to save_credential."`
	Source     PasswordSource    `json:"source" jsonschema:"enum=local,enum=ravi"`
}

// Summary implements Result.
func (r GeneratePasswordResult) Summary() string {
	return fmt.Sprintf("A new password of %d characters, stored nowhere.", len([]rune(r.Password)))
}

func (h *handlers) generatePassword(ctx context.Context, call tool.Call, p GeneratePasswordParams) (GeneratePasswordResult, error) {
	var none GeneratePasswordResult
	classes, err := p.classes()
	if err != nil {
		return none, err
	}
	var password secret.Secret
	r := GeneratePasswordResult{Source: SourceLocal}
	if p.Source == SourceRavi {
		resolved, scope, err := h.Scope(ctx, call, p.Identity)
		if err != nil {
			return none, err
		}
		if password, err = scope.GeneratePassword(ctx, p.forRavi(cmp.Or(p.Length, defaultPasswordLength))); err != nil {
			return none, err
		}
		identity := tool.Ref(resolved.Identity)
		r.Source, r.Identity, r.ResolvedBy = SourceRavi, &identity, resolved.By
	} else {
		password = generatePassword(p.Length, classes)
	}
	r.Password = password.Reveal()
	return r, nil
}
