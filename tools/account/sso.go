package account

import (
	"context"
	"time"

	"ravi-mcp/tools/tool"
)

type getSSOTokenResult struct {
	tool.ActedFor
	Token     string    `json:"token" jsonschema_description:"Give it to the site that asks for it and to nobody else."`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

func showsSSOToken(tool.IdentityArgument) string {
	return "a token that signs in as the identity for five minutes"
}

func (h *handlers) getSSOToken(ctx context.Context, call tool.Call, p tool.IdentityArgument) (getSSOTokenResult, error) {
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return getSSOTokenResult{}, err
	}
	token, err := scope.SSOToken(ctx)
	if err != nil {
		return getSSOTokenResult{}, err
	}
	return getSSOTokenResult{ActedFor: tool.Acted(resolved), Token: token.Token.Reveal(), ExpiresAt: token.ExpiresAt}, nil
}
