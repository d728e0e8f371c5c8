package vault

import (
	"context"

	"ravi-mcp/tools/tool"
)

type generatePasswordParams struct {
	Length int `json:"length,omitempty" jsonschema:"minimum=8,maximum=128" jsonschema_description:"Default 24."`
	characterRules
}

type generatePasswordResult struct {
	Password  string        `json:"password" jsonschema_description:"Stored nowhere."`
	Generated passwordShape `json:"generated"`
}

func (h *handlers) generatePassword(_ context.Context, _ tool.Call, p generatePasswordParams) (none generatePasswordResult, err error) {
	shape, err := p.shape(p.Length)
	if err != nil {
		return none, err
	}
	return generatePasswordResult{shape.generate().Reveal(), *shape}, nil
}
