package tool

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"ravi-mcp/schemas"
	"ravi-mcp/session"
)

// AboutIdentity returns the uuid of the identity that a result concerns.
func (a ActedFor) AboutIdentity() string { return a.Identity.UUID }

// references are the arguments that name what a call is about, and what such a reference looks
// like. An id is one of Ravi's making; a name or domain is text that may be anything, also a value
// that a model put into the wrong argument.
var references = []struct {
	argument string
	form     func(string) bool
	isID     bool
}{
	{"message_id", regexp.MustCompile(`^(sms|email):[0-9]{1,19}$`).MatchString, true},
	{"id", session.LooksLikeUUID, true},
	{"domain", looksLikeDomain, false},
	{"name", looksLikeName, false},
}

// Lengths are compared apart: a bound as large as these in an expression makes it large, and every
// start compiles it.
var (
	nameShape  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)
	labelShape = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
)

func looksLikeName(s string) bool { return len(s) <= 64 && nameShape.MatchString(s) }

// looksLikeDomain reports whether a text is two to nine labels.
func looksLikeDomain(s string) bool {
	labels := strings.Split(s, ".")
	return len(labels) >= 2 && len(labels) <= 9 &&
		!slices.ContainsFunc(labels, func(l string) bool { return len(l) > 63 || !labelShape.MatchString(l) })
}

// Subject is what a call is about, for the audit.
type Subject struct {
	// Identity is the uuid of the identity that the call means; "" where that is not known yet.
	Identity string
	// Target is a reference to what it is about, "" for none: an id, or a keyed hash of a name,
	// such as name#93c1f02a77d4. The hash of a name is the same as long as the process lives, and
	// means nothing elsewhere.
	Target string
	// Proven replaces Target once the call has succeeded: what bears the name exists then, or did,
	// so that it is a name.
	Proven string
}

// targetKey keys the hashes of Subject.Target.
var targetKey = []byte(rand.Text())

// Subject returns what a call is about, before it runs. args fit the schema in.
func (d *Deps) Subject(ctx context.Context, call session.Call, in *schemas.Schema, args json.RawMessage) (s Subject) {
	var given map[string]json.RawMessage
	if json.Unmarshal(args, &given) != nil {
		return s
	}
	text := func(name string) (s string) {
		_ = json.Unmarshal(given[name], &s)
		return s
	}
	for _, ref := range references {
		v := text(ref.argument)
		if v == "" {
			continue
		}
		s.Target = hashed(ref.argument, v)
		if s.Proven = s.Target; ref.form(v) {
			s.Proven = v
		}
		if ref.isID {
			s.Target = s.Proven
		}
		break
	}
	if text("cursor") != "" || !in.Has("identity") {
		return s
	}
	if resolved, err := d.Resolver.Resolve(ctx, call, session.Query{Argument: text("identity")}); err == nil {
		s.Identity = resolved.Identity.UUID
	}
	return s
}

func hashed(argument, value string) string {
	mac := hmac.New(sha256.New, targetKey)
	mac.Write([]byte(value))
	return argument + "#" + hex.EncodeToString(mac.Sum(nil)[:6])
}
