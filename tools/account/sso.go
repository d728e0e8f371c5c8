package account

import (
	"context"
	"fmt"
	"time"

	"ravi-mcp/tools/tool"
)

// GetSSOTokenParams are the arguments of get_sso_token.
type GetSSOTokenParams struct{ tool.IdentityArgument }

// GetSSOTokenResult is the result of get_sso_token.
type GetSSOTokenResult struct {
	tool.ActedFor
	Token     string    `json:"token" jsonschema_description:"Give it to the site that asks for it and to nobody else."`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Summary implements Result.
func (r GetSSOTokenResult) Summary() string {
	return fmt.Sprintf("A sign-in token of %s, good for five minutes.", r.Identity.Name)
}

func (GetSSOTokenParams) shows() string {
	return "a token that signs in as the identity for five minutes"
}

func (h *handlers) getSSOToken(ctx context.Context, call tool.Call, p GetSSOTokenParams) (GetSSOTokenResult, error) {
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return GetSSOTokenResult{}, err
	}
	token, err := scope.SSOToken(ctx)
	if err != nil {
		return GetSSOTokenResult{}, err
	}
	return GetSSOTokenResult{ActedFor: tool.Acted(resolved), Token: token.Token.Reveal(), ExpiresAt: token.ExpiresAt}, nil
}
