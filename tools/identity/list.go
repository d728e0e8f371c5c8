package identity

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"ravi-mcp/tools/tool"
)

type listIdentitiesParams struct {
	NamePrefix string `json:"name_prefix,omitempty" jsonschema:"maxLength=64" jsonschema_description:"Only identities whose name begins with this."`
	Limit      int    `json:"limit,omitempty" jsonschema:"minimum=1,maximum=1000,default=100" jsonschema_description:"How many to return at most (default 100)."`
}

type listedIdentity struct {
	tool.IdentityRef
	tool.IdentityDetails
}

type listIdentitiesResult struct {
	Identities []listedIdentity `json:"identities"`
	Total      int              `json:"total" jsonschema_description:"How many match, including those beyond the limit."`
}

func (r listIdentitiesResult) Summary() string {
	if r.Total == 0 {
		return "No identities. create_identity makes one."
	}
	return fmt.Sprintf("%d of %d identities.", len(r.Identities), r.Total)
}

func (h *handlers) listIdentities(ctx context.Context, call tool.Call, p listIdentitiesParams) (listIdentitiesResult, error) {
	mine, err := h.Identities(ctx, call)
	if err != nil {
		return listIdentitiesResult{}, err
	}
	r := listIdentitiesResult{Identities: []listedIdentity{}}
	for _, i := range mine {
		if !strings.HasPrefix(i.Name, p.NamePrefix) {
			continue
		}
		r.Total++
		if len(r.Identities) < cmp.Or(p.Limit, 100) {
			r.Identities = append(r.Identities, listedIdentity{IdentityRef: tool.Ref(i), IdentityDetails: tool.Details(i)})
		}
	}
	return r, nil
}
