package vault

import (
	"cmp"
	"context"

	"ravi-mcp/ravi/secret"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

type generatePasswordParams struct {
	tool.IdentityArgument
	Length int `json:"length,omitempty" jsonschema:"minimum=8,maximum=128,default=24" jsonschema_description:"How many characters (default 24)."`
	characterRules
	Source passwordSource `json:"source,omitempty" jsonschema:"enum=local,enum=ravi,default=local" jsonschema_description:"Where it is made: local (default), in this server, needs no identity; ravi asks Ravi's generator."`
}

type passwordSource string

const (
	sourceLocal passwordSource = "local"
	sourceRavi  passwordSource = "ravi"
)

// generatePasswordResult is the result of generate_password. The identity is absent when none was
// needed.
type generatePasswordResult struct {
	Identity   *tool.IdentityRef `json:"identity,omitempty"`
	ResolvedBy session.By        `json:"resolved_by,omitempty"`
	Password   string            `json:"password" jsonschema_description:"Stored nowhere; pass it to save_credential."`
	Source     passwordSource    `json:"source" jsonschema:"enum=local,enum=ravi"`
}

func (h *handlers) generatePassword(ctx context.Context, call tool.Call, p generatePasswordParams) (none generatePasswordResult, err error) {
	classes, err := p.classes()
	if err != nil {
		return none, err
	}
	var password secret.Secret
	r := generatePasswordResult{Source: sourceLocal}
	if p.Source == sourceRavi {
		resolved, scope, err := h.Scope(ctx, call, p.Identity)
		if err != nil {
			return none, err
		}
		if password, err = scope.GeneratePassword(ctx, p.forRavi(cmp.Or(p.Length, defaultPasswordLength))); err != nil {
			return none, err
		}
		identity := tool.Ref(resolved.Identity)
		r.Source, r.Identity, r.ResolvedBy = sourceRavi, &identity, resolved.By
	} else {
		password = generatePassword(p.Length, classes)
	}
	r.Password = password.Reveal()
	return r, nil
}
