package tools

import (
	"context"
	"errors"
	"slices"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
	"ravi-mcp/tools/vault"
)

// CompleteParams are what a client gives for a list of proposals while a person types.
type CompleteParams struct {
	Value    string `json:"value" jsonschema:"maxLength=254" jsonschema_description:"What was typed so far."`
	Identity string `json:"identity,omitempty" jsonschema:"maxLength=254" jsonschema_description:"The identity that was chosen before, if any."`
}

// Proposals are values that begin with what was typed, at most 100.
type Proposals struct {
	Values []string `json:"values"`
	Total  int      `json:"total"`
}

// Completer proposes values for what a person has typed so far.
type Completer func(ctx context.Context, call tool.Call, p CompleteParams) (Proposals, error)

// maxProposals is how many values one answer may have (2025-11-25, completion).
const maxProposals = 100

func proposals(values []string) Proposals {
	shown := values[:min(len(values), maxProposals)]
	return Proposals{Values: append([]string{}, shown...), Total: len(values)}
}

// CompleteIdentity proposes what names one of the caller's identities: names, uuids where two have
// the same name, and uuids when one is being typed.
func CompleteIdentity(d *tool.Deps) Completer {
	return func(ctx context.Context, call tool.Call, p CompleteParams) (Proposals, error) {
		mine, err := d.Identities(ctx, call)
		if err != nil {
			return Proposals{}, err
		}
		count := make(map[string]int)
		for _, i := range mine {
			count[i.Name]++
		}
		var names, uuids []string
		for _, i := range mine {
			switch {
			case startsWith(i.Name, p.Value) && count[i.Name] == 1 && tool.Clean(i.Name, tool.MaxFrom) == i.Name:
				names = append(names, i.Name)
			case startsWith(i.Name, p.Value), p.Value != "" && startsWith(i.UUID, p.Value):
				uuids = append(uuids, i.UUID)
			}
		}
		slices.Sort(names)
		return proposals(append(names, uuids...)), nil
	}
}

// CompleteUUID proposes uuids of the caller's identities, for a uuid or a name that is being typed.
func CompleteUUID(d *tool.Deps) Completer {
	return func(ctx context.Context, call tool.Call, p CompleteParams) (Proposals, error) {
		mine, err := d.Identities(ctx, call)
		if err != nil {
			return Proposals{}, err
		}
		var uuids []string
		for _, i := range mine {
			if startsWith(i.UUID, p.Value) || startsWith(i.Name, p.Value) {
				uuids = append(uuids, i.UUID)
			}
		}
		return proposals(uuids), nil
	}
}

// CompleteDomain proposes domains for which the identity has credentials. While the identity is not
// known, there are none.
func CompleteDomain(d *tool.Deps) Completer {
	return func(ctx context.Context, call tool.Call, p CompleteParams) (Proposals, error) {
		_, scope, err := d.Scope(ctx, call, p.Identity)
		if fault.Has(err, fault.IdentityRequired) || p.Identity != "" && (fault.Has(err, fault.IdentityNotFound) || fault.Has(err, fault.IdentityAmbiguous)) {
			return proposals(nil), nil // still being typed
		}
		if err != nil {
			return Proposals{}, err
		}
		entries, err := vault.Logins(ctx, scope)
		if err != nil && !errors.Is(err, ravi.ErrUnsupported) {
			return Proposals{}, err
		}
		var domains []string
		for _, e := range entries {
			if domain := tool.Clean(e.Domain, 253); startsWith(domain, p.Value) {
				domains = append(domains, domain)
			}
		}
		slices.Sort(domains)
		return proposals(slices.Compact(domains)), nil
	}
}

func startsWith(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
