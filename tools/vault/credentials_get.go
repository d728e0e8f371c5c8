package vault

import (
	"context"
	"fmt"

	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// RevealArgument is the argument of the tools that return a stored value.
type RevealArgument struct {
	Reveal *bool `json:"reveal,omitempty" jsonschema:"default=true" jsonschema_description:"False to get everything but the value and the notes, for example to check that it exists."`
}

func (a RevealArgument) wanted() bool { return a.Reveal == nil || *a.Reveal }

// GetCredentialParams are the arguments of get_credential.
type GetCredentialParams struct {
	tool.IdentityArgument
	CredentialChoice
	RevealArgument
}

func (p GetCredentialParams) shows() string {
	if !p.wanted() {
		return ""
	}
	return "the password and notes stored for " + p.shown()
}

// CredentialStatus says how a tool that names an account ended.
type CredentialStatus string

// The two ends that are not errors.
const (
	CredentialFound     CredentialStatus = "found"
	CredentialAmbiguous CredentialStatus = "ambiguous"
)

// GetCredentialResult is the result of get_credential.
type GetCredentialResult struct {
	tool.ActedFor
	Status     CredentialStatus `json:"status" jsonschema:"enum=found,enum=ambiguous"`
	Revealed   bool             `json:"revealed" jsonschema_description:"Whether password and notes are part of this result."`
	Credential *Credential      `json:"credential,omitempty"`
	Candidates []CredentialRef  `json:"candidates,omitempty" jsonschema_description:"When the domain has several accounts: call again with one of their ids."`
}

// Credential is a credential with its password, if that was to be revealed.
type Credential struct {
	CredentialRef
	Password string `json:"password,omitempty"`
	Notes    string `json:"notes,omitempty"`
}

// Summary implements Result.
func (r GetCredentialResult) Summary() string {
	switch {
	case r.Status == CredentialAmbiguous:
		return fmt.Sprintf("%d accounts fit; call again with one of their ids.", len(r.Candidates))
	case !r.Revealed:
		return fmt.Sprintf("There is a credential for %s; its password is not shown.", r.Credential.Domain)
	default:
		return fmt.Sprintf("The credential for %s.", r.Credential.Domain)
	}
}

func (h *handlers) getCredential(ctx context.Context, call tool.Call, p GetCredentialParams) (GetCredentialResult, error) {
	var none GetCredentialResult
	if err := p.check(); err != nil {
		return none, err
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return none, err
	}
	if p.ID == "" || !p.wanted() {
		entries, err := p.find(ctx, scope)
		if err != nil {
			return none, err
		}
		if len(entries) > 1 {
			return ambiguousCredential(resolved, entries), nil
		}
		if !p.wanted() {
			return GetCredentialResult{
				ActedFor: tool.Acted(resolved), Status: CredentialFound, Credential: &Credential{CredentialRef: credentialRef(entries[0])},
			}, nil
		}
		p.ID = entries[0].UUID
	}
	entry, err := scope.Password(ctx, p.ID)
	if err != nil {
		return none, err
	}
	return GetCredentialResult{
		ActedFor: tool.Acted(resolved), Status: CredentialFound, Revealed: true,
		Credential: &Credential{CredentialRef: credentialRef(*entry), Password: entry.Password.Reveal(), Notes: entry.Notes.Reveal()},
	}, nil
}

func ambiguousCredential(resolved session.Resolved, entries []ravi.PasswordEntry) GetCredentialResult {
	r := GetCredentialResult{ActedFor: tool.Acted(resolved), Status: CredentialAmbiguous}
	for _, e := range entries {
		r.Candidates = append(r.Candidates, credentialRef(e))
	}
	return r
}
