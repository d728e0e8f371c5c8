package tools

import (
	"context"
	"encoding/json"
	"regexp"

	"ravi-mcp/schemas"
	"ravi-mcp/session"
)

// AboutIdentity returns the uuid of the identity that a result concerns.
func (a ActedFor) AboutIdentity() string { return a.Identity.UUID }

// references are the arguments that name what a call is about, and what such a
// reference looks like. Anything else, such as a value that a model put into
// the wrong argument, does not become part of the audit.
var references = []struct {
	argument string
	form     *regexp.Regexp
}{
	{"message_id", regexp.MustCompile(`^(sms|email):[A-Za-z0-9-]{1,64}$`)},
	{"id", uuidShape},
	{"domain", regexp.MustCompile(`^[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}$`)},
	{"name", regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)},
}

// Subject returns, for the audit and before the call runs, the uuid of the
// identity that a call means, "" where that is not known yet, and a reference
// to what it is about, "" for none. args fit the schema in.
func (d *Deps) Subject(ctx context.Context, call session.Call, in *schemas.Schema, args json.RawMessage) (identity, target string) {
	var given map[string]json.RawMessage
	if json.Unmarshal(args, &given) != nil {
		return "", ""
	}
	text := func(name string) (s string) {
		_ = json.Unmarshal(given[name], &s)
		return s
	}
	for _, ref := range references {
		if v := text(ref.argument); v != "" && ref.form.MatchString(v) {
			target = v
			break
		}
	}
	if text("cursor") != "" || !in.Has("identity") {
		return "", target
	}
	if resolved, err := d.Resolver.Resolve(ctx, call, session.Query{Argument: text("identity")}); err == nil {
		identity = resolved.Identity.UUID
	}
	return identity, target
}
