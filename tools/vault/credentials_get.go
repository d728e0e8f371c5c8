package vault

import (
	"context"

	"ravi-mcp/tools/tool"
)

// revealArgument is the argument of the tools that return a stored value.
type revealArgument struct {
	Reveal *bool `json:"reveal,omitempty" jsonschema_description:"False leaves out value and notes."`
}

func (a revealArgument) wanted() bool { return a.Reveal == nil || *a.Reveal }

type getCredentialParams struct {
	tool.IdentityArgument
	credentialChoice
	revealArgument
	Previous bool `json:"previous,omitempty" jsonschema_description:"Also the former passwords that are kept."`
}

func (p getCredentialParams) shows() string {
	if !p.wanted() {
		return ""
	}
	if p.Previous {
		return "the password, former passwords and notes stored for " + p.shown()
	}
	return "the password and notes stored for " + p.shown()
}

type credentialStatus string

// The two ends that are not errors.
const (
	credentialFound     credentialStatus = "found"
	credentialAmbiguous credentialStatus = "ambiguous"
)

type getCredentialResult struct {
	tool.ActedFor
	Status     credentialStatus    `json:"status" jsonschema:"enum=found,enum=ambiguous"`
	Revealed   bool                `json:"revealed" jsonschema_description:"With value and notes."`
	Credential *credential         `json:"credential,omitempty"`
	Candidates []credentialDetails `json:"candidates,omitempty"`
	Hint       string              `json:"hint,omitempty"`
}

// credential is a credential with its password, if that was to be revealed.
type credential struct {
	credentialDetails
	Password string   `json:"password,omitempty"`
	Previous []string `json:"previous_passwords,omitempty" jsonschema_description:"Latest first."`
	Notes    string   `json:"notes,omitempty"`
}

func (h *handlers) getCredential(ctx context.Context, call tool.Call, p getCredentialParams) (none getCredentialResult, err error) {
	if err := p.check(); err != nil {
		return none, err
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return none, err
	}
	r := getCredentialResult{ActedFor: tool.Acted(resolved), Status: credentialFound}
	kept, err := readBelongings(ctx, scope)
	if err != nil {
		return none, err
	}
	if p.ID == "" || !p.wanted() {
		entries, err := p.find(ctx, scope)
		if err != nil {
			return none, err
		}
		if len(entries) > 1 {
			r.Status, r.Candidates = credentialAmbiguous, tool.Convert(entries, kept.of)
			r.Hint = "Several accounts fit: call again with the id of the one you mean."
			return r, nil
		}
		if !p.wanted() {
			r.Credential = &credential{credentialDetails: kept.of(entries[0])}
			return r, nil
		}
		p.ID = entries[0].UUID
	}
	entry, err := scope.Password(ctx, p.ID)
	if err != nil {
		return none, err
	}
	c := credential{credentialDetails: kept.of(*entry), Password: entry.Password.Reveal(), Notes: entry.Notes.Reveal()}
	previous := kept.records[recordKey(entry.UUID)].previous(c.Password)
	c.HasPrevious = len(previous) > 0
	if p.Previous {
		c.Previous = previous
	}
	r.Revealed, r.Credential = true, &c
	return r, nil
}
