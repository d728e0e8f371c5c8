package session

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// LocalCaller is the name of the one caller of a stdio server, and of everyone on the machine where
// a loopback HTTP server has no tokens.
const LocalCaller = "local"

// Caller is a client that may call this server, and what it may do. A Caller is immutable after it
// is made.
type Caller struct {
	// Name tells callers apart in state, logs and audit. It is never empty.
	Name string
	// DefaultIdentity is the uuid, name or address used when nothing else names an identity
	// (ARCHITECTURE.md#identity-of-a-call, rule 4).
	DefaultIdentity string
	// RaviConfigDir is the folder with the credential of the caller's Ravi account; "" means the
	// server's own account.
	RaviConfigDir string
	// Shared says that several agents call as this one, behind a pool or a gateway. Their sessions
	// remember nothing for them (Call.Shared).
	Shared bool
	// Rights bound what the caller may touch.
	Rights Rights
}

// Rights are upper bounds: nothing in a call can widen them.
type Rights struct {
	// Policies tighten the server's policies for this caller.
	Policies Policies
	// Identities are name patterns such as "research-*" (path.Match syntax). An identity whose name
	// fits none does not exist for the caller. Nil allows every identity; an empty, non-nil list
	// allows none.
	Identities []string
	// Own adds the identities that the caller created itself, as the store has recorded, and its
	// default identity. With Own and no pattern, nothing else exists for it.
	Own bool
	// Toolsets are the toolsets whose tools exist for the caller. Nil means all that the server
	// has; an empty, non-nil list means none.
	Toolsets []string
	// ReadOnly leaves out every tool that writes.
	ReadOnly bool
}

// AllowsTool reports whether a tool of those toolsets, which writes or not, exists for the caller.
func (r Rights) AllowsTool(toolsets []string, writes bool) bool {
	if writes && r.ReadOnly {
		return false
	}
	return r.Toolsets == nil || slices.ContainsFunc(toolsets, func(set string) bool { return slices.Contains(r.Toolsets, set) })
}

// ParsePatterns reads a comma-separated list of name patterns, as given to --allow-identities; Own
// may be among them (Rights.Allow). Spaces around a pattern are dropped. An empty list or a
// malformed pattern is an error, so that a typing mistake cannot open everything.
func ParsePatterns(list string) ([]string, error) {
	var patterns []string
	for p := range strings.SplitSeq(list, ",") {
		p = strings.TrimSpace(p)
		if p == "" {
			continue
		}
		if err := checkPattern(p); err != nil {
			return nil, fmt.Errorf("identity pattern %q: %w", p, err)
		}
		patterns = append(patterns, p)
	}
	if len(patterns) == 0 {
		return nil, fmt.Errorf("no identity pattern in %q", list)
	}
	return patterns, nil
}

// checkPattern refuses a malformed pattern, and one whose meaning depends on who reads it: a class
// that begins with ! is the opposite of the class in a shell and an ordinary one in path.Match, and
// one that begins with ^ is the other way round in some shells.
func checkPattern(p string) error {
	for i := 0; i < len(p); i++ {
		switch {
		case p[i] == '\\':
			i++
		case p[i] == '[' && i+1 < len(p) && (p[i+1] == '!' || p[i+1] == '^'):
			return errors.New("a class must not begin with ! or ^: list the characters that are allowed")
		}
	}
	_, err := path.Match(p, "")
	return err
}

// AllowsName reports whether an identity of that name is within the caller's patterns. Matching is
// case-sensitive, as names are at Ravi.
func (r Rights) AllowsName(name string) bool {
	if r.Identities == nil {
		return true
	}
	for _, p := range r.Identities {
		// A slash is an ordinary character in a name, but a separator to path.Match; folding it
		// keeps "*" matching all of a name.
		ok, err := path.Match(strings.ReplaceAll(p, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00"))
		if err == nil && ok {
			return true
		}
	}
	return false
}
