package vault

import (
	"context"
	"errors"

	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

// revealArgument is the argument of the tools that return a stored value.
type revealArgument struct {
	Reveal *bool `json:"reveal,omitempty" jsonschema_description:"False to get everything but the value and the notes, for example to check that it exists."`
}

func (a revealArgument) wanted() bool { return a.Reveal == nil || *a.Reveal }

type getCredentialParams struct {
	tool.IdentityArgument
	credentialChoice
	revealArgument
	Previous bool `json:"previous,omitempty" jsonschema_description:"Also return the former passwords that update_credential keeps."`
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
	Status     credentialStatus `json:"status" jsonschema:"enum=found,enum=ambiguous"`
	Revealed   bool             `json:"revealed" jsonschema_description:"Whether password and notes are part of this result."`
	Credential *credential      `json:"credential,omitempty"`
	Candidates []credentialRef  `json:"candidates,omitempty" jsonschema_description:"When the domain has several accounts: call again with one of their ids."`
	Hint       string           `json:"hint,omitempty"`
}

// credential is a credential with its password, if that was to be revealed.
type credential struct {
	credentialRef
	HasPrevious bool     `json:"has_previous,omitempty" jsonschema_description:"Former passwords are kept; previous returns them."`
	Password    string   `json:"password,omitempty"`
	Previous    []string `json:"previous_passwords,omitempty" jsonschema_description:"The one that restore_previous would bring back comes first."`
	Notes       string   `json:"notes,omitempty"`
}

func (h *handlers) getCredential(ctx context.Context, call tool.Call, p getCredentialParams) (none getCredentialResult, err error) {
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
			return getCredentialResult{
				ActedFor: tool.Acted(resolved), Status: credentialAmbiguous, Candidates: tool.Convert(entries, refOfCredential),
				Hint: "Several accounts fit: call again with the id of the one you mean.",
			}, nil
		}
		if !p.wanted() {
			r, err := readRecord(ctx, scope, entries[0].UUID)
			if err != nil && !errors.Is(err, ravi.ErrLocked) {
				return none, err
			}
			return getCredentialResult{
				ActedFor: tool.Acted(resolved), Status: credentialFound,
				Credential: &credential{credentialRef: refOfCredential(entries[0]), HasPrevious: len(r.former) > 0},
			}, nil
		}
		p.ID = entries[0].UUID
	}
	entry, err := scope.Password(ctx, p.ID)
	if err != nil {
		return none, err
	}
	r, err := readRecord(ctx, scope, entry.UUID)
	if err != nil {
		return none, err
	}
	c := credential{credentialRef: refOfCredential(*entry), Password: entry.Password.Reveal(), Notes: entry.Notes.Reveal()}
	previous := r.previous(c.Password)
	c.HasPrevious = len(previous) > 0
	if p.Previous {
		c.Previous = previous
	}
	return getCredentialResult{ActedFor: tool.Acted(resolved), Status: credentialFound, Revealed: true, Credential: &c}, nil
}
