package mail

import (
	"cmp"
	"context"
	"fmt"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

// savesContact tells a person what is to be decided.
const savesContact = "Saves a contact, so that messages need no approval any more"

type saveContactParams struct {
	tool.IdentityArgument
	ID       string `json:"id,omitempty" jsonschema:"maxLength=64" jsonschema_description:"The contact to change, from find_contact. Without it, the one with the address or number is changed, or a new one is made."`
	Email    string `json:"email,omitempty" jsonschema:"maxLength=320" jsonschema_description:"Its address."`
	Phone    string `json:"phone,omitempty" jsonschema:"maxLength=20" jsonschema_description:"Its number in E.164 form, as in +14155550123."`
	Name     string `json:"name,omitempty" jsonschema:"maxLength=255" jsonschema_description:"Its name."`
	Nickname string `json:"nickname,omitempty" jsonschema:"maxLength=255" jsonschema_description:"What else it is called."`
}

func (p saveContactParams) check() (ravi.ContactFields, error) {
	var fields ravi.ContactFields
	email, phone, err := reached(p.Email, p.Phone, phoneNumber)
	if err := cmp.Or(err, tool.CheckLine("name", p.Name), tool.CheckLine("nickname", p.Nickname)); err != nil {
		return fields, err
	}
	if p.ID == "" && email == "" && phone == "" {
		return fields, fault.New(fault.InvalidArgument, "A contact needs `email` or `phone`.", "Pass one of them, or the id of a contact to change.")
	}
	for _, f := range []struct {
		value string
		to    **string
	}{{email, &fields.Email}, {phone, &fields.Phone}, {p.Name, &fields.DisplayName}, {p.Nickname, &fields.Nickname}} {
		if f.value != "" {
			*f.to = &f.value
		}
	}
	if fields == (ravi.ContactFields{}) {
		return fields, fault.New(fault.InvalidArgument, "There is nothing to change.", "Pass email, phone, name or nickname with the id.")
	}
	return fields, nil
}

type saveContactResult struct {
	tool.ActedFor
	Created bool    `json:"created"`
	Contact contact `json:"contact"`
}

// decideSaveContact asks for a decision about a new recipient: otherwise a model could approve its
// own messages by saving a contact.
func (h *handlers) decideSaveContact(ctx context.Context, call tool.Call, p saveContactParams) (*tool.Decision, error) {
	fields, err := p.check()
	if err != nil {
		return nil, err
	}
	if fields.Email != nil {
		decision, err := h.decideSend(ctx, call, p.Identity, message{does: savesContact, to: outgoing{addresses: []string{*fields.Email}}})
		if err != nil || fields.Phone == nil || decision != nil {
			return withNumber(decision, fields.Phone), err
		}
	}
	if fields.Phone != nil {
		return h.decideSend(ctx, call, p.Identity, message{does: savesContact, to: outgoing{number: *fields.Phone}})
	}
	return nil, nil
}

// withNumber names the number too, so that a person sees all that is saved.
func withNumber(d *tool.Decision, number *string) *tool.Decision {
	if d != nil && number != nil {
		d.Consequence += " The contact has the number " + tool.Shown(*number) + "."
	}
	return d
}

func (h *handlers) saveContact(ctx context.Context, call tool.Call, p saveContactParams) (none saveContactResult, err error) {
	fields, err := p.check()
	if err != nil {
		return none, err
	}
	resolved, scope, unlock, err := h.LockedScope(ctx, call, p.Identity, "contacts")
	if err != nil {
		return none, err
	}
	defer unlock()
	id := p.ID
	if id == "" {
		if id, err = sameContact(ctx, scope, fields); err != nil {
			return none, err
		}
	}
	r := saveContactResult{ActedFor: tool.Acted(resolved), Created: id == ""}
	var saved *ravi.Contact
	if r.Created {
		saved, err = scope.CreateContact(ctx, fields)
	} else {
		saved, err = scope.UpdateContact(ctx, id, fields)
	}
	if err != nil {
		return none, noContact(err)
	}
	r.Contact = contactOf(*saved)
	return r, nil
}

// sameContact returns the id of the contact that has the address or the number, "" for none.
func sameContact(ctx context.Context, scope *ravi.Scope, f ravi.ContactFields) (string, error) {
	id := ""
	for _, by := range []struct{ email, phone string }{{email: value(f.Email)}, {phone: value(f.Phone)}} {
		if by.email == "" && by.phone == "" {
			continue
		}
		found, err := exactContact(ctx, scope, by.email, by.phone)
		if err != nil {
			return "", err
		}
		if len(found) == 0 {
			continue
		}
		if id != "" && id != found[0].UUID {
			return "", fault.New(fault.Conflict, fmt.Sprintf("One contact has that address and another one that number: %s and %s.", id, found[0].UUID),
				"Pass the id of the one to change, or delete one of them.")
		}
		id = found[0].UUID
	}
	return id, nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
