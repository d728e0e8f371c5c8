package mail

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

type contact struct {
	ID        string    `json:"id" jsonschema_description:"Pass it to save_contact or delete_contact."`
	Email     string    `json:"email,omitempty"`
	Phone     string    `json:"phone,omitempty"`
	Name      string    `json:"name,omitempty" jsonschema_description:"Of a contact with source auto, it may be what a stranger called himself."`
	Nickname  string    `json:"nickname,omitempty"`
	Trusted   bool      `json:"trusted" jsonschema_description:"Whether the owner of the account trusts the contact."`
	Source    string    `json:"source,omitempty" jsonschema_description:"auto: made by Ravi, and nobody saved it."`
	LastHeard time.Time `json:"last_interaction_at,omitzero"`
}

func contactOf(c ravi.Contact) contact {
	return contact{
		ID: c.UUID, Email: tool.Clean(c.Email, tool.MaxFrom), Phone: tool.Clean(c.Phone, 32), Name: tool.Clean(c.DisplayName, 255), Nickname: tool.Clean(c.Nickname, 255),
		Trusted: c.IsTrusted, Source: tool.Clean(c.Source, 32), LastHeard: c.Last,
	}
}

// reached returns the address and the number given, cleaned. checkPhone is phoneNumber or
// savedPhoneNumber.
func reached(email, phone string, checkPhone func(field, given string) (string, error)) (string, string, error) {
	var err error
	if email != "" {
		if email, err = mailAddress("email", email); err != nil {
			return "", "", err
		}
	}
	if phone != "" {
		phone, err = checkPhone("phone", phone)
	}
	return email, phone, err
}

type findContactParams struct {
	tool.IdentityArgument
	Email string `json:"email,omitempty" jsonschema:"maxLength=320" jsonschema_description:"Exactly this address."`
	Phone string `json:"phone,omitempty" jsonschema:"maxLength=20" jsonschema_description:"Exactly this number, in E.164 form as in +14155550123."`
	Query string `json:"q,omitempty" jsonschema:"maxLength=200" jsonschema_description:"Part of the name or address."`
	Limit int    `json:"limit,omitempty" jsonschema:"minimum=1,maximum=100" jsonschema_description:"How many to return at most (default 20)."`
}

type findContactResult struct {
	tool.ActedFor
	Contacts []contact `json:"contacts"`
	Total    int       `json:"total" jsonschema_description:"How many match, including those beyond the limit."`
}

func (h *handlers) findContact(ctx context.Context, call tool.Call, p findContactParams) (none findContactResult, err error) {
	query := strings.TrimSpace(p.Query)
	if exact := p.Email != "" || p.Phone != ""; exact == (query != "") {
		return none, fault.New(fault.InvalidArgument, "Either `q`, or `email` or `phone`, must be given.", "Pass q to search by a part of the name, or email or phone for exactly one contact.")
	}
	email, phone, err := reached(p.Email, p.Phone, savedPhoneNumber)
	if err := cmp.Or(err, tool.CheckLine("q", query)); err != nil {
		return none, err
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return none, err
	}
	var found []ravi.Contact
	if query != "" {
		found, err = scope.SearchContacts(ctx, query)
	} else {
		found, err = exactContact(ctx, scope, email, phone)
	}
	if err != nil {
		return none, err
	}
	shown := found[:min(len(found), cmp.Or(p.Limit, 20))]
	return findContactResult{ActedFor: tool.Acted(resolved), Contacts: tool.Convert(shown, contactOf), Total: len(found)}, nil
}

// exactContact returns the one contact with an address and a number, or none.
func exactContact(ctx context.Context, scope *ravi.Scope, email, phone string) ([]ravi.Contact, error) {
	c, err := scope.FindContact(ctx, email, phone)
	if errors.Is(err, ravi.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []ravi.Contact{*c}, nil
}

type deleteContactParams struct {
	tool.IdentityArgument
	ID    string `json:"id,omitempty" jsonschema:"maxLength=64" jsonschema_description:"The contact's id from find_contact."`
	Email string `json:"email,omitempty" jsonschema:"maxLength=320" jsonschema_description:"Its address, in place of id."`
	Phone string `json:"phone,omitempty" jsonschema:"maxLength=20" jsonschema_description:"Its number in E.164 form, in place of id."`
}

type deleteContactResult struct {
	tool.ActedFor
	Deleted bool   `json:"deleted"`
	ID      string `json:"id"`
}

func (h *handlers) deleteContact(ctx context.Context, call tool.Call, p deleteContactParams) (none deleteContactResult, err error) {
	if (p.ID != "") == (p.Email != "" || p.Phone != "") {
		return none, fault.New(fault.InvalidArgument, "Either `id`, or `email` or `phone`, must be given.", "Pass the id from find_contact.")
	}
	email, phone, err := reached(p.Email, p.Phone, savedPhoneNumber)
	if err != nil {
		return none, err
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return none, err
	}
	id := p.ID
	if id == "" {
		found, err := scope.FindContact(ctx, email, phone)
		if err != nil {
			return none, noContact(err)
		}
		id = found.UUID
	}
	if err := scope.DeleteContact(ctx, id); err != nil {
		return none, noContact(err)
	}
	return deleteContactResult{ActedFor: tool.Acted(resolved), Deleted: true, ID: id}, nil
}

// noContact says in this server's words that a contact does not exist.
func noContact(err error) error {
	if errors.Is(err, ravi.ErrNotFound) {
		return fault.New(fault.NotFound, "The identity has no such contact.", "Look for it with find_contact.").WithCause(err)
	}
	return err
}
